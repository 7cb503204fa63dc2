"""What a report is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from numbers import Real
from typing import Any, TypeGuard

from tfclassify.quality.mistakes import Mistake
from tfclassify.quality.predictions import Predictions

DEFAULT_METRIC = "macro_f1"
LOWER_IS_BETTER = ("log_loss",)


@dataclass(frozen=True, eq=False)
class Story:
    """What a report tells: report.json and what stands behind its figures.

    Attributes:
        name: of the classifier.
        report: report.json; ``baseline``, ``plan``, ``speed`` and ``rows`` may be missing, any metric may be None.
        history: one entry per epoch (epoch, loss, validation_accuracy, ..., learning_rate, seconds); may be empty.
        predictions: of the reported split.
        split: its name, a key of ``report["splits"]``.
        mistakes: the texts it is most wrong about, already as few as are to be shown.
        baseline_predictions: the baseline's, of the same rows in the same order.
        lengths: ``lengths[n]`` rows of the training split have n tokens.
        buckets: [rows, length] of each, by rising length.
        decisions: settings key, value as text, reason.
        notes: what was found odd in the data, what was dropped.
        facts: versions, seed, time, hardware, model name, data locations.
    """

    name: str
    report: Mapping[str, Any]
    history: Sequence[Mapping[str, float]]
    predictions: Predictions
    split: str
    mistakes: Sequence[Mistake]
    baseline_predictions: Predictions | None
    lengths: Sequence[int]
    buckets: Sequence[tuple[int, int]]
    decisions: Sequence[tuple[str, str, str]]
    notes: Sequence[str]
    facts: Mapping[str, str]


def section(story: Story, name: str) -> Mapping[str, Any]:
    """Returns a part of the report, empty where it is missing or None."""
    return story.report.get(name) or {}


def judged(story: Story) -> Mapping[str, Any]:
    """Returns the figures of the reported split."""
    return story.report["splits"][story.split]


def rows_in_scope(story: Story) -> int:
    """Returns the number of reported rows that are of one of the classes."""
    figures = judged(story)
    return int(figures["rows"]) - int(figures.get("out_of_scope_rows") or 0)


def decided(story: Story, key: str) -> str | None:
    """Returns the value that was decided for a settings key, or None where there is no such decision."""
    return next((value for name, value, _ in story.decisions if name == key), None)


def choosing_metric(story: Story) -> str:
    """Returns the validation metric that chose the best epoch: that of the plan, else macro-F1."""
    metric = decided(story, "train.metric") or DEFAULT_METRIC
    return metric if any(f"validation_{metric}" in entry for entry in story.history) else DEFAULT_METRIC


def best_epoch(story: Story) -> int | None:
    """Returns the epoch whose weights were kept, the first of equals, or None where no epoch was measured."""
    metric = choosing_metric(story)
    sign = -1 if metric in LOWER_IS_BETTER else 1
    measured = [entry for entry in story.history if is_number(entry.get(f"validation_{metric}"))]
    best = max(measured, key=lambda entry: sign * entry[f"validation_{metric}"], default=None)
    return None if best is None else int(best["epoch"])


def is_number(value: Any) -> TypeGuard[float]:
    """Tells whether a value is a finite number, of Python or of numpy, and not a truth value."""
    return isinstance(value, Real) and not isinstance(value, bool) and isfinite(value)
