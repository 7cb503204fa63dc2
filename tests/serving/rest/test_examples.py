"""Features become examples, and results of models the lists that stock answers with."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfclassify.serving.rest.examples import check_signature, classify_answer, examples, regress_answer
from tfclassify.serving.rest.json_writing import echo
from tfclassify.serving.signatures import Signature, TensorInfo
from tfclassify.serving.status import Refusal


def read(document: Any) -> list[Any]:
    return [tf.train.Example.FromString(example) for example in examples(document, echo=echo)]


def refusal(document: Any) -> str:
    with pytest.raises(Refusal) as caught:
        examples(document, echo=echo)
    assert caught.value.http_status == 400
    return caught.value.message


def signature(inputs: list[str], outputs: list[str]) -> Signature:
    return Signature(
        {name: TensorInfo(name, 7, None) for name in inputs}, {name: TensorInfo(name, 1, None) for name in outputs}, ""
    )


def test_features_by_the_type_of_their_json() -> None:
    listed = {
        "names": ["a", {"b64": "cmFpbg=="}],
        "flags": [1, True, False],
        "age": 80,
        "share": [0.5, 1e308],
        "no": [],
    }
    (example,) = read({"examples": [listed]})
    feature = example.features.feature
    assert list(feature["names"].bytes_list.value) == [b"a", b"rain"]
    assert list(feature["flags"].int64_list.value) == [1, 1, 0]
    assert list(feature["age"].int64_list.value) == [80]
    assert list(feature["share"].float_list.value) == [0.5, np.inf]
    assert feature["no"].WhichOneof("kind") is None


def test_the_context_is_part_of_every_example() -> None:
    first, second = read({"context": {"q": "tea", "x": 1}, "examples": [{"y": 2}, {"x": 3}]})
    assert list(first.features.feature["q"].bytes_list.value) == [b"tea"]
    assert list(first.features.feature["y"].int64_list.value) == [2]
    assert list(second.features.feature["x"].int64_list.value) == [3]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "When method is classify, key 'examples' is expected and was not found"),
        ({"examples": {}}, "Expecting 'examples' value to be an list/array"),
        ({"examples": []}, "'examples' value is an empty array"),
        ({"examples": [[]]}, "Example must be JSON object but got JSON Array"),
        ({"examples": ["x"]}, "Example must be JSON object but got JSON String"),
        ({"context": [], "examples": [{}]}, "Example must be JSON object but got JSON Array"),
        ({"examples": [{"n": [10, None]}]}, "Feature: n has element with unexpected JSON type: Null"),
        ({"examples": [{"n": [[10]]}]}, "Feature: n has element with unexpected JSON type: Array"),
        ({"examples": [{"n": {"t": 1}}]}, "Feature: n has element with unexpected JSON type: Object"),
        ({"examples": [{"n": ["a", 1]}]}, "Unexpected element type in feature: n expecting type: bytes"),
        ({"examples": [{"n": [1, 1.0]}]}, "Unexpected element type in feature: n expecting type: int64"),
        ({"examples": [{"n": [1.0, True]}]}, "Unexpected element type in feature: n expecting type: float"),
        ({"examples": [{"n": 2**63}]}, "Feature: n has uint64 element. Only int64 is supported."),
        ({"examples": [{"n": {"b64": "!"}}]}, "Unable to base64 decode"),
    ],
)
def test_what_is_no_example(document: Any, words: str) -> None:
    assert refusal(document).endswith(words)


def test_answers_of_classify() -> None:
    classes = np.array([[b"neg", b"pos"]] * 2, object)
    scores = np.array([[0.25, 0.75], [0.5, 0.5]], np.float32)
    both = json.loads(classify_answer({"classes": classes, "scores": scores}, 2))
    assert both == {"results": [[["neg", 0.25], ["pos", 0.75]], [["neg", 0.5], ["pos", 0.5]]]}
    assert json.loads(classify_answer({"scores": scores[:1, :1]}, 1)) == {"results": [[["", 0.25]]]}
    assert json.loads(classify_answer({"classes": classes[:1]}, 1)) == {"results": [[["neg", 0.0], ["pos", 0.0]]]}


def test_answers_of_regress() -> None:
    values = np.array([1.5, 2], np.float32)
    assert json.loads(regress_answer({"outputs": values}, 2)) == {"results": [1.5, 2.0]}
    assert json.loads(regress_answer({"outputs": values[:, None]}, 2)) == {"results": [1.5, 2.0]}
    text = regress_answer({"outputs": np.array([np.nan, np.inf, -np.inf], np.float32)}, 3)
    assert b"[NaN, Infinity, -Infinity]" in text


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ({"scores": np.zeros(2, np.float32)}, "Expected Tensor shape: [batch_size num_classes] but got [2]"),
        ({"scores": np.zeros((2, 1))}, "Expected scores Tensor of DT_FLOAT. Got: DT_DOUBLE"),
        ({"classes": np.zeros((2, 1), np.int32)}, "Expected classes Tensor of DT_STRING. Got: DT_INT32"),
        ({"scores": np.zeros((3, 1), np.float32)}, "Expected scores output batch size of 2. Got: 3"),
    ],
)
def test_outputs_that_classify_nothing(outputs: Any, words: str) -> None:
    with pytest.raises(Refusal) as caught:
        classify_answer(outputs, 2)
    assert caught.value.message == words


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            np.zeros((2, 2), np.float32),
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [2,2]",
        ),
        (np.zeros(3, np.float32), "Input batch size did not match output batch size: 2 vs. 3"),
        (np.zeros(2, np.int64), "Expected output Tensor of DT_FLOAT.  Got: DT_INT64"),
    ],
)
def test_outputs_that_regress_nothing(values: np.ndarray, words: str) -> None:
    with pytest.raises(Refusal) as caught:
        regress_answer({"outputs": values}, 2)
    assert caught.value.message == words


def test_signatures_for_examples() -> None:
    check_signature("classify", signature(["inputs"], ["scores", "outputs", "classes"]))
    check_signature("regress", signature(["inputs"], ["outputs", "scores"]))
    for method in ("classify", "regress"):
        with pytest.raises(Refusal, match=r"^Expected one input Tensor\.$"):
            check_signature(method, signature(["inputs", "x"], ["scores", "outputs"]))
        for wrong in (signature(["x"], ["scores", "outputs"]), signature(["inputs"], ["y"])):
            with pytest.raises(Refusal) as caught:
                check_signature(method, wrong)
            assert caught.value.http_status == 400
