"""Scores are probabilities, and bins hold what they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_logits import drawn
from scipy.special import expit

from tfclassify.quality.calibration import (
    BINS,
    Bin,
    reliability,
    scope_score,
    scores,
)
from tfclassify.quality.predictions import OUT_OF_SCOPE, Predictions


@pytest.mark.parametrize("multilabel", [False, True])
def test_scores_are_probabilities(multilabel: bool) -> None:
    logits = np.array([[1e30, -1e30, 0.0], [-1e4, -1e4, -1e4], [0.1, 0.2, 0.3]], np.float32)
    found = scores(logits, multilabel=multilabel)
    assert found.dtype == np.float32
    assert ((found >= 0) & (found <= 1)).all()
    expected = expit(logits[2].astype(np.float64)) if multilabel else np.exp(logits[2]) / np.exp(logits[2]).sum()
    assert found[2] == pytest.approx(expected, rel=1e-6)
    if not multilabel:
        assert found.sum(axis=1) == pytest.approx(1.0)
        assert found[0].tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("multilabel", [False, True])
def test_a_temperature_divides_and_keeps_the_order(multilabel: bool) -> None:
    logits = np.array([[2.0, -1.0, 0.5]], np.float32)
    warm = scores(logits, temperature=2.0, multilabel=multilabel)
    assert warm == pytest.approx(scores(logits / 2, multilabel=multilabel))
    assert warm.argsort().tolist() == logits.argsort().tolist()
    assert warm.max() < scores(logits, multilabel=multilabel).max()


@pytest.mark.parametrize("multilabel", [False, True])
def test_scores_of_no_rows(multilabel: bool) -> None:
    assert scores(np.zeros((0, 3), np.float32), multilabel=multilabel).shape == (0, 3)
    assert scope_score(np.zeros((0, 3), np.float32)).shape == (0,)


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan])
def test_temperatures_that_cannot_be(temperature: float) -> None:
    logits = np.zeros((1, 2), np.float32)
    with pytest.raises(ValueError, match=f"^temperature={temperature}; expected a number above 0$"):
        scores(logits, temperature=temperature, multilabel=False)
    with pytest.raises(ValueError, match=f"^temperature={temperature}; expected a number above 0$"):
        scope_score(logits, temperature)


def test_scope_scores_by_hand() -> None:
    logits = np.array([[1.0, 2.0], [-5.0, -5.0], [1e4, 0.0]], np.float32)
    assert scope_score(logits)[:2] == pytest.approx([math.log(math.e + math.e**2), -5.0 + math.log(2)], rel=1e-6)
    assert scope_score(logits)[2] == pytest.approx(1e4)
    warm = 2.0 * math.log(math.exp(0.5) + math.exp(1.0))
    assert scope_score(logits, 2.0)[0] == pytest.approx(warm, rel=1e-6)
    assert scope_score(logits).dtype == np.float32


def made(confidence: list[float], right: list[bool]) -> Predictions:
    values = np.array([[score, 1 - score] for score in confidence], np.float32)
    truth = np.array([0 if is_right else 1 for is_right in right], np.int32)
    return Predictions("binary", ("a", "b"), truth, values, values, values[:, 0])


def test_bins_by_hand() -> None:
    bins = reliability(made([0.99, 0.97, 0.95, 0.61], [True, False, True, True]))
    assert len(bins) == BINS
    assert [each.rows for each in bins] == [0] * 9 + [1] + [0] * 4 + [3]
    assert bins[0] == Bin(0.0, 1 / 15, 0, None, None)
    assert (bins[14].low, bins[14].high) == (pytest.approx(14 / 15), 1.0)
    assert bins[14].confidence == pytest.approx(0.97)
    assert bins[14].accuracy == pytest.approx(2 / 3)
    assert bins[9].accuracy == 1.0


def test_a_score_on_an_edge_belongs_to_the_bin_below() -> None:
    edges = np.array([[0.0], [1 / 3], [1.0]])
    predictions = Predictions("multilabel", ("a",), np.ones((3, 1), bool), edges, edges, edges[:, 0])
    assert [number for number, each in enumerate(reliability(predictions)) if each.rows] == [0, 4, 14]


@given(st.integers(0, 80), st.integers(1, 4), st.integers(0, 99), st.booleans())
def test_bins_hold_every_decision_once(rows: int, labels: int, seed: int, multilabel: bool) -> None:
    logits, truth = drawn(rows, labels, temperature=1.0, seed=seed, multilabel=multilabel)
    if not multilabel:
        truth[::4] = OUT_OF_SCOPE
    kind = "multilabel" if multilabel else "multiclass"
    names = tuple(map(str, range(labels)))
    given_scores = scores(logits, multilabel=multilabel)
    bins = reliability(Predictions(kind, names, truth, logits, given_scores, np.zeros(rows, np.float32)))
    expected = rows * labels if multilabel else int((truth != OUT_OF_SCOPE).sum())
    assert sum(each.rows for each in bins) == expected
    assert all(each.confidence is None or each.low - 1e-6 <= each.confidence <= each.high + 1e-6 for each in bins)
