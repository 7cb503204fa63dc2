"""From which score on a label is given, where a row may have several, and a text is one of the classes at all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tfclassify.quality.predictions import Predictions

HALF = 0.5


def tuned(predictions: Predictions) -> Predictions:
    """Returns the predictions with the threshold that is best on themselves; as they are where a row has one label."""
    if predictions.kind != "multilabel":
        return predictions
    return replace(predictions, thresholds=best_threshold(predictions.scores, predictions.truth))


def best_threshold(scores: NDArray[np.float32], truth: NDArray) -> float:
    """Returns the one threshold for all labels that gives the highest micro-F1 on these rows.

    It lies halfway between the two scores that it parts, so that it is no closer to one row than to another. With
    few rows per label the scores of a good classifier may all be far below a half, and a threshold of a half would
    give no label.

    Args:
        scores: float32[B, C], from 0 to 1.
        truth: bool[B, C].

    Returns:
        A threshold; a half where there is no row, or no true label.
    """
    if not truth.any():
        return HALF
    order = np.argsort(-scores.ravel(), kind="stable")
    falling = scores.ravel()[order].astype(np.float64)
    found = np.cumsum(truth.ravel()[order])
    f1 = 2 * found / (np.arange(1, len(found) + 1) + truth.sum())
    # Equal scores are given or not given together.
    last_of_equals = np.append(falling[1:] < falling[:-1], True)
    best = int(np.argmax(np.where(last_of_equals, f1, -1.0)))
    below = falling[best + 1] if best + 1 < len(falling) else 0.0
    return float((falling[best] + below) / 2)


def scope_threshold(scope_scores: NDArray[np.floating], share: float) -> float | None:
    """Returns the scope score that at least this share of rows of the classes reach.

    Args:
        scope_scores: float[B], of rows that are of one of the classes.
        share: from 0 to 1.

    Returns:
        None where there is no row to choose by, or a score is not finite.
    """
    if not len(scope_scores) or not np.isfinite(scope_scores).all():
        return None
    # The threshold is the score of a row itself, never a number between two.
    return float(np.quantile(scope_scores, 1 - share, method="lower"))
