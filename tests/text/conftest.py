"""A vocabulary in which nearly every character counts, and the two tokenizers to compare on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
import vocabularies
from reference_tokenizer import CODE_POINTS, reference, reference_ids


class Both(NamedTuple):
    """The ids of texts, as the package and as the reference make them."""

    lower_case: bool
    ours: Callable[[Sequence[str]], list[list[int]]]
    reference: Callable[[Sequence[str]], list[list[int]]]


@pytest.fixture(scope="session")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vocabulary file with every code point up to the end of plane 1, alone and inside of words."""
    characters = (chr(code) for code in CODE_POINTS if 0x20 < code < 0x20000)
    return vocabularies.write(tmp_path_factory.mktemp("vocabulary"), vocabularies.pieces(characters))


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vocabulary file of some words and the characters of one text, for what does not depend on characters."""
    characters = "abcdefghijklmnopqrstuvwxyzABCDEFG0123456789.,[]é中𐐀"
    return vocabularies.write(tmp_path_factory.mktemp("small"), vocabularies.pieces(characters))


@pytest.fixture(scope="session", params=[True, False], ids=["uncased", "cased"])
def both(request: pytest.FixtureRequest, vocabulary: Path) -> Both:
    """Our tokenizer and the reference, on the same vocabulary."""
    return compared(vocabulary, lower_case=request.param)


def compared(vocabulary: Path, *, lower_case: bool) -> Both:
    """Opens both tokenizers on a vocabulary."""
    from tfclassify.text.word_pieces import word_pieces

    ours = word_pieces(vocabulary, lower_case=lower_case)
    theirs = reference(vocabulary, lower_case=lower_case)
    return Both(lower_case, lambda texts: ours(texts).to_list(), lambda texts: reference_ids(theirs, texts))
