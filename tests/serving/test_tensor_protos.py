"""Tensors as messages: what is written is read again, and no message asks for more memory than it brings."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tensorflow.core.framework import tensor_pb2

from tfclassify.serving.status import Code, Refusal
from tfclassify.serving.tensor_protos import MOST_REPEATED, read_tensor, write_tensor

SHAPES = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
NUMBERS = st.sampled_from(["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", "c8", "c16"])


def message(dtype: int, *shape: int, **values: Any) -> Any:
    made = tensor_pb2.TensorProto(dtype=dtype, **values)
    for size in shape:
        made.tensor_shape.dim.add().size = size
    return made


def refusal(made: Any) -> str:
    with pytest.raises(Refusal) as caught:
        read_tensor(made, "x")
    assert caught.value.code is Code.INVALID_ARGUMENT
    return caught.value.message


@given(NUMBERS.flatmap(lambda kind: arrays.arrays(kind, SHAPES)))
def test_numbers_come_back(array: np.ndarray) -> None:
    found = read_tensor(write_tensor(array), "x")
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert found.tobytes() == array.tobytes() or np.array_equal(found, array, equal_nan=True)


@given(arrays.arrays(object, SHAPES, elements=st.binary(max_size=5)))
def test_bytes_come_back(array: np.ndarray) -> None:
    found = read_tensor(write_tensor(array), "x")
    assert (found.dtype, found.shape, found.tolist()) == (array.dtype, array.shape, array.tolist())


@given(st.binary(max_size=60))
def test_any_bytes_are_a_tensor_or_refused(given_bytes: bytes) -> None:
    made = tensor_pb2.TensorProto()
    try:
        made.ParseFromString(given_bytes)
    except Exception:
        return
    try:
        assert isinstance(read_tensor(made, "x"), np.ndarray)
    except Refusal as error:
        assert error.code is Code.INVALID_ARGUMENT  # noqa: PT017


@pytest.mark.parametrize(
    ("array", "field"),
    [
        (np.array([1.5, 2.5], np.float32), "float_val"),
        (np.array([1.5, 2.5], np.float64), "double_val"),
        (np.array([[1, 2]], np.int32), "int_val"),
        (np.array([1, 2], np.int64), "int64_val"),
        (np.array([True, False]), "bool_val"),
        (np.array([b"a", b"b"], object), "string_val"),
    ],
)
def test_values_are_written_where_clients_of_the_stock_server_read_them(array: np.ndarray, field: str) -> None:
    made = write_tensor(array)
    assert list(getattr(made, field)) == array.reshape(-1).tolist()
    assert made.tensor_content == b""


def test_halves() -> None:
    array = np.array([1.5, -2.0], ml_dtypes.bfloat16)
    found = read_tensor(write_tensor(array), "x")
    assert (found.dtype, found.tolist()) == (array.dtype, array.tolist())


def test_contents_as_bytes() -> None:
    array = np.array([[1.0, 2.0]], np.float32)
    assert read_tensor(tf.make_tensor_proto(array), "x").tolist() == array.tolist()
    # Two strings as C++ clients pack them: their lengths, then their bytes.
    assert read_tensor(message(7, 2, tensor_content=b"\x01\x02abb"), "x").tolist() == [b"a", b"bb"]


def test_the_last_value_goes_on_to_the_end_within_bounds() -> None:
    assert read_tensor(message(1, 3, float_val=[1.0, 2.0]), "x").tolist() == [1.0, 2.0, 2.0]
    assert read_tensor(message(7, 2, string_val=[b"a"]), "x").tolist() == [b"a", b"a"]
    assert read_tensor(message(1, MOST_REPEATED, float_val=[1.0]), "x").shape == (MOST_REPEATED,)
    text = refusal(message(1, MOST_REPEATED + 1, float_val=[1.0]))
    assert text == f"Tensor x cannot be read: 1 values for {MOST_REPEATED + 1} elements"
    assert refusal(message(1, 2**40, 2**40)).startswith("Tensor x cannot be read: 0 values for ")


@pytest.mark.parametrize(
    "made",
    [
        message(0, 1),
        message(99, 1),
        message(20, 1),
        message(1, 3, tensor_content=b"abc"),
        message(1, 3, tensor_content=b"abcd"),
        message(7, 2, tensor_content=b"\x01"),
        message(1, 1, float_val=[1.0, 2.0]),
        message(7, 1, string_val=[b"a", b"b"]),
    ],
)
def test_messages_that_do_not_fit(made: Any) -> None:
    assert refusal(made) == "Tensor x cannot be read: its type, shape and values do not fit"


def test_messages_of_no_known_shape() -> None:
    assert refusal(message(1, -1)) == "Tensor x cannot be read: its shape is not known"
    unknown = message(1)
    unknown.tensor_shape.unknown_rank = True
    assert refusal(unknown) == "Tensor x cannot be read: its shape is not known"
