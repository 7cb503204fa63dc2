"""Answers of a process of its own against answers of the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tfclassify.errors import UsageError
from tfclassify.export import Export
from tfclassify.learning.trained import answer, open_trained
from tfclassify.runs import Run
from tfclassify.servable.parity import answered_elsewhere, check_parity

ANSWER = {"label": "a", "score": 0.75, "scores": {"a": 0.75, "b": 0.25}, "scope_score": 2.0}


def outputs(**other: Any) -> dict[str, list[Any]]:
    return {"labels": [["a", "b"]], "scores": [[0.75, 0.25]], "scope_score": [2.0], **other}


def test_the_same() -> None:
    found = check_parity([ANSWER], outputs(scores=[[0.750004, 0.249996]]))
    assert found.rows == 1
    assert found.largest_difference == pytest.approx(4e-6, abs=1e-8)


def test_of_equal_scores_the_order_does_not_count() -> None:
    tied = {**ANSWER, "scores": {"a": 0.5, "b": 0.5}}
    assert check_parity([tied], outputs(labels=[["b", "a"]], scores=[[0.5, 0.5]])).largest_difference == 0


@pytest.mark.parametrize(
    ("other", "score", "difference"),
    [
        ({"scores": [[0.76, 0.24]]}, "0.760000", "0.01"),
        ({"labels": [["b", "a"]]}, "0.250000", "0.5"),
        ({"labels": [["a", "c"]]}, "0.750000", "inf"),
        ({"scores": [[float("nan"), 0.25]]}, "nan", "nan"),
        ({"scope_score": [2.1]}, "0.750000", "0"),
    ],
)
def test_not_the_same(other: dict[str, Any], score: str, difference: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_parity([ANSWER], outputs(**other))
    assert str(caught.value) == (
        f"the SavedModel answers otherwise than the run: row 1 has a at 0.750000 in the run and {score} in the "
        f"SavedModel (scores differ by up to {difference}; expected at most 1e-05)"
    )


def test_a_process_that_knows_only_tensorflow(toy_exported: Export, toy_run: Path) -> None:
    texts = ["a b c 1", "x y z 2", "", "no such letters: é 中 \ud7ff"]
    found = answered_elsewhere(toy_exported.folder, {"text": texts})
    trained = open_trained(Run(toy_run), precision="float32")
    assert check_parity(answer(trained, texts), found).rows == 4
    assert found["input_ids"][2] == [trained.limits.cls, trained.limits.sep]


def test_its_last_words_are_passed_on(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the SavedModel does not answer in a process of its own: OSError: SavedModel"):
        answered_elsewhere(tmp_path, {"text": ["a"]})
