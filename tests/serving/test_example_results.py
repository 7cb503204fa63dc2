"""Examples to what is fed, answers to results: the stock server's checks in its words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import input_pb2

from tfclassify.serving.example_results import (
    check_classify,
    check_regress,
    classifications,
    regressions,
    serialized_examples,
)
from tfclassify.serving.signatures import Signature, TensorInfo
from tfclassify.serving.status import Code, Refusal


def example(**features: float) -> tf.train.Example:
    made = tf.train.Example()
    for name, value in features.items():
        made.features.feature[name].float_list.value.append(value)
    return made


def signature(inputs: str, outputs: str) -> Signature:
    infos = [{name: TensorInfo(f"{name}:0", 1, None) for name in names.split()} for names in (inputs, outputs)]
    return Signature(infos[0], infos[1], "")


def refusal(ask: Callable[[], Any]) -> tuple[Code, str]:
    with pytest.raises(Refusal) as caught:
        ask()
    return caught.value.code, caught.value.message


def test_examples() -> None:
    message = input_pb2.Input()
    message.example_list.examples.extend([example(x=1), example(x=2)])
    assert serialized_examples(message).tolist() == [example(x=1).SerializeToString(), example(x=2).SerializeToString()]


def test_a_context_is_part_of_each_example() -> None:
    message = input_pb2.Input()
    message.example_list_with_context.examples.extend([example(x=1), example(x=2)])
    message.example_list_with_context.context.CopyFrom(example(y=3))
    found = [tf.train.Example.FromString(each) for each in serialized_examples(message)]
    assert found == [example(x=1, y=3), example(x=2, y=3)]


def test_no_examples() -> None:
    empty, listed = input_pb2.Input(), input_pb2.Input()
    listed.example_list.SetInParent()
    for message in (empty, listed):
        assert refusal(lambda message=message: serialized_examples(message)) == (  # type: ignore[misc]
            Code.INVALID_ARGUMENT,
            "Input is empty.",
        )


@pytest.mark.parametrize(
    ("check", "inputs", "outputs", "code", "message"),
    [
        (check_classify, "inputs x", "scores", Code.INVALID_ARGUMENT, "Expected one input Tensor."),
        (check_classify, "x", "scores", Code.FAILED_PRECONDITION, "No classification inputs found in SignatureDef."),
        (check_classify, "inputs", "a b c", Code.INVALID_ARGUMENT, "Expected one or two output Tensors, found 3"),
        (check_classify, "inputs", "a", Code.FAILED_PRECONDITION, "No classification outputs found in SignatureDef."),
        (check_regress, "x", "outputs", Code.FAILED_PRECONDITION, "No regression inputs found in SignatureDef."),
        (check_regress, "inputs", "outputs b", Code.INVALID_ARGUMENT, "Expected one output Tensor."),
        (check_regress, "inputs", "a", Code.FAILED_PRECONDITION, "No regression outputs found in SignatureDef."),
    ],
)
def test_signatures_that_are_for_something_else(
    check: Callable[[Signature], None], inputs: str, outputs: str, code: Code, message: str
) -> None:
    assert refusal(lambda: check(signature(inputs, outputs))) == (code, message)


def test_signatures_that_are_right() -> None:
    for outputs in ("classes", "scores", "classes scores"):
        check_classify(signature("inputs", outputs))
    check_regress(signature("inputs", "outputs"))


CLASSES = np.array([[b"a", b"b"]], object)
SCORES = np.array([[0.25, 0.75]], np.float32)


def test_classes_and_scores() -> None:
    assert classifications({"classes": CLASSES, "scores": SCORES}, 1) == [[(b"a", 0.25), (b"b", 0.75)]]
    assert classifications({"classes": CLASSES}, 1) == [[(b"a", 0.0), (b"b", 0.0)]]
    assert classifications({"scores": SCORES}, 1) == [[(b"", 0.25), (b"", 0.75)]]
    assert classifications({"scores": np.zeros((0, 2), np.float32)}, 0) == []


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"scores": SCORES[0]}, "Expected Tensor shape: [batch_size num_classes] but got [2]"),
        ({"scores": SCORES.astype(np.float64)}, "Expected scores Tensor of DT_FLOAT. Got: DT_DOUBLE"),
        ({"classes": SCORES}, "Expected classes Tensor of DT_STRING. Got: DT_FLOAT"),
        ({"classes": CLASSES.repeat(2, 0)}, "Expected classes output batch size of 1. Got: 2"),
        (
            {"classes": CLASSES, "scores": SCORES[:, :1]},
            "Tensors class and score should match in dim_size(1). Got 2 vs. 1",
        ),
    ],
)
def test_answers_that_are_no_classification(outputs: dict[str, np.ndarray], message: str) -> None:
    assert refusal(lambda: classifications(outputs, 1)) == (Code.INVALID_ARGUMENT, message)


def test_numbers() -> None:
    for shape in ((2,), (2, 1)):
        assert regressions({"outputs": np.array([1.5, 2.5], np.float32).reshape(shape)}, 2) == [1.5, 2.5]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((1, 2), np.float32), "either [batch_size] or [batch_size, 1] but got [1,2]"),
        (np.zeros((), np.float32), "either [batch_size] or [batch_size, 1] but got []"),
        (np.zeros((2,), np.float32), "Input batch size did not match output batch size: 1 vs. 2"),
        (np.zeros((1,), np.int64), "Expected output Tensor of DT_FLOAT.  Got: DT_INT64"),
    ],
)
def test_answers_that_are_no_regression(values: np.ndarray, message: str) -> None:
    code, found = refusal(lambda: regressions({"outputs": values}, 1))
    assert code is Code.INVALID_ARGUMENT
    assert found.endswith(message)
