"""How many steps fit into a time limit: by what they take, and piece by piece."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tfclassify.learning.course import Course, Orders, course_of, course_state, total_steps
from tfclassify.learning.pacing import is_to_be_replanned, replan, steps_that_fit, tenths_over

MINUTES = 0.5


def orders(**more: Any) -> Orders:
    told = {
        "epochs": 10,
        "steps_per_epoch": 10,
        "total_steps": 30,
        "most_steps": 100,
        "rows_per_epoch": 20,
        "metric": "accuracy",
        "patience": 0,
        "weights": Path("w"),
        "history": Path("h"),
        "time_limit_minutes": MINUTES,
        "step_seconds": 1.0,
        "judging_seconds": 0.0,
    }
    return Orders(**{**told, **more})


@pytest.mark.parametrize(
    ("elapsed", "expected"), [(0.0, 0), (2.99, 0), (3.0, 1), (14.9, 4), (29.9, 9), (30.0, 10), (61.0, 20)]
)
def test_tenths(elapsed: float, expected: int) -> None:
    assert tenths_over(Course(elapsed_seconds=elapsed), orders()) == expected
    assert tenths_over(Course(elapsed_seconds=elapsed), orders(time_limit_minutes=None)) == 0
    assert is_to_be_replanned(Course(elapsed_seconds=elapsed), orders()) == (expected > 0)
    assert not is_to_be_replanned(Course(elapsed_seconds=elapsed, tenths=expected), orders())


@pytest.mark.parametrize(
    ("course", "told", "expected"),
    [
        # Nothing was measured: 30 seconds at one a step.
        (Course(), {}, 30),
        (Course(), {"step_seconds": 0.5}, 60),
        (Course(), {"judging_seconds": 10.0}, 10),
        (Course(), {"most_steps": 25}, 25),
        # Three steps in three seconds, of which two are counted at half a second each.
        (Course(step=3, steps=2, seconds=1.0, elapsed_seconds=3.0), {}, 3 + 54),
        (Course(step=3, steps=2, seconds=1.0, saving_seconds=1.0, elapsed_seconds=3.0), {}, 3 + 27),
        # An epoch was judged in 4 seconds: each step bears a tenth of that, and the last judgement is kept free.
        (Course(epoch=1, steps=10, seconds=6.0, history=[{}], judging_seconds=4.0, elapsed_seconds=16.0), {}, 10 + 10),
        # The time is over: one more step, after which the rate is 0.
        (Course(step=7, steps=6, seconds=60.0, elapsed_seconds=70.0), {}, 8),
    ],
)
def test_steps_that_fit(course: Course, told: dict[str, Any], expected: int) -> None:
    assert steps_that_fit(course, orders(**told)) == expected


@example(0, 0.0, 0.0, 0, 0.0, 2.3e-308)
@example(0, 2.225073858507203e-309, 31.0, 1, 0.0, 0.0)
@given(
    st.integers(0, 99), st.floats(0, 100), st.floats(0, 1e4), st.integers(0, 99), st.floats(0, 10), st.floats(0, 1e3)
)
def test_there_is_always_a_step_more_and_never_more_than_all(
    step: int, seconds: float, elapsed: float, steps: int, predicted: float, judging: float
) -> None:
    course = Course(step=step, steps=steps, seconds=seconds, elapsed_seconds=elapsed)
    told = orders(steps_per_epoch=100, step_seconds=predicted, judging_seconds=judging)
    assert step < steps_that_fit(course, told) <= told.most_steps


def test_what_is_planned_again_is_part_of_the_course() -> None:
    course = Course(step=6, elapsed_seconds=6.5)
    assert total_steps(course, orders()) == 30
    for about in (29, 30, 31):
        assert replan(course, orders(), about) is None
    assert (course.tenths, course.pieces) == (2, [])
    course.elapsed_seconds = 9.0
    assert replan(course, orders(), 42) == (
        "3 tenths of train.time_limit_minutes=0.5 are over: 42 steps fit into it, instead of 30"
    )
    assert total_steps(course, orders()) == 42
    assert replan(course, orders(), 42) is None
    assert replan(course, orders(), 40) is not None
    assert course.pieces == [[6, 42], [6, 40]]
    # Two of a hundred steps that are left are no more than a clock is off.
    assert replan(course, orders(total_steps=106, most_steps=200), 104) is not None
    left = Course(step=6)
    assert replan(left, orders(total_steps=106, most_steps=200), 104) is None
    assert replan(left, orders(total_steps=106, most_steps=200), 103) is not None
    assert course_of(course_state(course, orders()), orders()) == course
