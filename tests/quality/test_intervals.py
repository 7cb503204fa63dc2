"""Intervals against other sources of the same numbers, and against what they promise."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, norm

from tfclassify.quality.intervals import Z_95, highest_difference, paired_difference, wilson


def test_the_normal_point() -> None:
    assert pytest.approx(norm.ppf(0.975), abs=1e-14) == Z_95


@given(st.integers(1, 2000), st.floats(0, 1))
def test_wilson_is_that_of_scipy(rows: int, share: float) -> None:
    successes = round(share * rows)
    expected = binomtest(successes, rows).proportion_ci(0.95, method="wilson")
    assert wilson(successes, rows) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(
    ("successes", "rows", "expected"),
    [(8, 10, (0.4902, 0.9433)), (0, 10, (0.0, 0.2775)), (10, 10, (0.7225, 1.0)), (1, 1, (0.2065, 1.0))],
)
def test_wilson_by_hand(successes: int, rows: int, expected: tuple[float, float]) -> None:
    assert wilson(successes, rows) == pytest.approx(expected, abs=5e-5)


def test_wilson_at_its_ends_is_exact() -> None:
    for rows in (1, 3, 17, 1000, 10**9):
        assert wilson(0, rows)[0] == 0.0
        assert wilson(rows, rows)[1] == 1.0


def test_of_no_rows_nothing_is_known() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    nothing = np.zeros(0, bool)
    assert paired_difference(nothing, nothing) == (0.0, -1.0, 1.0)


@pytest.mark.parametrize(("successes", "rows"), [(-1, 3), (4, 3), (1, 0)])
def test_counts_that_cannot_be(successes: int, rows: int) -> None:
    with pytest.raises(ValueError, match=f"^{successes} successes of {rows} rows; expected between 0 and all$"):
        wilson(successes, rows)


@pytest.mark.parametrize("rows", [10, 40, 200])
def test_wilson_covers_about_as_often_as_it_says(rows: int) -> None:
    shares = np.linspace(0.02, 0.98, 97)
    bounds = np.array([wilson(successes, rows) for successes in range(rows + 1)])
    inside = (bounds[:, :1] <= shares) & (shares <= bounds[:, 1:])
    coverage = (binom.pmf(np.arange(rows + 1)[:, None], rows, shares) * inside).sum(axis=0)
    assert coverage.mean() == pytest.approx(0.95, abs=0.01)
    assert coverage.min() > 0.82


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_a_difference_is_that_of_the_accuracies_and_turns_around(rows: list[tuple[bool, bool]]) -> None:
    first, second = np.array(rows).T
    difference, low, high = paired_difference(first, second)
    assert difference == pytest.approx(first.mean() - second.mean())
    assert -1.0 <= low <= high <= 1.0
    assert paired_difference(second, first) == pytest.approx((-difference, -high, -low))


def test_a_difference_by_hand() -> None:
    # 10 rows that only a has right, 2 that only b has, 88 of which both or neither.
    first = np.array([True] * 10 + [False] * 2 + [True] * 88)
    second = np.array([False] * 10 + [True] * 2 + [True] * 88)
    middle, half = 8 / 102, Z_95 * sqrt((13 / 102 - (8 / 102) ** 2) / 102)
    assert paired_difference(first, second) == pytest.approx((0.08, middle - half, middle + half))


def test_equal_answers_leave_room_for_what_was_not_seen() -> None:
    same = np.ones(50, bool)
    difference, low, high = paired_difference(same, same)
    assert difference == 0.0
    assert -0.1 < low < 0.0 < high < 0.1


def test_different_rows_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^\(3,\) rows against \(2,\); expected the same rows$"):
        paired_difference(np.ones(3, bool), np.ones(2, bool))


@pytest.mark.parametrize(
    ("rows", "only_a", "only_b"),
    [(50, 0.1, 0.05), (50, 0.02, 0.02), (200, 0.08, 0.08), (200, 0.3, 0.1), (30, 0.2, 0.0)],
)
def test_a_difference_covers_about_as_often_as_it_says(rows: int, only_a: float, only_b: float) -> None:
    random = np.random.default_rng(0)
    cells = random.multinomial(rows, [only_a, only_b, 1 - only_a - only_b], size=2000)
    covered = 0
    for a, b, both in cells:
        first = np.repeat([True, False, True], [a, b, both])
        second = np.repeat([False, True, True], [a, b, both])
        _, low, high = paired_difference(first, second)
        covered += low <= only_a - only_b <= high
    assert 0.935 < covered / len(cells) <= 1.0


@given(st.integers(0, 50), st.integers(0, 50), st.integers(100, 2000))
def test_the_upper_end_is_that_of_the_interval(lost: int, won: int, rows: int) -> None:
    right, other = np.ones(rows, bool), np.ones(rows, bool)
    other[:lost], right[lost : lost + won] = False, False
    end = paired_difference(right, other)[2]
    assert highest_difference(np.array(lost), np.array(won), rows=rows, certainty=0.975) == pytest.approx(end)
    middle = (lost - won) / (rows + 2)
    assert highest_difference(np.array(lost), np.array(won), rows=rows, certainty=0.5) == pytest.approx(middle)
