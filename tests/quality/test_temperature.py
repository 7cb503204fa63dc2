"""The temperature is the best there is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_logits import drawn
from scipy.special import expit, log_softmax

from tfclassify.quality.calibration import scores
from tfclassify.quality.predictions import OUT_OF_SCOPE
from tfclassify.quality.temperature import GREATEST_TEMPERATURE, LEAST_TEMPERATURE, fit_temperature


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
