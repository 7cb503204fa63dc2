"""The rows a model got most wrong: the first thing to read after a training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfclassify.quality.predictions import Predictions, chosen, correct, in_scope, predicted, true_labels


@dataclass(frozen=True)
class Mistake:
    """A wrong answer.

    ``score`` is that of the given label; of several labels, how far the score of the one that is most wrong lies from
    what it should be, 0 or 1. ``name`` is that of the row, where rows have one.
    """

    text: str
    truth: str
    predicted: str
    score: float
    name: str | None = None


def most_wrong(predictions: Predictions, n: int) -> list[int]:
    """Returns the numbers of at most n in-scope rows that were answered wrongly, the surest of them first."""
    wrong = np.flatnonzero(in_scope(predictions) & ~correct(predictions))
    order = np.argsort(-_badness(predictions)[wrong], kind="stable")
    return [int(row) for row in wrong[order][:n]]


def mistakes(predictions: Predictions, texts: Sequence[str], n: int, *, names: Sequence[str] = ()) -> list[Mistake]:
    """Returns the rows of ``most_wrong`` with their texts.

    Args:
        predictions: of B rows.
        texts: B of them.
        n: at most so many.
        names: B of them, or none.
    """
    given, true, badness = chosen(predictions), true_labels(predictions), _badness(predictions)
    return [
        Mistake(
            text=texts[row],
            truth=_names(predictions, true[row]),
            predicted=_names(predictions, given[row]),
            score=float(badness[row]),
            name=names[row] if names else None,
        )
        for row in most_wrong(predictions, n)
    ]


def _badness(predictions: Predictions) -> NDArray[np.float32]:
    """Returns float32[B]: the score of the label given; multi-label: how far the worst wrong one is from the truth."""
    if predictions.kind == "multilabel":
        true = true_labels(predictions)
        return (np.abs(predictions.scores - true) * (chosen(predictions) != true)).max(axis=1, initial=0.0)
    return np.take_along_axis(predictions.scores, predicted(predictions)[:, None], axis=1)[:, 0]


def _names(predictions: Predictions, row: NDArray[np.bool_]) -> str:
    return ", ".join(label for label, is_so in zip(predictions.labels, row, strict=True) if is_so) or "(none)"
