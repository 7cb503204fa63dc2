"""JSON as TensorFlow Serving writes it: its numbers and line breaks, text as raw UTF-8, ``NaN`` bare."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Sequence
from json.encoder import encode_basestring
from math import isfinite, isnan, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfclassify.serving.rest.dtypes import name_of_array
from tfclassify.serving.rest.json_faults import invalid_argument

_DECIMAL = frozenset(map(np.dtype, ("float32", "float64")))
_WHOLE = frozenset(map(np.dtype, ("int8", "int16", "int32", "int64", "uint8", "uint32", "uint64")))
# How much of a wrong value an error quotes, as stock does since 2.18.
_QUOTED_CHARACTERS = 256
Echo = Callable[[Any], str]


def to_bytes(text: str) -> bytes:
    """Returns UTF-8; what a model wrote and is no UTF-8 goes out as it is, as in stock."""
    return text.encode("utf-8", "surrogateescape")


def quoted(value: bytes | str) -> str:
    """Returns a JSON string."""
    return encode_basestring(value if isinstance(value, str) else value.decode("utf-8", "surrogateescape"))


def error_text(message: str) -> bytes:
    """Returns the body of an error."""
    return f'{{\n    "error": {quoted(message)}\n}}'.encode("utf-8", "replace")


def decimals(values: NDArray[Any]) -> list[str]:
    """Returns float32[N] or float64[N] as JSON: six digits where they give the number back, else 9 or 17."""
    numbers = values.tolist()
    texts = [f"{number:.6g}" for number in numbers]
    back = np.array([float(text) for text in texts])
    with np.errstate(over="ignore"):
        same = (back.astype(values.dtype) == values).tolist()
    digits = 9 if values.dtype == np.float32 else 17
    return [
        _pointed(text if kept else f"{number:.{digits}g}") if isfinite(number) else _not_finite(number)
        for number, text, kept in zip(numbers, texts, same, strict=True)
    ]


def tokens(values: NDArray[Any], *, as_bytes: bool) -> list[str]:
    """Returns the elements of a tensor as JSON, in C order.

    Args:
        values: of any shape; strings as object arrays of bytes.
        as_bytes: whether strings are written as base64.

    Raises:
        Refusal: 400, the type has no form in JSON.
    """
    flat, kind = values.reshape(-1), values.dtype
    if kind in _DECIMAL:
        return decimals(flat)
    if kind in _WHOLE:
        return list(map(str, flat.tolist()))
    if kind.kind in "OSU":
        return [_base64(value) for value in flat] if as_bytes else [quoted(value) for value in flat]
    if kind == np.bool_:
        return ["true" if value else "false" for value in flat]
    if not flat.size:
        return []
    raise invalid_argument(f"Failed to write JSON value for tensor type: {name_of_array(kind)}")


def nested(elements: list[str], shape: Sequence[int], *, keep: int) -> list[str]:
    """Puts elements into lists by the axes of a shape from the last on, all but the first ``keep`` of them."""
    for axis in range(len(shape) - 1, keep - 1, -1):
        size = shape[axis]
        groups = range(0, prod(shape[: axis + 1]), size) if size else [0] * prod(shape[:axis])
        elements = [f"[{', '.join(elements[begin : begin + size])}]" for begin in groups]
    return elements


def echo(value: Any) -> str:
    """Returns the beginning of a value, as errors quote it."""
    if isinstance(value, float):
        # RapidJSON takes what fits into float32 for one.
        fits = not isfinite(value) or abs(value) <= float(np.finfo(np.float32).max)
        return decimals(np.array([value], np.float32 if fits else np.float64))[0]
    if isinstance(value, str):
        return encode_basestring(value[:_QUOTED_CHARACTERS])[:_QUOTED_CHARACTERS]
    written = ""
    for piece in json.JSONEncoder(ensure_ascii=False, indent=4).iterencode(value):
        written += piece[:_QUOTED_CHARACTERS]
        if len(written) >= _QUOTED_CHARACTERS:
            break
    return written[:_QUOTED_CHARACTERS]


def echo_nothing(value: Any) -> str:
    """Stands in for ``echo`` where errors must not quote what was sent."""
    return "(not shown)"


def _pointed(text: str) -> str:
    return text if "." in text or "e" in text else text + ".0"


def _not_finite(number: float) -> str:
    if isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"


def _base64(value: bytes | str) -> str:
    content = value.encode() if isinstance(value, str) else value
    return f'{{"b64": "{b64encode(content).decode()}"}}'
