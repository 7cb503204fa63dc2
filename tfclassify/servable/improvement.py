"""The gate against getting worse: a new servable against what it replaces, on the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfclassify.errors import UsageError
from tfclassify.quality.intervals import paired_difference

Answer = Mapping[str, Any]


@dataclass(frozen=True)
class Comparison:
    """Shares of rows answered right by the new one and by what it replaces, and the interval of the difference."""

    rows: int
    accuracy: float
    replaced_accuracy: float
    difference: float
    interval: tuple[float, float]


def check_not_worse(
    answers: Sequence[Answer], replaced: Sequence[Answer], truth: Sequence[frozenset[str]], *, name: str
) -> Comparison:
    """Compares two classifiers on N rows.

    Args:
        answers: those of the new one.
        replaced: those of the one that it is to replace.
        truth: the labels of each row; one of them unless rows may have several.
        name: of the one to be replaced, for the message.

    Raises:
        UsageError: the new one is worse, by more than the 95 % interval of the paired difference leaves open.
    """
    new, old = _right(answers, truth), _right(replaced, truth)
    difference, low, high = paired_difference(new, old)
    made = Comparison(len(truth), float(new.mean()), float(old.mean()), difference, (low, high))
    if high < 0:
        raise UsageError(
            f"better_than={name}: of {made.rows} rows this run has {made.accuracy:.1%} right, what it would replace "
            f"{made.replaced_accuracy:.1%} (difference {difference:+.1%}, 95 % interval {low:+.1%} to {high:+.1%}); "
            "expected one that is not worse"
        )
    return made


def _right(answers: Sequence[Answer], truth: Sequence[frozenset[str]]) -> NDArray[np.bool_]:
    return np.array([_given(answer) == labels for answer, labels in zip(answers, truth, strict=True)], bool)


def _given(answer: Answer) -> frozenset[str]:
    return frozenset(answer["labels"] if "labels" in answer else [answer["label"]])
