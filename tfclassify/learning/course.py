"""What a fit is told, and what it goes through: plain values, so that a training that ends can go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

ON_REQUEST = ("signal",)


@dataclass
class Course:
    """What a fit has gone through.

    ``epoch`` and ``step`` say which step comes next, both counted from 0; after the last step of an epoch that was not
    judged yet, ``step`` is the number of its steps. ``done`` is said after the last epoch.
    ``seconds`` are those of ``steps`` training steps; the first one of each process, which is traced as well, counts in
    neither, but that of the first process in ``first_step_seconds``, which begin with it. ``skipped`` steps changed
    nothing because loss or gradient was no finite number; ``returns`` is how often the training went back for that.
    So many checkpoints were ``saved`` and so many ``lost``; the training stood still for ``saving_seconds`` for them.
    ``stopped`` says why the fit ended before its time.
    ``elapsed_seconds`` are all that passed while it was fitted, ``judging_seconds`` those of its judgements. Of a time
    limit so many ``tenths`` are over; ``pieces`` says from which step on there were how many steps in all, where that
    was planned again.
    """

    epoch: int = 0
    step: int = 0
    done: bool = False
    history: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int | None = None
    best_value: float | None = None
    steps: int = 0
    seconds: float = 0.0
    first_step_seconds: float | None = None
    peak_memory_bytes: int = 0
    skipped: int = 0
    returns: int = 0
    saved: int = 0
    lost: int = 0
    saving_seconds: float = 0.0
    stopped: Literal["signal", "early"] | None = None
    elapsed_seconds: float = 0.0
    judging_seconds: float = 0.0
    tenths: int = 0
    pieces: list[list[int]] = field(default_factory=list)


@dataclass(frozen=True)
class Orders:
    """How to fit: sizes, the metric that chooses the best epoch, where things are kept, and when to give up.

    Attributes:
        epochs: passes over the training rows, at most; the last one may be cut by the number of steps.
        steps_per_epoch: steps of a whole epoch.
        total_steps: as planned at first.
        rows_per_epoch: training rows.
        metric: that chooses the best epoch.
        patience: epochs without a better one after which it ends; 0 for never.
        weights: file of the best weights.
        history: file of a line per epoch.
        checkpoints: folder of the checkpoints.
        checkpoint_steps: steps from one checkpoint to the next; 0 for none but where it is asked to stop.
        fingerprint: of settings and data: only checkpoints of the same are gone on from.
        time_limit_minutes: for which the number of steps is planned again at each tenth of it.
        most_steps: that all epochs together have; ``total_steps`` are fewer where time is short.
        step_seconds: what a step is predicted to take.
        judging_seconds: what it is predicted to take to judge an epoch.
        skips: steps in a row that may come to nothing before the training goes back.
        returns: how often it goes back, each time with half the learning rate.
        steps_at_once: that a device makes in one call, at most.
        rows_at: the training rows of a step: (epoch, step) to their numbers.
    """

    epochs: int
    steps_per_epoch: int
    total_steps: int
    rows_per_epoch: int
    metric: str
    patience: int
    weights: Path
    history: Path
    checkpoints: Path | None = None
    checkpoint_steps: int = 0
    fingerprint: str = ""
    time_limit_minutes: float | None = None
    most_steps: int = 0
    step_seconds: float = 0.0
    judging_seconds: float = 0.0
    skips: int = 3
    returns: int = 2
    steps_at_once: int = 1
    rows_at: Callable[[int, int], Sequence[int]] | None = None


def steps_made(course: Course, orders: Orders) -> int:
    """Returns the steps that the course has behind it, those of earlier processes included."""
    return course.epoch * orders.steps_per_epoch + course.step


def total_steps(course: Course, orders: Orders) -> int:
    """Returns the steps that the training has in all, as they were planned last."""
    return course.pieces[-1][1] if course.pieces else orders.total_steps


def epochs_planned(course: Course, orders: Orders) -> int:
    """Returns the epochs that these steps are, the last one whole or begun."""
    return -(-total_steps(course, orders) // orders.steps_per_epoch)


def course_state(course: Course, orders: Orders) -> dict[str, Any]:
    """Returns the course as values of JSON, with what it belongs to."""
    # That somebody asked this process to stop says nothing about the next one.
    stopped = None if course.stopped in ON_REQUEST else course.stopped
    return {"fingerprint": orders.fingerprint, "course": {**asdict(course), "stopped": stopped}}


def course_of(state: Mapping[str, Any], orders: Orders) -> Course:
    """Makes a course of the values of a checkpoint.

    Raises:
        ValueError: they belong to other settings or data, or are of another version.
    """
    if state["fingerprint"] != orders.fingerprint:
        raise ValueError("it belongs to other settings or other data")
    given = state["course"]
    if given.keys() != {each.name for each in fields(Course)}:
        raise ValueError("it was written by another version")
    return Course(**given)
