"""The threshold of labels against a search over all of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.quality.thresholds import best_threshold, scope_threshold


def micro_f1(scores: np.ndarray, truth: np.ndarray, threshold: float) -> float:
    given_labels = scores >= threshold
    return float(2 * (given_labels & truth).sum() / max(given_labels.sum() + truth.sum(), 1))


@given(st.integers(1, 8), st.integers(1, 4), st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_no_threshold_is_better(rows: int, labels: int, seed: int, steps: int) -> None:
    random = np.random.default_rng(seed)
    scores = (random.integers(0, steps + 1, (rows, labels)) / steps).astype(np.float32)
    truth = random.random((rows, labels)) < 0.4
    found = micro_f1(scores, truth, best_threshold(scores, truth))
    every = [0.0, *(np.unique(scores) + 1e-6)]
    assert found == pytest.approx(max(micro_f1(scores, truth, each) for each in every)) or not truth.any()


def test_it_lies_between_the_scores_that_it_parts() -> None:
    scores = np.array([[0.3, 0.1], [0.2, 0.02]], np.float32)
    truth = np.array([[True, False], [True, False]])
    assert best_threshold(scores, truth) == pytest.approx(0.15)


@pytest.mark.parametrize("shape", [(0, 3), (2, 3)])
def test_without_a_true_label_it_is_a_half(shape: tuple[int, int]) -> None:
    assert best_threshold(np.full(shape, 0.9, np.float32), np.zeros(shape, bool)) == 0.5


def test_every_label_may_be_given() -> None:
    scores, truth = np.array([[0.2, 0.1]], np.float32), np.array([[True, True]])
    assert best_threshold(scores, truth) == pytest.approx(0.05)


@given(st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=40), st.floats(0, 1))
def test_as_many_rows_are_in_scope_as_were_asked_for_and_no_more_than_needed(
    given_scores: list[float], share: float
) -> None:
    scores = np.array(given_scores, np.float32)
    found = scope_threshold(scores, share)
    assert found in scores
    assert (scores >= found).mean() >= share - 1e-9
    above = scores[scores > found]
    assert len(above) / len(scores) < share + 1 / len(scores) + 1e-9


def test_without_rows_that_can_be_told_apart_there_is_no_threshold() -> None:
    assert scope_threshold(np.zeros(0, np.float32), 0.95) is None
    assert scope_threshold(np.array([1.0, np.nan], np.float32), 0.95) is None
