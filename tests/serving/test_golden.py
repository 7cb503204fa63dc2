"""A version whose answers are not the exporter's is not served."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from served_models import Fakes, ask, config, eventually, serving_saved, states
from small_models import save_scaled

from tfclassify.serving.golden import check
from tfclassify.serving.loaded import Loaded
from tfclassify.serving.served import Served, direct
from tfclassify.serving.signatures import Signature, TensorInfo
from tfclassify.serving.status import Code, Refusal

SIGNATURE = Signature({"text": TensorInfo("t:0", 7, (-1,)), "n": TensorInfo("n:0", 3, ())}, {}, "")
ANSWER = {
    "label": np.array([b"a", "é".encode()], object),
    "scores": np.array([[0.5, 0.5], [0.25, np.nan]], np.float32),
    "in_scope": np.array([True, False]),
    "masked": np.array([0, 3], np.int32),
}
EXPECTED = {
    "label": ["a", "é"],
    "scores": [[0.50005, 0.49995], [0.25, float("nan")]],
    "in_scope": [True, False],
    "masked": [0, 3],
}


def answering(folder: Path, asked: list[Any] | None = None) -> Served:
    def call(signature: str, inputs: Any) -> dict[str, Any]:
        if asked is not None:
            asked.append((signature, {name: (value.dtype, value.tolist()) for name, value in inputs.items()}))
        return ANSWER

    return direct(Loaded("m", 1, {"serving_default": SIGNATURE}, {}, call, lambda: None), folder, threads=1)


def write(folder: Path, **changes: Any) -> None:
    content = {
        "signature": "serving_default",
        "tolerance": 1e-4,
        "inputs": {"text": ["é", "b"], "n": 3},
        "outputs": EXPECTED,
    }
    (folder / "golden.json").write_text(json.dumps({**content, **changes}))


def refusal(folder: Path) -> tuple[Code, str]:
    with pytest.raises(Refusal) as caught:
        check(answering(folder))
    return caught.value.code, caught.value.message


def test_the_answers_of_the_export(tmp_path: Path) -> None:
    asked: list[Any] = []
    assert not check(answering(tmp_path, asked))
    write(tmp_path)
    assert check(answering(tmp_path, asked))
    inputs = {"text": (np.dtype(object), ["é".encode(), b"b"]), "n": (np.dtype(np.int32), 3)}
    assert asked == [("serving_default", inputs)]


@pytest.mark.parametrize(
    ("name", "values", "how"),
    [
        ("scores", [[0.5, 0.5], [0.2502, float("nan")]], "1 of the 4 values of 'scores' are others (tolerance 0.0001)"),
        ("scores", [[0.5, 0.5]], "'scores' is of shape [2, 2], not [1, 2]"),
        ("scores", [[0.5, 0.5], [float("nan"), 0.0]], "2 of the 4 values of 'scores' are others (tolerance 0.0001)"),
        ("label", ["a", "b"], "1 of the 2 values of 'label' are others (tolerance 0.0001)"),
        ("in_scope", [False, True], "2 of the 2 values of 'in_scope' are others (tolerance 0.0001)"),
        ("masked", [0, 4], "1 of the 2 values of 'masked' are others (tolerance 0.0001)"),
        ("route", ["full"], "there is no output 'route'"),
    ],
)
def test_answers_that_differ(tmp_path: Path, name: str, values: Any, how: str) -> None:
    write(tmp_path, outputs={**EXPECTED, name: values})
    message = f"The version does not answer as it did when it was exported: {how}"
    assert refusal(tmp_path) == (Code.FAILED_PRECONDITION, message)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"signature": 3}, "signature, tolerance, inputs and outputs are expected in it"),
        ({"tolerance": -1}, "signature, tolerance, inputs and outputs are expected in it"),
        ({"tolerance": None}, "it cannot be read"),
        ({"outputs": []}, "signature, tolerance, inputs and outputs are expected in it"),
        ({"signature": "other"}, "the model has no signature 'other' with these inputs"),
        ({"inputs": {"x": [1]}}, "the model has no signature 'serving_default' with these inputs"),
        ({"inputs": {"text": ["a"], "n": "three"}}, "its inputs are not of the signature's types"),
        ({"inputs": {"text": ["a"], "n": 2**40}}, "its inputs are not of the signature's types"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    write(tmp_path, **changes)
    assert refusal(tmp_path) == (Code.INVALID_ARGUMENT, f"golden.json: {why}")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", "\x00", '{"signature": "a"}'])
def test_a_file_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "golden.json").write_text(text)
    assert refusal(tmp_path) == (Code.INVALID_ARGUMENT, "golden.json: it cannot be read")


def test_a_version_that_answers_otherwise_leaves_the_old_one(tmp_path: Path) -> None:
    golden = {"signature": "serving_default", "tolerance": 1e-4, "inputs": {"x": [[1.0]]}, "outputs": {"y": [[1.0]]}}
    base = tmp_path / "m"
    (save_scaled(base / "1", 1.0) / "golden.json").write_text(json.dumps(golden))
    with serving_saved(Fakes(), config(base)) as models:
        assert ask(models) == 1.0
        other = save_scaled(tmp_path / "writing", 2.0)
        (other / "golden.json").write_text(json.dumps(golden))
        other.rename(base / "2")
        eventually(lambda: states(models) == {2: "END", 1: "AVAILABLE"})
        assert ask(models) == 1.0
        assert models.statuses("m", 2)[0].error_code == "FAILED_PRECONDITION"
