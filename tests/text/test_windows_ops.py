"""Windows inside a graph against windows outside of it."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from test_windows import CLS, SEP, slices, texts, ways

from tfclassify.text import windows
from tfclassify.text.windows import Windowing
from tfclassify.text.windows_ops import pack_windows
from tfclassify.text.word_pieces import SpecialIds

SPECIAL = SpecialIds(pad=0, unknown=1, cls=CLS, sep=SEP)


def ragged(rows: list[list[int]], dtype: tf.DType = tf.int32) -> tf.RaggedTensor:
    values = tf.constant([value for row in rows for value in row], dtype)
    return tf.RaggedTensor.from_row_lengths(values, tf.constant([len(row) for row in rows], tf.int64))


@settings(max_examples=60)
@given(texts, ways(), st.data())
def test_the_same_as_outside_of_a_graph(rows: list[list[int]], how: Windowing, data: st.DataObject) -> None:
    breaks = [sorted(data.draw(st.sets(st.integers(0, max(len(row) - 1, 0)), max_size=4))) for row in rows]
    breaks = breaks if data.draw(st.booleans()) else None
    made = pack_windows(ragged(rows), how, special=SPECIAL, breaks=None if breaks is None else ragged(breaks, tf.int64))
    flat = windows.kept(slices(rows), how, None if breaks is None else [np.array(each, np.int64) for each in breaks])
    found = windows.spans(flat, how)
    lengths = windows.row_lengths(np.array([len(row) for row in rows]), windows.counts(found), how)
    expected = windows.pack_windows(flat, found, how, shape=(len(rows), int(lengths.max())), cls=CLS, sep=SEP)
    np.testing.assert_array_equal(made["input_ids"], expected.ids)
    np.testing.assert_array_equal(made["attention_mask"], expected.mask)
    np.testing.assert_array_equal(made["token_type_ids"], expected.types)


@pytest.mark.parametrize("number", [1, 3, 20])
def test_the_same_in_a_graph(number: int) -> None:
    how = Windowing(8, 3, 5, 0.25, (5,), (6,))
    run = tf.function(lambda pieces: pack_windows(pieces, how, special=SPECIAL), autograph=False)
    pieces = ragged([[*range(5, 5 + number)], []])
    graph, eager = run(pieces), pack_windows(pieces, how, special=SPECIAL)
    for name, tensor in graph.items():
        np.testing.assert_array_equal(tensor, eager[name])


def test_no_rows_at_all() -> None:
    made = pack_windows(ragged([]), Windowing(8, 3, 6, 1.0, (5,), (6,)), special=SPECIAL)
    assert {name: tensor.shape.as_list() for name, tensor in made.items()} == {
        "input_ids": [0, 1],
        "attention_mask": [0, 1],
        "token_type_ids": [0, 1],
    }
