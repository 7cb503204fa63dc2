"""The packing of ``packing.py`` in TensorFlow ops, for texts that are only known when the graph runs."""

from __future__ import annotations

import tensorflow as tf

from tfclassify.text.packing import specials
from tfclassify.text.word_pieces import SpecialIds

Tokens = dict[str, tf.Tensor]


def pack(first: tf.RaggedTensor, second: tf.RaggedTensor | None, *, max_length: int, special: SpecialIds) -> Tokens:
    """Packs B texts, or pairs, into one batch as long as its longest row.

    Args:
        first: word pieces int32[B, None].
        second: those of the second texts, or None.
        max_length: tokens of a row, at most; the longer text of a pair is cut first.
        special: ids of [CLS], [SEP] and padding.

    Returns:
        ``input_ids``, ``attention_mask`` and ``token_type_ids``, each int32[B, L].
    """
    kept = _kept(first, second, max_length)
    rows = tf.ones([first.nrows(), 1], tf.int32)
    opening = tf.concat([special.cls * rows, _cut(first, kept[0]), special.sep * rows], axis=1)
    ids = opening if second is None else tf.concat([opening, _cut(second, kept[1]), special.sep * rows], axis=1)
    dense = ids.to_tensor(special.pad)
    # Of no rows at all the longest is nothing, which the network cannot take.
    dense = tf.pad(dense, [[0, 0], [0, tf.maximum(1 - tf.shape(dense)[1], 0)]], constant_values=special.pad)
    width = tf.shape(dense)[1]
    mask = tf.sequence_mask(ids.row_lengths(), width, tf.int32)
    ahead = tf.sequence_mask(opening.row_lengths(), width, tf.int32)
    types = tf.zeros_like(mask) if second is None else mask - ahead
    return {"input_ids": dense, "attention_mask": mask, "token_type_ids": types}


def _kept(first: tf.RaggedTensor, second: tf.RaggedTensor | None, max_length: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns how many pieces of each text stay: the rule of ``packing.kept_lengths``."""
    room = tf.constant(max_length - specials(pair=second is not None), tf.int64)
    one = first.row_lengths()
    if second is None:
        return tf.minimum(one, room), one
    other = second.row_lengths()
    shorter = tf.minimum(one, other)
    longer = tf.maximum(shorter, room - shorter)
    shorter = tf.where(shorter + longer > room, room // 2, shorter)
    longer = tf.where(shorter + longer > room, room - shorter, longer)
    swapped = one > other
    return tf.minimum(one, tf.where(swapped, longer, shorter)), tf.minimum(other, tf.where(swapped, shorter, longer))


def _cut(pieces: tf.RaggedTensor, kept: tf.Tensor) -> tf.RaggedTensor:
    starts = pieces.row_starts()
    return tf.gather(pieces.flat_values, tf.ragged.range(starts, starts + kept))
