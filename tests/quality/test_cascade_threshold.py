"""The threshold of a cascade: the lowest that keeps the loss within its bound, as certainly as was asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from tfclassify.quality.cascade_threshold import cascade_threshold
from tfclassify.quality.intervals import paired_difference

ROWS = st.lists(st.tuples(st.integers(0, 8), st.booleans(), st.booleans()), min_size=1, max_size=60)


def arrays(rows: list[tuple[int, bool, bool]]) -> tuple[np.ndarray, ...]:
    confidence, cheap, dear = zip(*rows, strict=True)
    return np.array(confidence, float), np.array(cheap), np.array(dear)


def test_by_hand() -> None:
    confidence = np.array([9.0, 8.0, 7.0, 6.0, 5.0, 4.0])
    cheap = np.array([True, True, False, True, False, False])
    found = cascade_threshold(confidence, cheap, np.ones(6, bool), bound=0.2, certainty=0.5)
    # One of six lost is 1/8 of eight; two would be a quarter.
    assert found is not None
    assert (found.confidence, found.share, found.loss) == (5.5, 4 / 6, 1 / 6)
    low, high = found.interval
    assert low < found.loss < high
    assert cascade_threshold(confidence, np.zeros(6, bool), np.ones(6, bool), bound=0.1, certainty=0.5) is None


def test_more_certainty_answers_less() -> None:
    chance = np.random.default_rng(0)
    confidence = chance.random(2000)
    dear = chance.random(2000) < 0.95
    cheap = chance.random(2000) < 0.5 + confidence / 2
    shares = [
        found.share if found else 0.0
        for found in (
            cascade_threshold(confidence, cheap, dear, bound=0.01, certainty=each) for each in (0.5, 0.8, 0.975)
        )
    ]
    assert 1 > shares[0] > shares[1] > shares[2]


@given(ROWS, st.sampled_from([0.0, 0.05, 0.3]), st.sampled_from([0.5, 0.8, 0.975]))
def test_it_is_the_lowest_that_is_allowed(rows: list[tuple[int, bool, bool]], bound: float, certainty: float) -> None:
    confidence, cheap, dear = arrays(rows)

    def upper(threshold: float) -> float:
        sure = confidence >= threshold
        lost, won = int((dear & ~cheap)[sure].sum()), int((cheap & ~dear)[sure].sum())
        middle, spread = (lost - won) / (len(rows) + 2), (lost + won + 1) / (len(rows) + 2)
        return middle + norm.ppf(certainty) * np.sqrt(max(spread - middle**2, 0) / (len(rows) + 2))

    allowed = [each for each in np.unique(confidence) if upper(each) <= bound + 1e-12]
    found = cascade_threshold(confidence, cheap, dear, bound=bound, certainty=certainty)
    assert (found is None) == (not allowed)
    if found is not None:
        sure = confidence >= found.confidence
        np.testing.assert_array_equal(sure, confidence >= min(allowed))
        assert found.share == sure.mean()
        assert (found.loss, *found.interval) == paired_difference(dear, np.where(sure, cheap, dear))
        assert found.confidence not in confidence[confidence > 0]


def test_who_may_not_answer_never_does_and_counts_for_nothing() -> None:
    confidence = np.array([4.0, 3.0, 2.0, -1.0, -1.0, -1.0])
    cheap = np.array([True, False, False, True, True, True])
    dear = np.array([True, True, True, False, False, False])
    # With the rows below 0, on which the cheap one is better, all would be within the bound.
    found = cascade_threshold(confidence, cheap, dear, bound=0.0, certainty=0.5)
    assert found is not None
    assert (found.confidence, found.share, found.loss) == (3.5, 1 / 6, 0.0)
    lowest = cascade_threshold(confidence, dear, dear, bound=0.0, certainty=0.5)
    assert lowest is not None
    assert (lowest.confidence, lowest.share) == (1.0, 0.5)
    assert cascade_threshold(confidence - 5.0, cheap, dear, bound=1.0, certainty=0.5) is None


@pytest.mark.parametrize("certainty", [0.5, 0.9])
def test_no_rows(certainty: float) -> None:
    none = np.zeros(0, bool)
    assert cascade_threshold(np.zeros(0), none, none, bound=0.1, certainty=certainty) is None
