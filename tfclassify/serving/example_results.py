"""Classify and regress: examples to what a signature is fed, and what it answers to results, with every check between.

They are the stock server's checks, in its order and in its words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.core.framework import types_pb2

from tfclassify.serving.signatures import Signature
from tfclassify.serving.status import Code, Refusal

INPUT, CLASSES, SCORES, OUTPUT = "inputs", "classes", "scores", "outputs"

Outputs = Mapping[str, NDArray[Any]]


def serialized_examples(message: Any) -> NDArray[Any]:
    """Reads an ``Input`` message.

    Returns:
        object[N], serialized ``tf.Example``, each behind the context if there is one: read together they are one.

    Raises:
        Refusal: INVALID_ARGUMENT, there is no example.
    """
    kind = message.WhichOneof("kind")
    listed = getattr(message, kind).examples if kind else ()
    if not listed:
        raise Refusal(Code.INVALID_ARGUMENT, "Input is empty.")
    context = b""
    if kind == "example_list_with_context":
        context = message.example_list_with_context.context.SerializeToString()
    filled = np.empty(len(listed), object)
    filled[:] = [context + example.SerializeToString() for example in listed]
    return filled


def check_classify(signature: Signature) -> None:
    """Raises Refusal if a signature does not classify examples."""
    _check_input(signature, "classification")
    if len(signature.outputs) not in (1, 2):
        raise _invalid(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    if not {CLASSES, SCORES} & signature.outputs.keys():
        raise Refusal(Code.FAILED_PRECONDITION, "No classification outputs found in SignatureDef.")


def check_regress(signature: Signature) -> None:
    """Raises Refusal if a signature does not give a number for examples."""
    _check_input(signature, "regression")
    if len(signature.outputs) != 1:
        raise _invalid("Expected one output Tensor.")
    if OUTPUT not in signature.outputs:
        raise Refusal(Code.FAILED_PRECONDITION, "No regression outputs found in SignatureDef.")


def classifications(outputs: Outputs, rows: int) -> list[list[tuple[bytes, float]]]:
    """Returns (class, score) pairs per example.

    Args:
        outputs: ``classes`` object[N, C] and ``scores`` float32[N, C]; where one is left out classes are empty, or
            scores 0.
        rows: N.

    Raises:
        Refusal: INVALID_ARGUMENT, they are not of that shape or type.
    """
    classes, scores = outputs.get(CLASSES), outputs.get(SCORES)
    if classes is not None:
        _check_rows(CLASSES, classes, rows, wanted=tf.string)
    if scores is not None:
        _check_rows(SCORES, scores, rows, wanted=tf.float32)
    if classes is not None and scores is not None and classes.shape != scores.shape:
        raise _invalid(
            f"Tensors class and score should match in dim_size(1). Got {classes.shape[1]} vs. {scores.shape[1]}"
        )
    shape = (scores if classes is None else classes).shape  # type: ignore[union-attr]
    names = np.full(shape, b"", object) if classes is None else classes
    values = np.zeros(shape, np.float32) if scores is None else scores
    return [list(zip(*pair, strict=True)) for pair in zip(names.tolist(), values.tolist(), strict=True)]


def regressions(outputs: Outputs, rows: int) -> list[float]:
    """Returns a number per example.

    Args:
        outputs: ``outputs`` float32[N] or float32[N, 1].
        rows: N.

    Raises:
        Refusal: INVALID_ARGUMENT, it is not of that shape or type.
    """
    values = outputs[OUTPUT]
    if values.ndim not in (1, 2) or values.shape[1:] not in ((), (1,)):
        raise _invalid(
            f"Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got {_shape(values)}"
        )
    if len(values) != rows:
        raise _invalid(f"Input batch size did not match output batch size: {rows} vs. {len(values)}")
    if tf.as_dtype(values.dtype) != tf.float32:
        raise _invalid(f"Expected output Tensor of DT_FLOAT.  Got: {_type(values)}")
    return values.reshape(-1).tolist()


def _check_input(signature: Signature, kind: str) -> None:
    if len(signature.inputs) != 1:
        raise _invalid("Expected one input Tensor.")
    if INPUT not in signature.inputs:
        raise Refusal(Code.FAILED_PRECONDITION, f"No {kind} inputs found in SignatureDef.")


def _check_rows(name: str, values: NDArray[Any], rows: int, *, wanted: tf.DType) -> None:
    if values.ndim != 2:
        raise _invalid(f"Expected Tensor shape: [batch_size num_classes] but got {_shape(values)}")
    if tf.as_dtype(values.dtype) != wanted:
        expected = "DT_STRING" if wanted == tf.string else "DT_FLOAT"
        raise _invalid(f"Expected {name} Tensor of {expected}. Got: {_type(values)}")
    if len(values) != rows:
        raise _invalid(f"Expected {name} output batch size of {rows}. Got: {len(values)}")


def _shape(values: NDArray[Any]) -> str:
    return f"[{','.join(map(str, values.shape))}]"


def _type(values: NDArray[Any]) -> str:
    return types_pb2.DataType.Name(tf.as_dtype(values.dtype).as_datatype_enum)


def _invalid(message: str) -> Refusal:
    return Refusal(Code.INVALID_ARGUMENT, message)
