"""Spans of a text found by a pattern, looked at with what stands around them, and rewritten: in TensorFlow's own ops.

RE2, the engine of ``tf.strings``, has no look-around and no arithmetic, so a span is found in two steps: a pattern
marks candidates, and the text is cut at the marks. Then a candidate, what is before and what is behind it are strings
of their own that further patterns and checksums can judge. Everything takes time linear in the length of the text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

MARK = "\x01"


class Spans(NamedTuple):
    """M candidates, string[M] each: themselves, and the text before and behind, through the next candidate."""

    text: tf.Tensor
    before: tf.Tensor
    after: tf.Tensor


# Spans to what each becomes, string[M].
Judge = Callable[[Spans], tf.Tensor]


def rewrite(texts: tf.Tensor, pattern: str, judge: Judge) -> tf.Tensor:
    """Rewrites what a pattern finds in texts.

    Args:
        texts: string[N], UTF-8, without the character U+0001.
        pattern: of RE2; never matches an empty string. Of matches that overlap the leftmost is the candidate.
        judge: gives for every candidate what is to stand in its place.
    """
    marked = tf.strings.regex_replace(texts, f"({pattern})", rf"{MARK}\1{MARK}")
    found = tf.not_equal(marked, texts)
    return put(texts, found, _rewritten(tf.gather(marked, places(found)), judge))


def places(mask: tf.Tensor) -> tf.Tensor:
    """Returns int64[M]: where bool[N] is true."""
    return tf.reshape(tf.where(mask), [-1])


def put(values: tf.Tensor, mask: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    """Returns values[N] with ``chosen[M]`` in the M places where ``mask`` is true."""
    order = tf.maximum(tf.cumsum(tf.cast(mask, tf.int32)) - 1, 0)
    filled = tf.concat([chosen, tf.zeros([1], chosen.dtype)], axis=0)
    return tf.where(mask, tf.gather(filled, order), values)


def ends_with(texts: tf.Tensor, pattern: str) -> tf.Tensor:
    """Returns bool[M]: whether a text ends with what the pattern says."""
    return tf.strings.regex_full_match(texts, f"(?s:.*)(?:{pattern})")


def begins_with(texts: tf.Tensor, pattern: str) -> tf.Tensor:
    """Returns bool[M]: whether a text begins with what the pattern says."""
    return tf.strings.regex_full_match(texts, f"(?:{pattern})(?s:.*)")


def _rewritten(marked: tf.Tensor, judge: Judge) -> tf.Tensor:
    cut = tf.raw_ops.StringSplitV2(input=marked, sep=MARK)
    rows, columns = cut.indices[:, 0], cut.indices[:, 1]
    # Marks come in pairs, so every second part of a text is a candidate.
    candidate = tf.equal(columns % 2, 1)
    place = places(candidate)
    parts = put(cut.values, candidate, judge(_spans(cut.values, rows, place)))
    return tf.strings.unsorted_segment_join(parts, rows, tf.size(marked))


def _spans(parts: tf.Tensor, rows: tf.Tensor, place: tf.Tensor) -> Spans:
    def beyond(step: int) -> tf.Tensor:
        there = tf.clip_by_value(place + step, 0, tf.size(parts, tf.int64) - 1)
        same = tf.equal(tf.gather(rows, there), tf.gather(rows, place)) & tf.equal(there, place + step)
        return tf.where(same, tf.gather(parts, there), "")

    text, before, after = (tf.gather(parts, place + step) for step in (0, -1, 1))
    return Spans(text, tf.strings.join([beyond(-2), before]), tf.strings.join([after, beyond(2)]))
