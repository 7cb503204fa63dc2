"""What the figures of a split come to: classes one by one, what is taken for what, and what stands out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfclassify.quality.calibration import reliability
from tfclassify.quality.metrics import confusion
from tfclassify.quality.predictions import Predictions, chosen, true_labels, within_scope
from tfclassify.quality.report.formats import decimals, percent, points
from tfclassify.quality.report.story import Story, is_number, judged
from tfclassify.quality.report.verdict import largest_class
from tfclassify.quality.report.wording import label_text, plural

FEW_ROWS = 10
# Mean score and share right further apart than this are worth a word.
LARGE_GAP = 0.02


@dataclass(frozen=True)
class Confusion:
    """Rows of one class that were given another: how many, and their share of the class."""

    truth: str
    given: str
    rows: int
    share: float


@dataclass(frozen=True)
class Decisions:
    """What became of a label in a multi-label task: rows that rightly got it, missed it, wrongly got it."""

    label: str
    found: int
    missed: int
    wrong: int


@dataclass(frozen=True)
class ClassFigures:
    """One row of the table of classes; ``confused`` is what the class is taken for most often."""

    label: str
    support: int | None
    precision: Any
    recall: Any
    f1: Any
    confused: Confusion | None


def confusions(predictions: Predictions) -> list[Confusion]:
    """Returns every pair of classes that was confused, the most frequent first."""
    matrix = confusion(predictions)
    totals = matrix.sum(axis=1)
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    truth, given = np.nonzero(wrong)
    order = np.argsort(-wrong[truth, given], kind="stable")
    labels = predictions.labels
    return [
        Confusion(labels[row], labels[column], int(wrong[row, column]), float(wrong[row, column] / totals[row]))
        for row, column in zip(truth[order], given[order], strict=True)
    ]


def label_decisions(predictions: Predictions) -> list[Decisions]:
    """Returns what became of each label, the one with most errors first."""
    found, missed, wrong = _decision_counts(within_scope(predictions))
    order = np.argsort(-(missed + wrong), kind="stable")
    return [
        Decisions(predictions.labels[column], int(found[column]), int(missed[column]), int(wrong[column]))
        for column in order
    ]


def class_figures(story: Story, pairs: Sequence[Confusion]) -> list[ClassFigures]:
    """Returns the figures of each class in the order of the labels, with what it is most often taken for.

    Args:
        story: what is told.
        pairs: those of ``confusions``; none of a multi-label task.
    """
    first: dict[str, Confusion] = {}
    for pair in pairs:
        first.setdefault(pair.truth, pair)
    per_class: Mapping[str, Mapping[str, Any]] = judged(story).get("per_class") or {}
    return [
        ClassFigures(
            label=label,
            support=figures.get("support"),
            precision=figures.get("precision"),
            recall=figures.get("recall"),
            f1=figures.get("f1"),
            confused=first.get(label),
        )
        for label, figures in per_class.items()
    ]


def findings(story: Story, classes: Sequence[ClassFigures], pairs: Sequence[Confusion]) -> list[str]:
    """Says in a few sentences what stands out in the figures of the split."""
    said = [
        _majority(story),
        _weakest(classes),
        _most_confused(pairs),
        _calibration(story.predictions),
        _never_given(classes),
        _few_rows(classes, story.split),
    ]
    return [sentence for sentence in said if sentence]


def _decision_counts(inside: Predictions) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    given, true = chosen(inside), true_labels(inside)
    return (given & true).sum(axis=0), (true & ~given).sum(axis=0), (given & ~true).sum(axis=0)


def _majority(story: Story) -> str | None:
    largest = largest_class(story)
    if largest is None:
        return None
    return f"Always answering “{label_text(largest[0])}” would be right on {percent(largest[1])} of these rows."


def _weakest(classes: Sequence[ClassFigures]) -> str | None:
    known = [each for each in classes if is_number(each.f1) and each.support]
    weak = sorted(known, key=lambda each: each.f1)[: 3 if len(known) > 6 else 1]
    if len(known) < 2 or weak[0].f1 == 1:
        return None
    named = ", ".join(f"“{label_text(each.label)}” ({decimals(each.f1)})" for each in weak if each.f1 < 1)
    return f"Lowest F1: {named}."


def _most_confused(pairs: Sequence[Confusion]) -> str | None:
    if not pairs:
        return None
    most, errors = pairs[0], sum(pair.rows for pair in pairs)
    return (
        f"The most frequent error is “{label_text(most.truth)}” taken for “{label_text(most.given)}”: "
        f"{most.rows:,} of {plural(errors, 'error')}."
    )


def _calibration(predictions: Predictions) -> str | None:
    filled = [each for each in reliability(predictions) if each.rows]
    rows = sum(each.rows for each in filled)
    if not rows:
        return None
    gap = sum(each.rows * ((each.confidence or 0.0) - (each.accuracy or 0.0)) for each in filled) / rows
    if abs(gap) < LARGE_GAP:
        return f"Scores mean what they say: on average they are {points(abs(gap))} from the share that is right."
    return f"Scores are too {'high' if gap > 0 else 'low'}: on average {points(abs(gap))} from the share that is right."


def _never_given(classes: Sequence[ClassFigures]) -> str | None:
    never = [each for each in classes if each.precision is None and each.support]
    if not never:
        return None
    shown = ", ".join(f"“{label_text(each.label)}”" for each in never[:3])
    return f"Never given as an answer: {shown}{f' and {len(never) - 3} more' if len(never) > 3 else ''}."


def _few_rows(classes: Sequence[ClassFigures], split: str) -> str | None:
    few = sum(1 for each in classes if each.support is not None and each.support < FEW_ROWS)
    if not few:
        return None
    of = f"{plural(few, 'class')} of {len(classes):,}"
    return f"{of} {'has' if few == 1 else 'have'} under {FEW_ROWS} {split} rows; their figures are rough."
