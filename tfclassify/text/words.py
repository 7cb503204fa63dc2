"""Texts to words as BERT's basic tokenizer cuts them, in TensorFlow's own ops on code points.

Everything about a character is looked up (:mod:`tfclassify.text.characters`), so nothing here depends on the Unicode
version of the machine that runs the graph. Bytes that are not UTF-8 become U+FFFD, which the reference drops.
"""

from __future__ import annotations

from dataclasses import fields
from typing import NamedTuple

import tensorflow as tf

from tfclassify.text.characters import (
    ANYWHERE,
    DROP,
    HOLDS_BACK,
    KIND_MASK,
    LETTER,
    ORDER_BITS,
    ORDER_MASK,
    PAGE_BITS,
    RARE,
    SHIFT_BITS,
    SPACE,
    Characters,
)

REPLACEMENT = 0xFFFD


class Words(NamedTuple):
    """The W words of N texts.

    Attributes:
        words: string[W].
        lengths: int64[W], in characters.
        row_splits: int64[N + 1]; the words of text i are ``words[row_splits[i]:row_splits[i + 1]]``.
    """

    words: tf.Tensor
    lengths: tf.Tensor
    row_splits: tf.Tensor


class _Codes(NamedTuple):
    """M code points and their entries, int32[M], and where the N texts begin and end, int64[N + 1]."""

    codes: tf.Tensor
    entries: tf.Tensor
    row_splits: tf.Tensor


def as_constants(characters: Characters) -> Characters:
    """Returns the table as tensors: graphs then refer to one, instead of each branch having a copy to optimise."""
    return Characters(*(tf.constant(getattr(characters, field.name)) for field in fields(characters)))


def cut_words(texts: tf.Tensor, characters: Characters) -> Words:
    """Cleans texts and cuts them at white space and around punctuation and Chinese characters.

    Args:
        texts: string[N], UTF-8.
        characters: the table for uncased or for cased text.
    """
    decoded = _canonical(_decoded(texts, characters), characters)
    kinds = tf.bitwise.bitwise_and(decoded.entries, KIND_MASK)
    kept = _where(tf.not_equal(kinds, DROP))
    kinds = tf.gather(kinds, kept)
    letters = tf.equal(kinds, LETTER)
    inside = tf.logical_and(letters, tf.concat([[False], letters[:-1]], axis=0))
    shown = _where(tf.not_equal(kinds, SPACE))
    starts = _where(tf.logical_not(tf.gather(inside, shown)))
    splits = tf.concat([starts, [tf.size(shown, tf.int64)]], axis=0)
    origins = tf.gather(kept, shown)
    stand_for = tf.gather(decoded.codes + tf.bitwise.right_shift(decoded.entries, SHIFT_BITS), origins)
    return Words(
        words=tf.raw_ops.UnicodeEncode(input_values=stand_for, input_splits=splits, output_encoding="UTF-8"),
        lengths=splits[1:] - splits[:-1],
        row_splits=tf.searchsorted(tf.gather(origins, starts), decoded.row_splits, out_type=tf.int64),
    )


def _decoded(texts: tf.Tensor, characters: Characters) -> _Codes:
    # A space behind every text, so that a word ends where its text does.
    row_splits, codes = tf.raw_ops.UnicodeDecode(
        input=tf.strings.join([texts, " "]),
        input_encoding="UTF-8",
        errors="replace",
        replacement_char=REPLACEMENT,
    )
    return _Codes(codes, _entries(codes, characters), row_splits)


def _entries(codes: tf.Tensor, characters: Characters) -> tf.Tensor:
    pages = tf.gather(characters.pages, tf.bitwise.right_shift(codes, PAGE_BITS))
    return tf.gather(characters.entries, codes + pages)


def _canonical(decoded: _Codes, characters: Characters) -> _Codes:
    """Brings about Unicode's canonical decomposition (Annex 15, NFD) as far as stripped accents leave anything of it.

    One code point for another is in its entry; what is left is rare, and takes its time only where it occurs.
    """
    if not len(characters.composed):
        return decoded
    rare = tf.reduce_any(tf.not_equal(tf.bitwise.bitwise_and(decoded.entries, RARE), 0))
    return tf.cond(rare, lambda: _in_order(_in_parts(decoded, characters)), lambda: decoded)


def _in_parts(decoded: _Codes, characters: Characters) -> _Codes:
    place = tf.minimum(tf.searchsorted(characters.composed, decoded.codes), len(characters.composed) - 1)
    composed = tf.equal(tf.gather(characters.composed, place), decoded.codes)
    alone = tf.pad(decoded.codes[:, tf.newaxis], [[0, 0], [0, 2]], constant_values=-1)
    parts = tf.where(composed[:, tf.newaxis], tf.gather(characters.parts, place), alone)
    present = tf.greater_equal(parts, 0)
    ends = tf.cumsum(tf.reduce_sum(tf.cast(present, tf.int64), axis=1))
    codes = tf.boolean_mask(parts, present)
    row_splits = tf.gather(tf.concat([[0], ends], axis=0), decoded.row_splits)
    return _Codes(codes, _entries(codes, characters), row_splits)


def _in_order(decoded: _Codes) -> _Codes:
    order = tf.bitwise.bitwise_and(tf.bitwise.right_shift(decoded.entries, ORDER_BITS), ORDER_MASK)
    marks = tf.logical_and(tf.greater(order, HOLDS_BACK), tf.less(order, ANYWHERE))

    def ordered() -> _Codes:
        run = tf.cumsum(tf.cast(tf.equal(order, HOLDS_BACK), tf.int64))
        places = tf.argsort(run * (ANYWHERE + 1) + tf.cast(order, tf.int64), stable=True)
        return _Codes(tf.gather(decoded.codes, places), tf.gather(decoded.entries, places), decoded.row_splits)

    return tf.cond(tf.reduce_any(marks), ordered, lambda: decoded)


def _where(mask: tf.Tensor) -> tf.Tensor:
    return tf.reshape(tf.where(mask), [-1])
