"""The windows of ``windows.py`` in TensorFlow ops, for texts that are only known when the graph runs."""

from __future__ import annotations

import tensorflow as tf

from tfclassify.text.packing_ops import Tokens
from tfclassify.text.windows import MOST_CLOSERS, Windowing
from tfclassify.text.word_pieces import SpecialIds


def pack_windows(
    pieces: tf.RaggedTensor, how: Windowing, *, special: SpecialIds, breaks: tf.RaggedTensor | None = None
) -> Tokens:
    """Packs B texts into one batch, the windows of each side by side.

    Args:
        pieces: word pieces int32[B, None].
        how: the windows.
        special: ids of [CLS], [SEP] and padding.
        breaks: int64[B, None], the rising places at which the paragraphs of each text begin.

    Returns:
        ``input_ids``, ``attention_mask`` and ``token_type_ids``, each int32[B, W]; W is the length of the longest text
        where each of them is one window, else that of a window times the largest number of windows.
    """
    stay, marks = _kept(pieces, breaks, how)
    starts, lengths = _spans(stay, marks, how)
    number = tf.shape(starts)[1]
    windows = tf.RaggedTensor.from_row_lengths(
        tf.gather(stay.flat_values, _ranges(starts, lengths)), tf.reshape(lengths, [-1]), validate=False
    )
    # Only the first window is one without any piece.
    there = tf.reshape((lengths > 0) | (tf.range(number)[None, :] == 0), [-1])
    ids = tf.concat([_where(there, special.cls), windows, _where(there, special.sep)], axis=1)
    used = ids.row_lengths()
    longest = tf.maximum(tf.reduce_max(used), 1)
    width = tf.where(number > 1, tf.constant(how.length, tf.int64), longest)
    dense = ids.to_tensor(special.pad, shape=tf.stack([ids.nrows(), width]))
    mask = tf.sequence_mask(used, width, tf.int32)
    shape = tf.stack([tf.shape(starts)[0], number * tf.cast(width, tf.int32)])
    made = {"input_ids": tf.reshape(dense, shape), "attention_mask": tf.reshape(mask, shape)}
    return {**made, "token_type_ids": tf.zeros(shape, tf.int32)}


def _where(there: tf.Tensor, token: int) -> tf.RaggedTensor:
    """Returns a token for each window that is there, and nothing for the others."""
    counts = tf.cast(there, tf.int64)
    return tf.RaggedTensor.from_row_lengths(tf.fill([tf.reduce_sum(counts)], token), counts, validate=False)


def _ranges(starts: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    begins = tf.reshape(starts, [-1])
    return tf.ragged.range(begins, begins + tf.reshape(lengths, [-1])).flat_values


def _kept(pieces: tf.RaggedTensor, breaks: tf.RaggedTensor | None, how: Windowing) -> tuple[tf.RaggedTensor, tf.Tensor]:
    """Returns the pieces that stay, and the rising places among all of them at which paragraphs begin."""
    lengths = pieces.row_lengths()
    whole = lengths <= how.capacity
    heads = tf.where(whole, lengths, how.head)
    tails = tf.where(whole, tf.zeros_like(lengths), how.capacity - how.head)
    begins = pieces.row_starts()
    places = _ranges(tf.stack([begins, begins + lengths - tails], axis=1), tf.stack([heads, tails], axis=1))
    stay = tf.RaggedTensor.from_row_lengths(tf.gather(pieces.flat_values, places), heads + tails, validate=False)
    joints = tf.boolean_mask(stay.row_starts() + heads, tails > 0)
    if breaks is None:
        return stay, joints
    rows, flat = breaks.value_rowids(), tf.cast(breaks.flat_values, tf.int64)
    head, tail, length, offset = (tf.gather(each, rows) for each in (heads, tails, lengths, stay.row_starts()))
    behind = flat - (length - tail)
    early = tf.boolean_mask(offset + flat, (flat > 0) & (flat < head))
    late = tf.boolean_mask(offset + head + behind, (behind > 0) & (flat < length))
    return stay, tf.sort(tf.concat([joints, early, late], axis=0))


def _spans(stay: tf.RaggedTensor, breaks: tf.Tensor, how: Windowing) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns int64[B, K] starts and lengths: the rule of ``windows.spans``."""
    sentences = _sentences(stay, how)
    end = stay.row_limits()
    empty = tf.zeros([0, tf.shape(end)[0]], tf.int64)

    def cut(left: tf.Tensor, start: tf.Tensor, starts: tf.Tensor, stops: tf.Tensor) -> tuple[tf.Tensor, ...]:
        limit = start + how.room
        least = tf.maximum(start + how.least, end - how.stride * left)
        last = end <= limit
        stop = tf.where(last, end, _border(breaks, sentences, least, limit))
        begun, ended = (tf.concat([all_, now[None]], axis=0) for all_, now in ((starts, start), (stops, stop)))
        return left - 1, tf.where(last, end, stop - how.overlap), begun, ended

    first = cut(tf.constant(how.most - 1, tf.int64), stay.row_starts(), empty, empty)
    _, _, starts, stops = tf.while_loop(
        lambda left, start, *_: (left >= 0) & tf.reduce_any(start < end),
        cut,
        first,
        shape_invariants=(first[0].shape, first[1].shape, tf.TensorShape([None, None]), tf.TensorShape([None, None])),
        parallel_iterations=1,
    )
    return tf.transpose(starts), tf.transpose(stops - starts)


def _sentences(stay: tf.RaggedTensor, how: Windowing) -> tf.Tensor:
    values, texts = stay.flat_values, stay.value_rowids()
    ends, closers = _any_of(values, how.ends), _any_of(values, how.closers)
    found, closed = tf.zeros_like(ends), tf.ones_like(ends)
    for back in range(1, MOST_CLOSERS + 2):
        found |= closed & _before(ends, texts, back)
        closed &= _before(closers, texts, back)
    return tf.where(found & ~ends & ~closers)[:, 0]


def _any_of(values: tf.Tensor, ids: tuple[int, ...]) -> tf.Tensor:
    return tf.reduce_any(values[:, None] == tf.constant(ids, tf.int32)[None, :], axis=1)


def _before(marks: tf.Tensor, texts: tf.Tensor, back: int) -> tf.Tensor:
    same = marks[:-back] & (texts[back:] == texts[:-back])
    # Of fewer pieces than that nothing is before any of them.
    return tf.pad(same, [[tf.size(marks) - tf.size(same), 0]])


def _border(breaks: tf.Tensor, sentences: tf.Tensor, least: tf.Tensor, limit: tf.Tensor) -> tf.Tensor:
    paragraph, sentence = _last(breaks, limit), _last(sentences, limit)
    return tf.where(paragraph >= least, paragraph, tf.where(sentence >= least, sentence, limit))


def _last(places: tf.Tensor, limit: tf.Tensor) -> tf.Tensor:
    with_none = tf.concat([tf.constant([-1], tf.int64), places], axis=0)
    return tf.gather(with_none, tf.searchsorted(places, limit, side="right"))
