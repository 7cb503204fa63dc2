"""The surest mistakes come first."""

from __future__ import annotations

import numpy as np
import pytest

from tfclassify.quality.mistakes import Mistake, mistakes, most_wrong
from tfclassify.quality.predictions import OUT_OF_SCOPE, Predictions

SCORES = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.1, 0.9], [0.4, 0.6], [0.2, 0.8]], np.float32)
TRUTH = np.array([0, 1, 0, OUT_OF_SCOPE, 1, 0], np.int32)
TEXTS = ["right", "half wrong", "wrong", "elsewhere", "right too", "wrong again"]
SINGLE = Predictions("binary", ("ham", "spam"), TRUTH, SCORES, SCORES, SCORES[:, 0])

SEVERAL = Predictions(
    "multilabel",
    ("angry", "sad"),
    np.array([[1, 0], [1, 1], [0, 0], [0, 1]], bool),
    *(np.array([[0.9, 0.7], [0.1, 0.9], [0.2, 0.3], [0.6, 0.4]], np.float32),) * 2,
    np.zeros(4, np.float32),
)


def test_wrong_rows_of_one_label_by_falling_score() -> None:
    assert most_wrong(SINGLE, 9) == [2, 5, 1]
    assert most_wrong(SINGLE, 2) == [2, 5]
    assert most_wrong(SINGLE, 0) == []
    assert all(type(row) is int for row in most_wrong(SINGLE, 9))


def test_wrong_rows_of_several_labels_by_the_worst_decision() -> None:
    assert most_wrong(SEVERAL, 9) == [1, 0, 3]


def test_mistakes_of_one_label() -> None:
    assert mistakes(SINGLE, TEXTS, 1) == [Mistake("wrong", "ham", "spam", pytest.approx(0.8))]


def test_mistakes_of_several_labels() -> None:
    first, second, third = mistakes(SEVERAL, ["a", "b", "c", "d"], 9)
    assert (first.text, first.truth, first.predicted) == ("b", "angry, sad", "sad")
    assert first.score == pytest.approx(0.9)
    assert (second.text, second.truth, second.predicted) == ("a", "angry", "angry, sad")
    assert (third.text, third.truth, third.predicted) == ("d", "sad", "angry")


def test_what_was_decided_rightly_is_no_mistake() -> None:
    """By a threshold of 0.2 the first label is right, however far its score lies from 1."""
    scores = np.array([[0.3, 0.25]], np.float32)
    predictions = Predictions(
        "multilabel", ("a", "b"), np.array([[1, 0]], bool), scores, scores, scores[:, 0], thresholds=0.2
    )
    assert [each.score for each in mistakes(predictions, ["x"], 1)] == [pytest.approx(0.25)]


def test_no_label_is_said_so() -> None:
    scores = np.array([[0.9], [0.1]], np.float32)
    predictions = Predictions("multilabel", ("x",), np.array([[0], [1]], bool), scores, scores, scores[:, 0])
    assert [(each.truth, each.predicted) for each in mistakes(predictions, ["a", "b"], 2)] == [
        ("(none)", "x"),
        ("x", "(none)"),
    ]


def test_without_mistakes_there_is_nothing_to_read() -> None:
    right = Predictions("binary", ("a", "b"), np.array([0], np.int32), SCORES[:1], SCORES[:1], SCORES[:1, 0])
    assert mistakes(right, ["fine"], 5) == []
