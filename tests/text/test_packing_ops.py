"""Packing inside a graph against packing outside of it, which is held against the reference."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.data.ragged import Ragged
from tfclassify.data.rows import Limits, rows_of_pieces
from tfclassify.text import packing
from tfclassify.text.packing import Slices
from tfclassify.text.packing_ops import pack
from tfclassify.text.word_pieces import SpecialIds

SPECIAL = SpecialIds(pad=0, unknown=1, cls=2, sep=3)

lengths = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=6)


def ragged(rows: list[int], start: int) -> tf.RaggedTensor:
    values = tf.range(start, start + sum(rows))
    return tf.RaggedTensor.from_row_lengths(tf.cast(values, tf.int32), tf.constant(rows, tf.int64))


def slices(made: tf.RaggedTensor, kept: np.ndarray) -> Slices:
    return Slices(made.values.numpy(), made.row_starts().numpy(), kept)


@given(lengths, st.integers(5, 20), st.booleans())
def test_the_same_as_outside_of_a_graph(rows: list[tuple[int, int]], max_length: int, pairs: bool) -> None:
    first, second = ragged([a for a, _ in rows], 10), ragged([b for _, b in rows], 500) if pairs else None
    made = pack(first, second, max_length=max_length, special=SPECIAL)
    kept = packing.kept_lengths(
        first.row_lengths().numpy(), None if second is None else second.row_lengths().numpy(), max_length
    )
    width = int(packing.packed_lengths(*kept).max())
    expected = packing.pack(
        slices(first, kept[0]),
        None if second is None else slices(second, kept[1]),
        shape=(len(rows), width),
        cls=SPECIAL.cls,
        sep=SPECIAL.sep,
    )
    np.testing.assert_array_equal(made["input_ids"], expected.ids)
    np.testing.assert_array_equal(made["attention_mask"], expected.mask)
    np.testing.assert_array_equal(made["token_type_ids"], expected.types)


@pytest.mark.parametrize("pairs", [False, True])
def test_no_rows_at_all(pairs: bool) -> None:
    none = tf.RaggedTensor.from_row_lengths(tf.zeros([0], tf.int32), tf.zeros([0], tf.int64))
    made = pack(none, none if pairs else None, max_length=8, special=SPECIAL)
    assert {name: tensor.shape.as_list() for name, tensor in made.items()} == {
        "input_ids": [0, 1],
        "attention_mask": [0, 1],
        "token_type_ids": [0, 1],
    }


def test_padding_is_the_vocabularys_own() -> None:
    made = pack(ragged([1, 3], 10), None, max_length=8, special=SpecialIds(pad=9, unknown=1, cls=2, sep=3))
    assert made["input_ids"].numpy().tolist() == [[2, 10, 3, 9, 9], [2, 11, 12, 13, 3]]
    assert made["attention_mask"].numpy().tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]


def test_rows_of_pieces_are_packed_alike() -> None:
    """What a run's own answers are made of."""
    rows = rows_of_pieces(Ragged(np.arange(10, 14, dtype=np.int32), np.array([0, 1, 4])), None, Limits(8, 2, 3))
    assert rows.lengths.tolist() == [3, 5]
