"""Two classifiers together: taken where they are better on rows left out, left alone where chance would explain it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tfclassify.quality.stacking import GREATEST, _fit, judge_stacking


def rows(number: int, *, strength: tuple[float, float], several: bool = False, seed: int = 0) -> tuple[NDArray, ...]:
    """Truth, and what two classifiers of these strengths say of it, each with noise of its own."""
    chance = np.random.default_rng(seed)
    truth = chance.integers(0, 3, number) if not several else chance.random((number, 3)) < 0.3
    told = np.eye(3)[truth] if not several else 2.0 * truth - 1.0
    return truth, *(each * told + chance.normal(size=(number, 3)) for each in strength)


@pytest.mark.parametrize("several", [False, True])
def test_two_that_know_different_things_are_better_together(several: bool) -> None:
    truth, first, second = rows(600, strength=(1.5, 1.5), several=several)
    found = judge_stacking(first, second, truth)
    assert found.weights is not None
    assert found.weights[0] == pytest.approx(found.weights[1], rel=0.3)
    assert found.interval[0] > 0
    assert found.right[1] > found.right[0]


def test_noise_is_not_taken() -> None:
    truth, first, second = rows(300, strength=(2.0, 0.0))
    found = judge_stacking(first, second, truth)
    assert found.weights is None
    assert found.interval[0] <= 0


def test_what_knows_nothing_of_its_own_is_not_taken() -> None:
    truth, first, _ = rows(300, strength=(2.0, 0.0))
    assert judge_stacking(first, first * 0.5, truth).weights is None


def test_a_first_one_that_is_useless_is_outvoted() -> None:
    truth, first, second = rows(400, strength=(0.0, 3.0))
    found = judge_stacking(first * 5, second, truth)
    assert found.weights is not None
    assert found.weights[0] < 0.1 < found.weights[1]


def test_few_rows_tell_nothing() -> None:
    truth, first, second = rows(10, strength=(1.5, 1.5))
    assert judge_stacking(first, second, truth).weights is None


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_of_fewer_rows_than_two_nothing_is_said(number: int, several: bool) -> None:
    first, second = np.ones((number, 3)), np.eye(3)[np.arange(number) % 3]
    truth = second.astype(bool) if several else np.arange(number) % 3
    found = judge_stacking(first, second, truth)
    assert (found is None) == (number < 2)
    if found is not None:
        assert np.isfinite([found.gain, *found.interval, *found.right]).all()


def test_weights_stay_finite_where_all_is_right() -> None:
    truth = np.arange(60) % 3
    logits = 9.0 * np.eye(3)[truth]
    own, other = _fit(logits, logits, truth)
    assert 0 < own < GREATEST
    assert 0 <= other < GREATEST
