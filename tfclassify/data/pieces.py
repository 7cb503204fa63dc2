"""The tokenizer of a vocabulary file, behind the maps that are named; made when a text is first cut."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import tensorflow as tf

from tfclassify.data.token_store import Pieces
from tfclassify.text.maps import Term, choose
from tfclassify.text.word_pieces import Tokenize, read_vocabulary, special_ids, word_pieces


def pieces_of(vocabulary: Path, *, lower_case: bool, maps: Sequence[Term] = ()) -> Pieces:
    """Makes the tokenizer of a vocabulary file, behind the maps that are named.

    Raises:
        UsageError: the vocabulary cannot be read, or a map is unknown.
    """
    ids = special_ids(read_vocabulary(vocabulary))
    return Pieces(_when_needed(vocabulary, lower_case), vocabulary, lower_case, ids.unknown, choose(maps))


def _when_needed(vocabulary: Path, lower_case: bool) -> Tokenize:
    """Makes the graph with the first texts: data that were read before need none."""

    @cache
    def made() -> Tokenize:
        return word_pieces(vocabulary, lower_case=lower_case)

    def tokenize(texts: tf.Tensor) -> tf.RaggedTensor:
        return made()(texts)

    return tokenize
