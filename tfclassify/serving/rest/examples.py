"""The bodies of classify and regress: features in JSON to serialized ``tf.Example``, and results back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfclassify.serving.rest.base64_text import decoded, is_base64
from tfclassify.serving.rest.json_faults import invalid_argument
from tfclassify.serving.rest.json_writing import Echo, decimals, quoted, to_bytes
from tfclassify.serving.rest.tensors import json_type
from tfclassify.serving.signatures import Signature
from tfclassify.serving.status import Code, Refusal

INPUT = "inputs"
CLASSES = "classes"
SCORES = "scores"
OUTPUT = "outputs"
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


def check_classify(signature: Signature) -> None:
    """Raises Refusal if a signature cannot classify examples."""
    _check_input(signature, "classification")
    if CLASSES not in signature.outputs and SCORES not in signature.outputs:
        raise Refusal(
            Code.FAILED_PRECONDITION,
            'Expected classification signature outputs to contain at least one of "classes" or "scores".',
        )


def check_regress(signature: Signature) -> None:
    """Raises Refusal if a signature has no regression for examples."""
    _check_input(signature, "regression")
    if OUTPUT not in signature.outputs:
        raise Refusal(Code.FAILED_PRECONDITION, "No regression outputs found in SignatureDef.")


def classify_answer(outputs: Mapping[str, NDArray[Any]], count: int) -> bytes:
    """Returns per example a list of ``[label, score]``.

    Args:
        outputs: ``classes`` object[N, C], ``scores`` float32[N, C]; where one is left out labels are empty, or
            scores 0.
        count: N.

    Raises:
        Refusal: 400, they are not of that shape or type.
    """
    classes, scores = outputs.get(CLASSES), outputs.get(SCORES)
    for name, values in ((CLASSES, classes), (SCORES, scores)):
        if values is not None:
            _check_output(name, values, count)
    if classes is not None and scores is not None and classes.shape != scores.shape:
        raise invalid_argument(
            f"Tensors class and score should match in dim_size(1). Got {classes.shape[1]} vs. {scores.shape[1]}"
        )
    shape = (scores if classes is None else classes).shape  # type: ignore[union-attr]
    labels = ['""'] * (shape[0] * shape[1]) if classes is None else [quoted(label) for label in classes.reshape(-1)]
    numbers = ["0.0"] * len(labels) if scores is None else decimals(scores.reshape(-1))
    pairs = [f"[{label}, {number}]" for label, number in zip(labels, numbers, strict=True)]
    width = shape[1]
    rows = [f"[{', '.join(pairs[row * width : (row + 1) * width])}]" for row in range(shape[0])]
    return to_bytes(f'{{\n    "results": [{", ".join(rows)}\n    ]\n}}')


def regress_answer(outputs: Mapping[str, NDArray[Any]], count: int) -> bytes:
    """Returns a number per example.

    Args:
        outputs: ``outputs`` float32[N] or float32[N, 1].
        count: N.

    Raises:
        Refusal: 400, it is not of that shape or type.
    """
    values = outputs[OUTPUT]
    if not (values.ndim == 1 or (values.ndim == 2 and values.shape[1] == 1)):
        raise invalid_argument(
            f"Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got {_shape(values)}"
        )
    if len(values) != count:
        raise invalid_argument(f"Input batch size did not match output batch size: {count} vs. {len(values)}")
    if values.dtype != np.float32:
        raise invalid_argument(f"Expected output Tensor of DT_FLOAT.  Got: {_type(values)}")
    return to_bytes(f'{{\n    "results": [{", ".join(decimals(values.reshape(-1)))}]\n}}')


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


def _check_input(signature: Signature, kind: str) -> None:
    if len(signature.inputs) != 1:
        raise invalid_argument("Expected one input Tensor.")
    if INPUT not in signature.inputs:
        raise Refusal(Code.FAILED_PRECONDITION, f"No {kind} inputs found in SignatureDef.")


def _check_output(name: str, values: NDArray[Any], count: int) -> None:
    if values.ndim != 2:
        raise invalid_argument(f"Expected Tensor shape: [batch_size num_classes] but got {_shape(values)}")
    wanted, is_wanted = ("DT_STRING", values.dtype.kind in "OSU")
    if name == SCORES:
        wanted, is_wanted = ("DT_FLOAT", values.dtype == np.float32)
    if not is_wanted:
        raise invalid_argument(f"Expected {name} Tensor of {wanted}. Got: {_type(values)}")
    if len(values) != count:
        raise invalid_argument(f"Expected {name} output batch size of {count}. Got: {len(values)}")


def _shape(values: NDArray[Any]) -> str:
    return f"[{','.join(map(str, values.shape))}]"


def _type(values: NDArray[Any]) -> str:
    return f"DT_{tf.as_dtype(values.dtype).name.upper()}".replace("FLOAT32", "FLOAT").replace("FLOAT64", "DOUBLE")
