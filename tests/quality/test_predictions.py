"""What is given, what is true, and which rows count."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tfclassify.quality.predictions import (
    OUT_OF_SCOPE,
    Predictions,
    chosen,
    correct,
    in_scope,
    predicted,
    take,
    true_labels,
    within_scope,
)


def single(truth: list[int], scores: list[list[float]]) -> Predictions:
    values = np.array(scores, np.float32)
    return Predictions(
        kind="multiclass",
        labels=("a", "b", "c"),
        truth=np.array(truth, np.int32),
        logits=np.log(values + 1e-9),
        scores=values,
        scope_scores=values.max(axis=1),
    )


def several(truth: list[list[int]], scores: list[list[float]], thresholds: Any = 0.5) -> Predictions:
    values = np.array(scores, np.float32)
    return Predictions("multilabel", ("a", "b"), np.array(truth, bool), values, values, values[:, 0], thresholds)


SINGLE = single([0, 2, OUT_OF_SCOPE], [[0.5, 0.5, 0.0], [0.1, 0.7, 0.2], [0.2, 0.2, 0.6]])
SEVERAL = several([[1, 0], [1, 1], [0, 0]], [[0.5, 0.4], [0.9, 0.3], [0.1, 0.49]])


def test_the_first_of_equal_scores_is_given() -> None:
    assert predicted(SINGLE).tolist() == [0, 1, 2]
    assert predicted(SINGLE).dtype == np.int32
    assert chosen(SINGLE).tolist() == [[True, False, False], [False, True, False], [False, False, True]]


def test_a_row_out_of_scope_has_no_label_and_is_never_right() -> None:
    assert in_scope(SINGLE).tolist() == [True, True, False]
    assert true_labels(SINGLE).tolist() == [[True, False, False], [False, False, True], [False, False, False]]
    assert correct(SINGLE).tolist() == [True, False, False]


def test_labels_are_given_from_the_threshold_on() -> None:
    assert chosen(SEVERAL).tolist() == [[True, False], [True, False], [False, False]]
    assert correct(SEVERAL).tolist() == [True, False, True]
    assert in_scope(SEVERAL).all()
    own = several(SEVERAL.truth.tolist(), SEVERAL.scores.tolist(), np.array([0.95, 0.3], np.float32))
    assert chosen(own).tolist() == [[False, True], [False, True], [False, True]]


def test_taking_rows_takes_them_everywhere() -> None:
    some = take(SINGLE, np.array([2, 0]))
    assert some.truth.tolist() == [OUT_OF_SCOPE, 0]
    assert some.scores.tolist() == SINGLE.scores[[2, 0]].tolist()
    assert some.logits.tolist() == SINGLE.logits[[2, 0]].tolist()
    assert some.scope_scores.tolist() == SINGLE.scope_scores[[2, 0]].tolist()
    assert len(SINGLE.truth) == 3
    assert within_scope(SINGLE).truth.tolist() == [0, 2]
    assert within_scope(SEVERAL).truth.tolist() == SEVERAL.truth.tolist()


def test_no_rows_and_no_labels() -> None:
    nothing = take(SINGLE, np.zeros(3, bool))
    assert [len(part(nothing)) for part in (predicted, chosen, correct, true_labels, in_scope)] == [0] * 5
    unlabelled = Predictions("multiclass", (), np.zeros(2, np.int32), *(np.zeros((2, 0), np.float32),) * 2, np.zeros(2))
    assert predicted(unlabelled).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("logits", (3, 2), "logits has shape (3, 2); expected (3, 3)"),
        ("scores", (1, 3), "scores has shape (1, 3); expected (3, 3)"),
        ("scope_scores", (3, 1), "scope_scores has shape (3, 1); expected (3,)"),
        ("truth", (3, 3), "truth has shape (3, 3); expected (3,)"),
    ],
)
def test_shapes_that_do_not_fit(name: str, shape: tuple[int, ...], expected: str) -> None:
    arrays: dict[str, Any] = {
        "truth": np.zeros(3, np.int32),
        "logits": np.zeros((3, 3), np.float32),
        "scores": np.zeros((3, 3), np.float32),
        "scope_scores": np.zeros(3, np.float32),
    }
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # compared word for word
        Predictions("multiclass", ("a", "b", "c"), **{**arrays, name: np.zeros(shape)})
    assert str(caught.value) == expected


def test_truth_of_several_labels_is_of_every_label() -> None:
    with pytest.raises(ValueError, match=r"^truth has shape \(3,\); expected \(3, 2\)$"):
        Predictions("multilabel", ("a", "b"), np.zeros(3), np.zeros((3, 2)), np.zeros((3, 2)), np.zeros(3))
