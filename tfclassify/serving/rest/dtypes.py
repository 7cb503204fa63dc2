"""TensorFlow's numbers for types of tensors, their names in messages, and what of JSON fits into each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

STRING = 7


@dataclass(frozen=True)
class Accepted:
    """JSON values that a tensor takes.

    Attributes:
        kinds: their types in Python.
        low: the least whole number.
        high: the greatest.
        dtype: of the array they are put in first; numbers are made to fit the tensor's own from there, silently.
        final: the tensor's own.
    """

    kinds: frozenset[type]
    low: int
    high: int
    dtype: Any
    final: Any


_INT32 = (frozenset({int}), -(2**31), 2**31 - 1, np.int32)
_DECIMAL = (frozenset({int, float}), -(2**63), 2**64 - 1, np.float64)

# By the numbers of ``DataType`` in ``tensorflow/core/framework/types.proto``. Narrow whole numbers are held against
# 32 bits only, as in stock.
ACCEPTED: dict[int, Accepted] = {
    1: Accepted(*_DECIMAL, np.float32),
    2: Accepted(*_DECIMAL, np.float64),
    3: Accepted(*_INT32, np.int32),
    4: Accepted(*_INT32, np.uint8),
    5: Accepted(*_INT32, np.int16),
    6: Accepted(*_INT32, np.int8),
    STRING: Accepted(frozenset({str}), 0, 0, np.object_, np.object_),
    9: Accepted(frozenset({int}), -(2**63), 2**63 - 1, np.int64, np.int64),
    10: Accepted(frozenset({bool}), 0, 1, np.bool_, np.bool_),
    22: Accepted(frozenset({int}), 0, 2**32 - 1, np.uint32, np.uint32),
    23: Accepted(frozenset({int}), 0, 2**64 - 1, np.uint64, np.uint64),
}

NAMES: dict[int, str] = {
    1: "float",
    2: "double",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    7: "string",
    8: "complex64",
    9: "int64",
    10: "bool",
    11: "qint8",
    12: "quint8",
    13: "qint32",
    14: "bfloat16",
    15: "qint16",
    16: "quint16",
    17: "uint16",
    18: "complex128",
    19: "half",
    20: "resource",
    21: "variant",
    22: "uint32",
    23: "uint64",
    24: "float8_e5m2",
    25: "float8_e4m3fn",
}


def name_of(dtype: int) -> str:
    """Returns TensorFlow's name for a type, as messages have it."""
    return NAMES.get(dtype, f"unknown dtype enum ({dtype})")


def name_of_array(dtype: Any) -> str:
    """Returns the same for a type of numpy's."""
    known = {"float16": "half", "float32": "float", "float64": "double", "object": "string"}
    return known.get(dtype.name, dtype.name)
