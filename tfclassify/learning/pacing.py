"""The time limit of a training: the steps that fit into it, planned again at each tenth of it.

What is planned is how many steps there are in all. It is part of the course, so that a training that goes on has the
learning rates of the one that was interrupted; the rate falls to 0 at the last of them, whichever that is.
"""

from __future__ import annotations

from tfclassify.learning.course import Course, Orders, steps_made, total_steps

TENTHS = 10
# By so much of what is left, or by one step, clocks are off.
NOT_WORTH_IT = 0.02


def tenths_over(course: Course, orders: Orders) -> int:
    """Returns how many tenths of the time limit are over; 0 where there is none."""
    limit = orders.time_limit_minutes
    return 0 if limit is None else int(TENTHS * course.elapsed_seconds / (60.0 * limit))


def is_to_be_replanned(course: Course, orders: Orders) -> bool:
    """Says whether another tenth of the time is over."""
    return tenths_over(course, orders) > course.tenths


def steps_that_fit(course: Course, orders: Orders, *, blocked_seconds: float = 0.0) -> int:
    """Returns how many steps there may be in all, by what a step and a judgement have taken so far.

    At least one more is made: whatever the rate is, the last step has to be the one after which it is 0.

    Args:
        course: what the training went through.
        orders: with what was predicted, for as long as nothing was measured.
        blocked_seconds: how long this process has stood still for checkpoints.
    """
    made = steps_made(course, orders)
    left = 60.0 * (orders.time_limit_minutes or 0.0) - course.elapsed_seconds
    judging = course.judging_seconds / len(course.history) if course.history else orders.judging_seconds
    taken = course.seconds + course.saving_seconds + blocked_seconds
    step = taken / course.steps if course.steps else orders.step_seconds
    # An epoch's judgement is shared out among its steps; the last one is made in any case.
    each = step + judging / orders.steps_per_epoch
    fitting = min((left - judging) / each, orders.most_steps) if each > 0 else orders.most_steps
    # Of a time that is over by far more than a step takes there is no whole number.
    return min(orders.most_steps, made + int(max(1.0, fitting)))


def replan(course: Course, orders: Orders, steps: int) -> str | None:
    """Takes another number of steps, from the next one on.

    Returns:
        What is said of it; None where it is about as before.
    """
    course.tenths = max(course.tenths, tenths_over(course, orders))
    before, made = total_steps(course, orders), steps_made(course, orders)
    if abs(steps - before) <= max(1.0, NOT_WORTH_IT * (before - made)):
        return None
    course.pieces.append([made, steps])
    over = f"{min(course.tenths, TENTHS)} tenths of train.time_limit_minutes={orders.time_limit_minutes:g} are over"
    return f"{over}: {steps} steps fit into it, instead of {before}"
