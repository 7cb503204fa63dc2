"""A vocabulary in which nearly every character counts, and the two tokenizers to compare on it."""

from __future__ import annotations

from pathlib import Path

import pytest
import vocabularies
from both_tokenizers import Both, compared
from reference_tokenizer import CODE_POINTS


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
