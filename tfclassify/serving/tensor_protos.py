"""Tensors as messages (``TensorProto``) and as arrays."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.core.framework import tensor_pb2

from tfclassify.serving.status import Code, Refusal

# In a message the last value goes on to the end of the shape, so that a few bytes could ask for any memory.
MOST_REPEATED = 2**20
FIELDS = {
    "bool": "bool_val",
    "string": "string_val",
    "float32": "float_val",
    "float64": "double_val",
    "int64": "int64_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
    **dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16"), "int_val"),
}
HALVES = ("float16", "bfloat16")


def read_tensor(message: Any, name: str) -> NDArray[Any]:
    """Reads a tensor.

    Args:
        message: a ``TensorProto``.
        name: of the tensor, for errors.

    Returns:
        An array; of objects that are bytes where the tensor is of strings.

    Raises:
        Refusal: INVALID_ARGUMENT, the message is not well-formed, or a few values in it stand for very many.
    """
    size = prod(_sizes(message, name))
    given = len(message.tensor_content) or max(len(values) for _, values in _values(message)) if size else 0
    if size > max(given, MOST_REPEATED):
        raise _malformed(name, f"{given} values for {size} elements")
    try:
        return _array(message)
    except (TypeError, ValueError, KeyError, tf.errors.InvalidArgumentError) as error:
        raise _malformed(name, "its type, shape and values do not fit") from error


def write_tensor(array: NDArray[Any]) -> Any:
    """Writes an array as a ``TensorProto``, each value in the field of its type.

    The stock server writes answers so, and clients read ``float_val``; TensorFlow's own ``make_tensor_proto`` puts
    numbers into ``tensor_content`` instead.
    """
    kind = tf.as_dtype(array.dtype)
    if kind.name not in FIELDS and kind.name not in HALVES:
        return tf.make_tensor_proto(array)
    message = tensor_pb2.TensorProto(dtype=kind.as_datatype_enum, tensor_shape=tf.TensorShape(array.shape).as_proto())
    if kind.name in HALVES:
        message.half_val.extend(array.reshape(-1).view(np.uint16).tolist())
    else:
        getattr(message, FIELDS[kind.name]).extend(array.reshape(-1).tolist())
    return message


def _sizes(message: Any, name: str) -> list[int]:
    sizes = [dim.size for dim in message.tensor_shape.dim]
    if message.tensor_shape.unknown_rank or any(size < 0 for size in sizes):
        raise _malformed(name, "its shape is not known")
    return sizes


def _values(message: Any) -> list[tuple[str, Any]]:
    names = {*FIELDS.values(), "half_val", "scomplex_val", "dcomplex_val"}
    return [(name, getattr(message, name)) for name in names]


def _array(message: Any) -> NDArray[Any]:
    if message.tensor_content and message.dtype == tf.string.as_datatype_enum:
        # Lengths, then bytes, as C++ clients write them.
        return np.asarray(tf.io.parse_tensor(message.SerializeToString(), tf.string).numpy(), object)
    return np.asarray(tf.make_ndarray(message))


def _malformed(name: str, why: str) -> Refusal:
    return Refusal(Code.INVALID_ARGUMENT, f"Tensor {name} cannot be read: {why}")
