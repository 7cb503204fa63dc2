"""How sure texts have to be to leave early: against counting by hand, and against a bound that has to hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tfclassify.quality.exits import ExitPlan, ExitScores, plan_exits, routes
from tfclassify.quality.intervals import highest_difference, paired_difference

LAYERS = 6
# The upper end of a 95 % interval.
CERTAIN = 0.975


def made(rows: int, seed: int, *layers: int, good: float = 0.9) -> tuple[list[ExitScores], NDArray[np.bool_]]:
    """Exits that are right as often as they say, and a network that is right in a share of the rows."""
    random = np.random.default_rng(seed)
    exits = []
    for layer in layers:
        confidence = random.beta(8, 1.0, rows).astype(np.float32)
        right = random.random(rows) < confidence
        exits.append(ExitScores(layer, confidence, random.random(rows) < 0.95, right))
    return exits, random.random(rows) < good


def planned(exits: list[ExitScores], right: NDArray[np.bool_], *, bound: float, certainty: float = CERTAIN) -> ExitPlan:
    return plan_exits(exits, right, layers=LAYERS, bound=bound, certainty=certainty)


def test_who_leaves_where() -> None:
    first = ExitScores(2, np.array([0.9, 0.5, 0.8, 0.9], np.float32), np.array([1, 1, 1, 0], bool), np.ones(4, bool))
    second = ExitScores(4, np.array([0.9, 0.7, 0.7, 0.6], np.float32), np.ones(4, bool), np.ones(4, bool))
    assert routes([first, second], [0.8, 0.7], rows=4).tolist() == [0, 1, 0, 2]
    assert routes([first, second], [None, 0.7], rows=4).tolist() == [1, 1, 1, 2]
    assert routes([], [], rows=2).tolist() == [0, 0]


def test_exits_that_are_never_wrong_let_all_leave_whom_they_may() -> None:
    rows = 1000
    sure = np.linspace(0.3, 0.99, rows).astype(np.float32)
    always = ExitScores(2, sure, np.ones(rows, bool), np.ones(rows, bool))
    plan = planned([always], np.ones(rows, bool), bound=0.005)
    assert plan.leaving[0] > 0.99
    assert plan.accuracy_lost == 0.0
    assert plan.layers_run == pytest.approx(plan.leaving[0] * 2 / 6 + (1 - plan.leaving[0]))


@pytest.mark.parametrize("confidence", [1.0, 0.75])
def test_rows_that_are_all_as_sure_leave_together(confidence: float) -> None:
    rows = 1000
    alike = [ExitScores(each, np.full(rows, confidence, np.float32), np.ones(rows, bool), np.ones(rows, bool))
             for each in (2, 4)]  # fmt: skip
    plan = planned(alike, np.ones(rows, bool), bound=0.005)
    assert plan.leaving == (1.0, 0.0)
    assert plan.layers_run == pytest.approx(2 / 6)
    # Not at the last bit of what they are.
    assert plan.thresholds[0] is not None
    assert plan.thresholds[0] < confidence - 0.1


def test_few_rows_prove_nothing() -> None:
    exits, _ = made(100, 0, 2)
    never_wrong = [ExitScores(2, exits[0].confidence, np.ones(100, bool), np.ones(100, bool))]
    plan = planned(never_wrong, np.ones(100, bool), bound=0.005)
    assert plan.thresholds == (None,)
    assert (plan.leaving, plan.layers_run, plan.accuracy_lost) == ((0.0,), 1.0, 0.0)
    # Of 390 rows without a difference the upper end is 1.96 / 392.
    enough = 390
    sure = np.linspace(0.5, 0.9, enough).astype(np.float32)
    more = [ExitScores(2, sure, np.ones(enough, bool), np.ones(enough, bool))]
    assert planned(more, np.ones(enough, bool), bound=0.005).leaving[0] > 0.9
    assert planned(more, np.ones(enough, bool), bound=0.0049).thresholds == (None,)


def test_no_rows_and_no_exits() -> None:
    none = ExitScores(2, np.zeros(0, np.float32), np.zeros(0, bool), np.zeros(0, bool))
    assert planned([none], np.zeros(0, bool), bound=0.5).thresholds == (None,)
    assert planned([], np.ones(10, bool), bound=0.5).layers_run == 1.0


@settings(max_examples=30)
@given(
    st.integers(0, 999),
    st.integers(1, 1500),
    st.sampled_from([0.005, 0.02, 0.1, 1.0]),
    st.sampled_from([0.5, 0.8, CERTAIN]),
)
def test_the_upper_limit_stays_within_the_bound(seed: int, rows: int, bound: float, certainty: float) -> None:
    exits, right = made(rows, seed, 2, 3, 5)
    plan = planned(exits, right, bound=bound, certainty=certainty)
    taken = routes(exits, plan.thresholds, rows=rows)
    answers = np.stack([*(each.right for each in exits), right])[taken, np.arange(rows)]
    assert (plan.accuracy_lost, *plan.interval) == paired_difference(right, answers)
    lost, won = (right & ~answers).sum(), (answers & ~right).sum()
    limit = highest_difference(lost, won, rows=rows, certainty=certainty)
    assert limit <= bound or plan.thresholds == (None, None, None)
    assert (plan.bound, plan.certainty) == (bound, certainty)
    assert plan.leaving == tuple(np.mean(taken == place) for place in range(3))
    assert plan.layers_run == pytest.approx(np.mean(np.array([2, 3, 5, 6])[taken]) / 6)


def test_a_looser_bound_runs_no_more_layers() -> None:
    exits, right = made(2000, 1, 2, 4)
    run = [planned(exits, right, bound=bound).layers_run for bound in (0.001, 0.005, 0.02, 0.1, 1.0)]
    assert run == sorted(run, reverse=True)
    assert run[-1] < run[0]


def test_more_certainty_runs_no_fewer_layers() -> None:
    exits, right = made(2000, 1, 2, 4)
    run = [planned(exits, right, bound=0.02, certainty=certainty).layers_run for certainty in (0.5, 0.8, CERTAIN)]
    assert run == sorted(run)
    assert run[0] < run[-1]


def test_a_layer_saved_is_worth_the_same_everywhere() -> None:
    exits, right = made(2000, 2, 2, 4)
    first, second = planned(exits, right, bound=0.1).thresholds
    assert first is not None
    assert second is not None
    assert (1 - first) / (LAYERS - 2) == pytest.approx((1 - second) / (LAYERS - 4))


def test_a_threshold_is_no_rows_own_confidence() -> None:
    exits, right = made(500, 3, 2)
    plan = planned(exits, right, bound=0.2)
    assert np.abs(exits[0].confidence - plan.thresholds[0]).min() > 0
