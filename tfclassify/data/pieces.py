"""The tokenizer of a vocabulary file, behind the maps that are named; made when a text is first cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import tensorflow as tf

from tfclassify.text.maps import AS_GIVEN, Prepared, Term, choose
from tfclassify.text.word_pieces import Tokenize, read_vocabulary, special_ids, word_pieces


@dataclass(frozen=True)
class Pieces:
    """The tokenizer of texts: a graph from string[N] to int32 word pieces, and what it was made of.

    Texts are what :meth:`prepared` makes of them before they are cut, in training and in every answer. ``apart`` gives
    each unknown word an id of its own, for who counts words; None where no word is unknown.
    """

    tokenize: Tokenize
    vocabulary: Path
    lower_case: bool
    unknown: int
    maps: Prepared = AS_GIVEN
    apart: Tokenize | None = None

    def prepared(self, texts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns string[N], what the maps make of texts, and int32[N], how many spans were masked in each."""
        return self.maps.prepare(texts)

    def told_apart(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Returns the word pieces of prepared texts string[N], int32[N, None], unknown words told apart."""
        return (self.apart or self.tokenize)(texts)


def pieces_of(vocabulary: Path, *, lower_case: bool, maps: Sequence[Term] = ()) -> Pieces:
    """Makes the tokenizer of a vocabulary file, behind the maps that are named.

    Raises:
        UsageError: the vocabulary cannot be read, or a map is unknown.
    """
    ids = special_ids(read_vocabulary(vocabulary))
    plain, apart = (_when_needed(vocabulary, lower_case, apart=each) for each in (False, True))
    return Pieces(plain, vocabulary, lower_case, ids.unknown, choose(maps), apart)


def _when_needed(vocabulary: Path, lower_case: bool, *, apart: bool) -> Tokenize:
    """Makes the graph with the first texts: data that were read before need none."""

    @cache
    def made() -> Tokenize:
        return word_pieces(vocabulary, lower_case=lower_case, apart=apart)

    def tokenize(texts: tf.Tensor) -> tf.RaggedTensor:
        return made()(texts)

    return tokenize
