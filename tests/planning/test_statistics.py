"""Histograms by hand, and against numpy."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.planning.statistics import added, cut_lengths, imbalance, quantile_length, rows_over

HISTOGRAMS = st.lists(st.integers(0, 50), min_size=1, max_size=30)


def lengths_of(histogram: list[int]) -> np.ndarray:
    return np.repeat(np.arange(len(histogram)), histogram)


@given(HISTOGRAMS, st.integers(0, 100))
def test_a_quantile_is_the_least_length_that_covers_the_share(histogram: list[int], percent: int) -> None:
    found, lengths = quantile_length(histogram, percent / 100), lengths_of(histogram)
    if not len(lengths):
        assert found == 0
        return
    covered = np.array([(lengths <= length).sum() for length in range(len(histogram))])
    assert covered[found] * 100 >= percent * len(lengths)
    assert found in lengths
    assert not any(covered[length] * 100 >= percent * len(lengths) for length in range(found) if covered[length])


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 1), (0.07, 7), (0.29, 29), (0.57, 57), (0.95, 95), (0.951, 96), (1.0, 100)]
)
def test_a_quantile_is_not_off_by_a_rounding(share: float, expected: int) -> None:
    assert quantile_length([0, *([1] * 100)], share) == expected


@given(HISTOGRAMS, st.integers(0, 40))
def test_rows_over_a_length(histogram: list[int], length: int) -> None:
    assert rows_over(histogram, length) == (lengths_of(histogram) > length).sum()


@given(HISTOGRAMS, st.integers(0, 40))
def test_cutting_keeps_every_row(histogram: list[int], length: int) -> None:
    cut = cut_lengths(histogram, length)
    assert sorted(lengths_of(list(cut))) == sorted(np.minimum(lengths_of(histogram), length))
    assert len(cut) <= length + 1


@given(st.lists(HISTOGRAMS, min_size=1, max_size=4))
def test_adding_is_the_histogram_of_all_rows(histograms: list[list[int]]) -> None:
    together = np.concatenate([lengths_of(histogram) for histogram in histograms])
    assert sorted(lengths_of(list(added(histograms)))) == sorted(together)
    assert len(added(histograms)) == max(map(len, histograms))


def test_nothing_added_is_an_empty_histogram() -> None:
    assert added([]) == ()


@pytest.mark.parametrize(
    ("counts", "expected"),
    [({"a": 5, "b": 5}, 1.0), ({"a": 30, "b": 3}, 10.0), ({"a": 7, "b": 0}, inf), ({"a": 0, "b": 0}, 0.0)],
)
def test_imbalance(counts: dict[str, int], expected: float) -> None:
    assert imbalance(counts) == expected
