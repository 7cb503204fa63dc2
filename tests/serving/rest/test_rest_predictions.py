"""Outputs come out in rows or columns, in stock's line breaks."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tfclassify.serving.rest.predictions import column_answer, row_answer
from tfclassify.serving.status import Refusal

ONE = {"y": np.array([2.5, 3], np.float32)}
TWO = {"ints": np.array([[1, 2], [3, 4]], np.int32), "raw_bytes": np.array([b"rain", b"\xff"], object)}


def test_line_breaks_are_stocks() -> None:
    assert row_answer(ONE) == b'{\n    "predictions": [2.5, 3.0\n    ]\n}'
    assert column_answer(ONE) == b'{\n    "outputs": [2.5, 3.0]\n}'


def test_the_name_of_one_output_is_dropped() -> None:
    assert json.loads(row_answer({"a_bytes": np.array([b"x"], object)})) == {"predictions": [{"b64": "eA=="}]}
    assert json.loads(column_answer({"a": np.array(b"x", object)})) == {"outputs": "x"}


def test_several_outputs_keep_theirs() -> None:
    rows = [{"ints": [1, 2], "raw_bytes": {"b64": "cmFpbg=="}}, {"ints": [3, 4], "raw_bytes": {"b64": "/w=="}}]
    assert json.loads(row_answer(TWO)) == {"predictions": rows}
    columns = {"ints": [[1, 2], [3, 4]], "raw_bytes": [{"b64": "cmFpbg=="}, {"b64": "/w=="}]}
    assert json.loads(column_answer(TWO)) == {"outputs": columns}


def test_no_rows() -> None:
    empty = {"a": np.zeros((0, 1, 2), object), "b": np.zeros((0, 3), np.float32)}
    assert json.loads(row_answer(empty)) == {"predictions": []}
    assert json.loads(row_answer({"b": empty["b"]})) == {"predictions": []}
    assert json.loads(column_answer(empty)) == {"outputs": {"a": [], "b": []}}


def test_what_is_no_utf8_goes_out_as_it_is() -> None:
    assert b'"\xff"' in column_answer({"text": np.array([b"\xff"], object)})


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ({}, "Cannot convert empty tensor map to JSON"),
        ({"total": np.float32(3).reshape(())}, "Tensor name: total has no shape information "),
        ({"a": np.zeros(1), "b": np.zeros(2)}, "Tensor name: b has inconsistent batch size: 2 expecting: 1"),
        ({"a": np.zeros(1, np.complex64)}, "Failed to write JSON value for tensor type: complex64"),
    ],
)
def test_outputs_without_rows(outputs: dict, words: str) -> None:
    with pytest.raises(Refusal) as caught:
        row_answer(outputs)
    assert (caught.value.http_status, caught.value.message) == (400, words)
