"""The package's tokenizer and the reference, on one vocabulary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from reference_tokenizer import reference, reference_ids


class Both(NamedTuple):
    """The ids of texts, as the package and as the reference make them."""

    lower_case: bool
    ours: Callable[[Sequence[str]], list[list[int]]]
    reference: Callable[[Sequence[str]], list[list[int]]]


def compared(vocabulary: Path, *, lower_case: bool) -> Both:
    """Opens both tokenizers on a vocabulary."""
    from tfclassify.text.word_pieces import word_pieces

    ours = word_pieces(vocabulary, lower_case=lower_case)
    theirs = reference(vocabulary, lower_case=lower_case)
    return Both(lower_case, lambda texts: ours(texts).to_list(), lambda texts: reference_ids(theirs, texts))
