"""The temperature is the best there is, scores are probabilities, and bins hold what they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, log_softmax

from tfclassify.quality.calibration import (
    BINS,
    GREATEST_TEMPERATURE,
    LEAST_TEMPERATURE,
    Bin,
    fit_temperature,
    reliability,
    scope_score,
    scores,
)
from tfclassify.quality.predictions import OUT_OF_SCOPE, Predictions


def drawn(rows: int, labels: int, *, temperature: float, seed: int, multilabel: bool) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are too sure by the temperature: truth is drawn from the scores at that temperature."""
    random = np.random.default_rng(seed)
    logits = (random.normal(size=(rows, labels)) * 3).astype(np.float32)
    shares = scores(logits, temperature=temperature, multilabel=multilabel).astype(np.float64)
    if multilabel:
        return logits, random.random(shares.shape) < shares
    truth = (shares.cumsum(axis=1) < random.random((rows, 1)) * shares.sum(axis=1, keepdims=True)).sum(axis=1)
    return logits, truth.astype(np.int32)


def likelihood(logits: np.ndarray, truth: np.ndarray, temperature: float, *, multilabel: bool) -> float:
    """Mean negative log-likelihood, another way."""
    divided = logits.astype(np.float64) / temperature
    if multilabel:
        return float(-np.log(np.where(truth, expit(divided), expit(-divided))).mean())
    return float(-log_softmax(divided, axis=1)[np.arange(len(truth)), truth].mean())


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.7, 4.0])
def test_a_known_temperature_is_found_again(temperature: float, multilabel: bool) -> None:
    logits, truth = drawn(20_000, 4, temperature=temperature, seed=1, multilabel=multilabel)
    assert fit_temperature(logits, truth, multilabel=multilabel) == pytest.approx(temperature, rel=0.05)


@given(st.integers(5, 60), st.integers(2, 5), st.floats(0.5, 5), st.integers(0, 999), st.booleans())
def test_no_other_temperature_fits_better(
    rows: int, labels: int, temperature: float, seed: int, multilabel: bool
) -> None:
    logits, truth = drawn(rows, labels, temperature=temperature, seed=seed, multilabel=multilabel)
    # One row is made wrong, since answers that are all right have no best temperature.
    truth[0] = ~(logits[0] > 0) if multilabel else logits[0].argmin()
    found = fit_temperature(logits, truth, multilabel=multilabel)
    least = likelihood(logits, truth, found, multilabel=multilabel)
    around = np.clip([found * 1.01, found / 1.01], LEAST_TEMPERATURE, GREATEST_TEMPERATURE)
    tried = [*np.geomspace(LEAST_TEMPERATURE, GREATEST_TEMPERATURE, 50), *around]
    others = [likelihood(logits, truth, each, multilabel=multilabel) for each in tried]
    assert least <= min(others) + 1e-6


def test_rows_out_of_scope_are_passed_over() -> None:
    logits, truth = drawn(300, 3, temperature=2.0, seed=2, multilabel=False)
    outside = np.where(np.arange(300) % 3 == 0, OUT_OF_SCOPE, truth).astype(np.int32)
    kept = outside != OUT_OF_SCOPE
    assert fit_temperature(logits, outside, multilabel=False) == fit_temperature(
        logits[kept], truth[kept], multilabel=False
    )


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("rows", [1, 5, 200])
def test_answers_that_are_all_right_stay_short_of_certain(rows: int, multilabel: bool) -> None:
    logits = np.tile(np.array([[4.0, -4.0, -4.0]], np.float32), (rows, 1))
    truth = logits > 0 if multilabel else np.zeros(rows, np.int32)
    temperature = fit_temperature(logits, truth, multilabel=multilabel)
    assert LEAST_TEMPERATURE < temperature < GREATEST_TEMPERATURE
    best = scores(logits, temperature=temperature, multilabel=multilabel).max()
    decisions = rows * 3 if multilabel else rows
    assert 1 / 3 < best <= 1 - 0.5 / (decisions + 2)


@pytest.mark.parametrize("multilabel", [False, True])
def test_more_clean_rows_make_surer(multilabel: bool) -> None:
    logits = np.array([[3.0, -3.0]], np.float32)
    truth = logits > 0 if multilabel else np.zeros(1, np.int32)
    found = [
        fit_temperature(np.repeat(logits, rows, axis=0), np.repeat(truth, rows, axis=0), multilabel=multilabel)
        for rows in (1, 10, 100, 1000)
    ]
    assert found == sorted(found, reverse=True)


def test_answers_that_are_all_wrong_are_worth_nothing() -> None:
    logits = np.tile(np.array([[4.0, -4.0]], np.float32), (20, 1))
    assert fit_temperature(logits, np.ones(20, np.int32), multilabel=False) == pytest.approx(GREATEST_TEMPERATURE, 1e-4)


@pytest.mark.parametrize(
    ("logits", "truth", "multilabel"),
    [
        (np.zeros((0, 3), np.float32), np.zeros(0, np.int32), False),
        (np.zeros((0, 3), np.float32), np.zeros((0, 3), bool), True),
        (np.ones((2, 3), np.float32), np.full(2, OUT_OF_SCOPE, np.int32), False),
        (np.full((2, 3), np.nan, np.float32), np.zeros(2, np.int32), False),
        (np.full((2, 3), np.inf, np.float32), np.ones((2, 3), bool), True),
    ],
)
def test_where_there_is_nothing_to_fit_logits_stay(logits: np.ndarray, truth: np.ndarray, multilabel: bool) -> None:
    assert fit_temperature(logits, truth, multilabel=multilabel) == 1.0


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("size", [0.0, 1e-6, 1e4, 1e30])
def test_logits_of_any_size_give_a_finite_temperature(size: float, multilabel: bool) -> None:
    logits, truth = drawn(50, 3, temperature=1.0, seed=3, multilabel=multilabel)
    found = fit_temperature((logits * np.float32(size)).astype(np.float32), truth, multilabel=multilabel)
    assert LEAST_TEMPERATURE <= found <= GREATEST_TEMPERATURE


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
