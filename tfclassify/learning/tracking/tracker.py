"""What a tracker is: three functions that get the figures of one training, and may be slow or fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tfclassify.learning.tracking.judged import Judged
from tfclassify.planning.planner import Plan
from tfclassify.runs import Run

Figures = Mapping[str, float]
Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Ending:
    """How a training ended.

    Attributes:
        state: ``finished``; ``stopped`` on request, to go on later; or ``failed``.
        report: what report.json holds, nothing if there is none.
        judged: None where nothing was judged.
    """

    state: Literal["finished", "stopped", "failed"]
    report: Mapping[str, Any] = field(default_factory=dict)
    judged: Judged | None = None


@dataclass(frozen=True)
class Tracker:
    """What gets the figures of one training.

    ``step(steps, figures)`` after a training step and ``epoch(steps, figures)`` after an epoch's validation, both with
    the number of steps made since the training began; ``end(steps, ending)`` once. They are called one at a time, in
    that order, on a thread that nothing else waits for.
    """

    step: Callable[[int, Figures], None]
    epoch: Callable[[int, Figures], None]
    end: Callable[[int, Ending], None]


Begin = Callable[[Plan, Run, Say], Tracker]
"""Begins to track a run, or goes on with one that was tracked before; may say what its user should know."""
