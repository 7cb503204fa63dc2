"""The hashing of ``ngram_hashing.py`` in TensorFlow ops, for texts that are only known when the graph runs."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from tfclassify.text.ngram_hashing import COEFFICIENTS, ORDERS, PRIME
from tfclassify.text.word_pieces import SpecialIds


@dataclass(frozen=True)
class PieceRunOps:
    """T word pieces of ``rows`` texts or pairs in a row, as in ``PieceRun``: ``ids`` and ``segments``, int64[T].

    ``known`` bool[T] says of which it is known what they are; None where it is of all. Of others there is no n-gram.
    """

    ids: tf.Tensor
    segments: tf.Tensor
    rows: tf.Tensor
    known: tf.Tensor | None = None


def run_of_pieces(first: tf.RaggedTensor, second: tf.RaggedTensor | None) -> PieceRunOps:
    """Takes the word pieces of B texts, or of pairs, int32[B, None] each, without special tokens."""
    ids, segments = [tf.cast(first.flat_values, tf.int64)], [2 * first.value_rowids()]
    if second is not None:
        ids.append(tf.cast(second.flat_values, tf.int64))
        segments.append(2 * second.value_rowids() + 1)
    # Of ragged rows that were gathered not even the rank of what is in them is known.
    flat, owners = (tf.reshape(tf.concat(parts, 0), [-1]) for parts in (ids, segments))
    return PieceRunOps(flat, owners, tf.cast(first.nrows(), tf.int64))


def run_of_tokens(ids: tf.Tensor, mask: tf.Tensor, types: tf.Tensor, special: SpecialIds) -> PieceRunOps:
    """Takes the word pieces out of packed tokens, int32[B, L] each: what is neither padding, [CLS] nor [SEP].

    Which words were unknown nobody can tell any more.
    """
    places = tf.where((mask > 0) & (ids != special.cls) & (ids != special.sep))
    found, sides = tf.gather_nd(ids, places), tf.gather_nd(types, places)
    segments = 2 * places[:, 0] + tf.cast(sides, tf.int64)
    return PieceRunOps(tf.cast(found, tf.int64), segments, tf.shape(ids, tf.int64)[0], found != special.unknown)


def hashed_ngrams(pieces: PieceRunOps, buckets: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the n-grams of pieces as ``ngram_hashing.hashed_ngrams`` does: rows and buckets, int64[G] each."""
    rows, found = [], []
    for order in ORDERS:
        count = tf.maximum(tf.size(pieces.ids) - order + 1, 0)
        ends = pieces.segments[order - 1 :][:count]
        within = pieces.segments[:count] == ends
        if pieces.known is not None:
            within = tf.reduce_all([within, *(pieces.known[place:][:count] for place in range(order))], axis=0)
        hashed = tf.fill([count], tf.constant(COEFFICIENTS[0] * order, tf.int64))
        for place in range(order):
            hashed += COEFFICIENTS[1 + place] * pieces.ids[place : place + count]
        rows.append(tf.boolean_mask(ends, within) // 2)
        found.append(tf.boolean_mask(hashed, within) % PRIME % buckets)
    return tf.concat(rows, 0), tf.concat(found, 0)
