"""Numbers come out in the fewest digits that stock would use and can be read back; strings raw."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.serving.rest.json_writing import decimals, echo, error_text, nested, tokens
from tfclassify.serving.status import Refusal


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (2.5, "2.5"),
        (3, "3.0"),
        (-0.0, "-0.0"),
        (9_000_000, "9e+06"),
        (0.00003, "3e-05"),
        (0.2, "0.2"),
        (1 / 3, "0.333333343"),
        (16_777_216, "16777216.0"),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
    ],
)
def test_numbers_of_single_precision(number: float, text: str) -> None:
    assert decimals(np.array([number], np.float32)) == [text]


def test_numbers_of_double_precision() -> None:
    assert decimals(np.array([0.1, 1 / 3, 1e300, 5e-324])) == ["0.1", "0.33333333333333331", "1e+300", "4.94066e-324"]


@given(st.lists(st.floats(width=32)))
def test_single_precision_is_read_back(numbers: list[float]) -> None:
    values = np.array(numbers, np.float32)
    np.testing.assert_array_equal(np.array([float(text) for text in decimals(values)], np.float32), values)


@given(st.lists(st.floats()))
def test_double_precision_is_read_back(numbers: list[float]) -> None:
    values = np.array(numbers, np.float64)
    np.testing.assert_array_equal(np.array([float(text) for text in decimals(values)]), values)


def test_whole_numbers_truth_and_strings() -> None:
    assert tokens(np.array([[1, -2]], np.int64), as_bytes=False) == ["1", "-2"]
    assert tokens(np.array([True, False]), as_bytes=False) == ["true", "false"]
    strings = np.array([b'a"\n', "é".encode(), b"\xff"], object)
    assert tokens(strings, as_bytes=False) == ['"a\\"\\n"', '"é"', '"\udcff"']
    assert tokens(strings, as_bytes=True)[2] == '{"b64": "/w=="}'


@pytest.mark.parametrize(("dtype", "name"), [(np.complex64, "complex64"), (np.float16, "half"), (np.uint16, "uint16")])
def test_types_without_a_form(dtype: type, name: str) -> None:
    assert tokens(np.zeros(0, dtype), as_bytes=False) == []
    with pytest.raises(Refusal, match=f"^Failed to write JSON value for tensor type: {name}$"):
        tokens(np.zeros(1, dtype), as_bytes=False)


@given(st.lists(st.integers(0, 4), max_size=4), st.integers(0, 4))
def test_elements_are_nested_as_the_shape_says(shape: list[int], keep: int) -> None:
    values = np.arange(math.prod(shape)).reshape(shape)
    keep = min(keep, len(shape))
    written = nested(tokens(values, as_bytes=False), shape, keep=keep)
    assert [json.loads(text) for text in written] == [values[place].tolist() for place in np.ndindex(*shape[:keep])]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "5"),
        (1.0, "1.0"),
        ("a", '"a"'),
        (None, "null"),
        (True, "true"),
        ({"a": []}, '{\n    "a": []\n}'),
        (1e300, "1e+300"),
    ],
)
def test_what_errors_quote(value: object, text: str) -> None:
    assert echo(value) == text


def test_errors_quote_no_more_than_256_characters() -> None:
    assert len(echo("x" * 10_000)) == 256
    assert len(echo([{"key": list(range(10))}] * 1_000_000)) == 256


def test_an_error_is_one_key() -> None:
    assert json.loads(error_text('bad "x"\n\udcff')) == {"error": 'bad "x"\n?'}
