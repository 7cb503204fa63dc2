"""The bodies of classify and regress: features in JSON to serialized ``tf.Example``, and results back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfclassify.serving.example_results import (
    CLASSES,
    OUTPUT,
    SCORES,
    check_classify,
    check_regress,
    classifications,
    regressions,
)
from tfclassify.serving.rest.base64_text import decoded, is_base64
from tfclassify.serving.rest.json_faults import invalid_argument
from tfclassify.serving.rest.json_writing import Echo, decimals, quoted, to_bytes
from tfclassify.serving.rest.tensors import json_type
from tfclassify.serving.signatures import Signature

_KINDS = {"bytes": "bytes_list", "float": "float_list", "int64": "int64_list"}


def examples(document: Mapping[str, Any], *, echo: Echo) -> NDArray[Any]:
    """Reads the examples of a classify or regress request.

    Args:
        document: the parsed body, an object.
        echo: writes values into errors.

    Returns:
        object[N], serialized ``tf.Example``, each behind the serialized context if the request has one: read
        together they are one example.

    Raises:
        Refusal: 400 as TensorFlow Serving words it.
    """
    context = _serialized(document["context"]) if "context" in document else b""
    # Stock says classify of both methods.
    if "examples" not in document:
        raise invalid_argument(
            f"JSON Value: {echo(document)} When method is classify, key 'examples' is expected and was not found"
        )
    listed = document["examples"]
    if not isinstance(listed, list):
        raise invalid_argument(f"JSON Value: {echo(document)} Expecting 'examples' value to be an list/array")
    if not listed:
        raise invalid_argument(f"JSON Value: {echo(document)} 'examples' value is an empty array")
    filled = np.empty(len(listed), np.object_)
    filled[:] = [context + _serialized(example) for example in listed]
    return filled


def classify_answer(outputs: Mapping[str, NDArray[Any]], count: int) -> bytes:
    """Returns per example a list of ``[label, score]``.

    Args:
        outputs: ``classes`` object[N, C], ``scores`` float32[N, C], or one of them.
        count: N.

    Raises:
        Refusal: 400, they are not of that shape or type.
    """
    rows = [f"[{', '.join(map(_pair, pairs))}]" for pairs in classifications(outputs, count)]
    return to_bytes(f'{{\n    "results": [{", ".join(rows)}\n    ]\n}}')


def regress_answer(outputs: Mapping[str, NDArray[Any]], count: int) -> bytes:
    """Returns a number per example.

    Args:
        outputs: ``outputs`` float32[N] or float32[N, 1].
        count: N.

    Raises:
        Refusal: 400, it is not of that shape or type.
    """
    numbers = decimals(np.array(regressions(outputs, count), np.float32))
    return to_bytes(f'{{\n    "results": [{", ".join(numbers)}]\n}}')


def check_signature(method: str, signature: Signature) -> None:
    """Raises Refusal if a signature cannot answer a method; outputs that the method does not read may be there too."""
    read, check = ((CLASSES, SCORES), check_classify) if method == "classify" else ((OUTPUT,), check_regress)
    check(replace(signature, outputs={name: signature.outputs[name] for name in read if name in signature.outputs}))


def _pair(pair: tuple[bytes, float]) -> str:
    return f"[{quoted(pair[0])}, {decimals(np.array([pair[1]], np.float32))[0]}]"


def _serialized(value: Any) -> bytes:
    if not isinstance(value, dict):
        raise invalid_argument(f"Example must be JSON object but got JSON {json_type(value)}")
    example = tf.train.Example()
    for name, content in value.items():
        _add(example.features.feature[name], name, content if isinstance(content, list) else [content])
    return example.SerializeToString()


def _add(feature: Any, name: str, elements: Sequence[Any]) -> None:
    kind, values = None, []
    for element in elements:
        found, value = _element(name, element)
        if kind not in (None, found):
            raise invalid_argument(f"Unexpected element type in feature: {name} expecting type: {kind}")
        kind = found
        values.append(value)
    if kind:
        getattr(feature, _KINDS[kind]).value.extend(values)


def _element(name: str, value: Any) -> tuple[str, Any]:
    if isinstance(value, str):
        return "bytes", value.encode()
    if is_base64(value):
        return "bytes", decoded(value)
    if isinstance(value, float):
        with np.errstate(over="ignore"):
            return "float", float(np.float32(value))
    if isinstance(value, int):
        if value >= 2**63:
            raise invalid_argument(f"Feature: {name} has uint64 element. Only int64 is supported.")
        return "int64", int(value)
    raise invalid_argument(f"Feature: {name} has element with unexpected JSON type: {json_type(value)}")
