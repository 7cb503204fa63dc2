"""The face of the package in Python: two names, imported when they are asked for, and ``load``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tfclassify
from tfclassify.errors import UsageError

Load = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def loaded(toy_run: Path) -> Load:
    return tfclassify.load(str(toy_run))


def message(loaded: Load, *given: Any) -> str:
    with pytest.raises(UsageError) as caught:
        loaded(*given)
    return str(caught.value)


def test_the_names_are_there_before_what_they_name() -> None:
    code = """
import sys, tfclassify
from tfclassify import load
assert {"TextClassifier", "load"} <= set(dir(tfclassify)), dir(tfclassify)
print(sorted({"tensorflow", "sklearn", "pyarrow", "numpy"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


def test_answers_wait_for_no_import_that_they_do_not_need() -> None:
    """A servable is answered without transformers, and nothing that answers fits anything with scikit-learn."""
    code = """
import sys
import tfclassify.predict
print(sorted({"tensorflow", "transformers", "keras", "sklearn"} & set(sys.modules)))
import tfclassify.learning.trained
print(sorted({"tensorflow", "transformers", "keras", "sklearn"} & set(sys.modules)))
from transformers.utils import is_sklearn_available
print(is_sklearn_available())
"""
    told = {**os.environ, "TF_USE_LEGACY_KERAS": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=told, check=False)
    assert done.stdout == "['tensorflow']\n['tensorflow', 'transformers']\nTrue\n", done.stderr


def test_the_estimator_is_found_by_its_name() -> None:
    from tfclassify import TextClassifier
    from tfclassify.classifier import TextClassifier as Same

    assert TextClassifier is Same
    assert tfclassify.__dir__() == sorted(tfclassify.__dir__())
    with pytest.raises(AttributeError, match="module 'tfclassify' has no attribute 'TextClasifier'"):
        _ = tfclassify.TextClasifier


def test_an_answer_has_what_the_surface_says(loaded: Load) -> None:
    (answer,) = loaded(["a b c"])
    assert {key: type(value) for key, value in answer.items()} == {
        "label": str,
        "score": float,
        "scores": dict,
        "in_scope": bool,
        "scope_score": float,
        "route": str,
        "rule": type(None),
        "masked": int,
    }
    assert answer["label"] == "bad"
    assert list(answer["scores"]) == ["bad", "good"]
    assert {type(score) for score in answer["scores"].values()} == {float}
    assert answer["score"] == max(answer["scores"].values()) > 0.5
    assert sum(answer["scores"].values()) == pytest.approx(1.0, abs=1e-6)
    assert (answer["in_scope"], answer["route"], answer["rule"], answer["masked"]) == (True, "full", None, 0)


def test_answers_come_in_the_order_of_the_texts(loaded: Load) -> None:
    texts = ["x", "a b c d a b c d", "", "y z y z", "d"]
    answers = loaded(texts)
    assert [answer["label"] for answer in answers] == ["good", "bad", answers[2]["label"], "good", "bad"]
    alone = [loaded([text])[0]["score"] for text in texts]
    # In bfloat16 the last digits depend on what else is in the batch.
    assert [answer["score"] for answer in answers] == pytest.approx(alone, abs=2e-3)


def test_no_texts_have_no_answers(loaded: Load) -> None:
    assert loaded([]) == []


def test_any_row_of_texts_will_do(loaded: Load) -> None:
    expected = loaded(["a b", "x y"])
    assert loaded(("a b", "x y")) == expected
    assert loaded(np.array(["a b", "x y"])) == expected
    assert loaded(text for text in ("a b", "x y")) == expected


def test_what_is_no_list_of_texts(loaded: Load) -> None:
    assert message(loaded, "a b") == "a single text is given; expected a list of texts"
    assert message(loaded, ["a b", 3]) == "a int is among the texts; expected a list of texts"
    assert message(loaded, [None]) == "a NoneType is among the texts; expected a list of texts"
    assert message(loaded, ["a"], ["b"]) == "the run answers single texts; give one list"


def test_a_folder_without_a_run(tmp_path: Path, toy_run: Path) -> None:
    with pytest.raises(UsageError) as caught:
        tfclassify.load(str(tmp_path))
    assert str(caught.value) == (
        f"run={tmp_path} holds no trained classifier (no plan.yaml, labels.json, model.safetensors)"
    )
    (tmp_path / "reviews").mkdir()
    with pytest.raises(UsageError) as caught:
        tfclassify.load(str(tmp_path / "review"))
    assert str(caught.value) == (
        f"run={tmp_path / 'review'} does not exist; expected the directory of a run; "
        f"did you mean '{tmp_path / 'reviews'}'?"
    )
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        tfclassify.load(str(tmp_path / "file"))
    assert str(caught.value) == f"run={tmp_path / 'file'} is a file; expected the directory of a run"
