"""From which confidence on a cheap classifier may answer in place of a dear one, for a stated loss of accuracy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfclassify.quality.intervals import highest_difference, paired_difference


@dataclass(frozen=True)
class Threshold:
    """A threshold, and what it does to N rows.

    Attributes:
        confidence: from which on the cheap one answers.
        rows: N.
        share: of them that it answers.
        loss: of accuracy over all N rows; negative where it is the better one.
        interval: of the loss, 95 %.
    """

    confidence: float
    rows: int
    share: float
    loss: float
    interval: tuple[float, float]


def cascade_threshold(
    confidence: NDArray[np.float64],
    cheap: NDArray[np.bool_],
    dear: NDArray[np.bool_],
    *,
    bound: float,
    certainty: float,
) -> Threshold | None:
    """Returns the lowest threshold that keeps the loss within its bound.

    Of each threshold the upper limit of the loss is looked at that holds with this certainty; it grows with the number
    of rows on which one is right and the other wrong, whoever it is. At a certainty of a half it is the estimate.

    Args:
        confidence: float64[N] of the cheap one, from 0 on; below 0 where it may not answer at all.
        cheap: bool[N], it is right.
        dear: bool[N], the other is.
        bound: share of the accuracy that may be lost.
        certainty: from 0.5 to below 1.

    Returns:
        None where no threshold below the highest confidence does. It lies halfway between two confidences, so that it
        is no closer to one row than to another.

    Source: of the limit, A. Agresti, Y. Min, Statistics in Medicine 24 (2005), as in ``intervals``.
    """
    rows = len(confidence)
    order = np.argsort(-confidence, kind="stable")
    falling = confidence[order]
    lost, won = np.cumsum((dear & ~cheap)[order]), np.cumsum((cheap & ~dear)[order])
    upper = highest_difference(lost, won, rows=rows, certainty=certainty)
    # Equal confidences are answered together.
    last_of_equals = np.append(falling[1:] < falling[:-1], True)[:rows]
    allowed = np.flatnonzero((upper <= bound) & last_of_equals & (falling >= 0))
    if not len(allowed):
        return None
    last = int(allowed[-1])
    below = max(0.0, falling[last + 1]) if last + 1 < rows else 0.0
    threshold = (falling[last] + below) / 2
    return _described(float(threshold), confidence, cheap, dear)


def _described(
    threshold: float, confidence: NDArray[np.float64], cheap: NDArray[np.bool_], dear: NDArray[np.bool_]
) -> Threshold:
    sure = confidence >= threshold
    loss, low, high = paired_difference(dear, np.where(sure, cheap, dear))
    return Threshold(threshold, len(confidence), float(sure.mean()), loss, (low, high))
