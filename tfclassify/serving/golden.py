"""The self test of a version: what the exporter saw it answer, it has to answer again before clients get it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfclassify.serving.loaded import Tensors
from tfclassify.serving.served import Served
from tfclassify.serving.status import Code, Refusal

FILE = "golden.json"
# Of scores, where the exporter could not measure how far they drift.
BFLOAT16_TOLERANCE = 0.25


def check(served: Served) -> bool:
    """Compares the answers of a version with those in its ``golden.json``; returns whether it has one.

    The file holds ``signature``, ``tolerance``, ``inputs`` and ``outputs``, the last two by name, and may hold
    ``tolerance_bfloat16`` for a server that multiplies in it. Numbers may differ by the tolerance, everything else
    not at all; outputs that are not in the file are not compared.

    Raises:
        Refusal: INVALID_ARGUMENT, the file cannot be used; FAILED_PRECONDITION, an answer differs; or why there is no
            answer.
    """
    file = served.folder / FILE
    if not file.is_file():
        return False
    expected = _read(file)
    inputs = _inputs(served, expected["signature"], expected["inputs"])
    try:
        found = served.submit(expected["signature"], inputs, None).result()
    except Refusal as error:
        raise Refusal(error.code, f"{FILE} is not answered: {error.message}") from error
    for name, values in expected["outputs"].items():
        _compare(name, values, found, _tolerance(expected, exact=served.loaded.exact))
    return True


def _tolerance(expected: Mapping[str, Any], *, exact: bool) -> float:
    return float(expected["tolerance"] if exact else expected.get("tolerance_bfloat16", BFLOAT16_TOLERANCE))


def _read(file: Path) -> dict[str, Any]:
    try:
        expected = json.loads(file.read_text(encoding="utf-8"))
        inputs, outputs = expected["inputs"], expected["outputs"]
        whole = isinstance(expected["signature"], str) and float(expected["tolerance"]) >= 0
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise _unusable("it cannot be read") from error
    if not whole or not isinstance(inputs, Mapping) or not isinstance(outputs, Mapping):
        raise _unusable("signature, tolerance, inputs and outputs are expected in it")
    return expected


def _inputs(served: Served, signature: str, inputs: Mapping[str, Any]) -> Tensors:
    known = served.loaded.signatures.get(signature)
    if known is None or inputs.keys() - known.inputs.keys():
        raise _unusable(f"the model has no signature '{signature}' with these inputs")
    try:
        return {name: _array(values, tf.as_dtype(known.inputs[name].dtype)) for name, values in inputs.items()}
    except (ValueError, TypeError, OverflowError) as error:
        raise _unusable("its inputs are not of the signature's types") from error


def _array(values: Any, kind: tf.DType) -> NDArray[Any]:
    if kind != tf.string:
        return np.asarray(values, kind.as_numpy_dtype)
    texts = np.asarray(values, object)
    filled = np.empty(texts.shape, object)
    filled.reshape(-1)[:] = [str(text).encode() for text in texts.reshape(-1)]
    return filled


def _compare(name: str, values: Any, found: Mapping[str, NDArray[Any]], tolerance: float) -> None:
    if name not in found:
        raise _differs(f"there is no output '{name}'")
    answer = found[name]
    expected = _array(values, tf.as_dtype(answer.dtype))
    if answer.shape != expected.shape:
        raise _differs(f"'{name}' is of shape {list(answer.shape)}, not {list(expected.shape)}")
    if answer.dtype.kind == "f":
        apart = np.abs(answer.astype(np.float64) - expected.astype(np.float64))
        alike = (apart <= tolerance) | (np.isnan(answer) & np.isnan(expected)) | (answer == expected)
    else:
        alike = answer == expected
    if not np.all(alike):
        wrong = int(np.size(alike) - np.count_nonzero(alike))
        raise _differs(f"{wrong} of the {np.size(alike)} values of '{name}' are others (tolerance {tolerance:g})")


def _unusable(why: str) -> Refusal:
    return Refusal(Code.INVALID_ARGUMENT, f"{FILE}: {why}")


def _differs(how: str) -> Refusal:
    return Refusal(Code.FAILED_PRECONDITION, f"The version does not answer as it did when it was exported: {how}")
