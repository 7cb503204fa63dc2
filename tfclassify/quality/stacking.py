"""Whether two classifiers together are better than one: a weight for the second, judged on rows left out of its fit."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logsumexp, softmax

from tfclassify.quality.intervals import Z_95
from tfclassify.quality.thresholds import best_threshold

FOLDS = 5
# One row left out leaves none to fit on, and of one gain nobody knows how it varies.
FEWEST_ROWS = 2
GREATEST = 20.0
# So small a pull towards the first alone keeps rows that are all right from asking for infinite weights.
PULL = 1e-3

Truth = NDArray[Any]
Logits = NDArray[np.float64]


@dataclass(frozen=True)
class Stacking:
    """The weights of two classifiers' logits, and what they were judged by.

    Attributes:
        weights: fitted on all N rows; None where the second does not pay.
        rows: N.
        gain: log-likelihood per row, in nats, that the two have over the first alone on rows left out of the fit.
        interval: of the gain, 95 %.
        right: accuracy of the first alone, and of the two; of several labels a row, micro-F1.
    """

    weights: tuple[float, float] | None
    rows: int
    gain: float
    interval: tuple[float, float]
    right: tuple[float, float]


def judge_stacking(first: Logits, second: Logits, truth: Truth) -> Stacking | None:
    """Fits weights by cross-validation, and keeps them where both are better beyond chance, and no less often right.

    Args:
        first: float64[N, C], logits of a classifier.
        second: float64[N, C], logits of another, calibrated.
        truth: int32[N] of in-scope rows, or bool[N, C].

    Returns:
        None where there are fewer rows than two, of which nothing can be said.

    Source: L. Breiman, "Stacked regressions", Machine Learning 24 (1996).
    """
    rows = len(truth)
    if rows < FEWEST_ROWS:
        return None
    folds = np.random.default_rng(0).permutation(rows) % FOLDS
    alone, both = np.zeros_like(first, np.float64), np.zeros_like(first, np.float64)
    nothing = np.zeros_like(second)
    for fold in range(FOLDS):
        kept, out = folds != fold, folds == fold
        one, two = _fit(first[kept], nothing[kept], truth[kept]), _fit(first[kept], second[kept], truth[kept])
        alone[out] = one[0] * first[out]
        both[out] = two[0] * first[out] + two[1] * second[out]
    gains = _losses(alone, truth) - _losses(both, truth)
    gain, half = float(gains.mean()), Z_95 * float(gains.std(ddof=1)) / sqrt(rows)
    right = _right(alone, truth), _right(both, truth)
    pays = gain - half > 0 and right[1] >= right[0]
    weights = _fit(first, second, truth) if pays else None
    return Stacking(weights, rows, gain, (gain - half, gain + half), right)


def _fit(first: Logits, second: Logits, truth: Truth) -> tuple[float, float]:
    """Returns the weights of both under which the truth is likeliest: a convex problem of two numbers."""
    targets = truth.astype(np.float64) if truth.ndim == 2 else np.eye(first.shape[1])[truth]

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = weights[0] * first + weights[1] * second
        wrong = (expit(logits) if truth.ndim == 2 else softmax(logits, axis=1)) - targets
        slopes = np.array([(wrong * each).sum() for each in (first, second)]) / len(truth)
        pull = weights - np.array([1.0, 0.0])
        return float(_losses(logits, truth).mean() + PULL * (pull**2).sum()), slopes + 2 * PULL * pull

    found = minimize(loss, np.array([1.0, 0.1]), jac=True, bounds=[(0.0, GREATEST)] * 2, method="L-BFGS-B")
    return float(found.x[0]), float(found.x[1])


def _losses(logits: Logits, truth: Truth) -> NDArray[np.float64]:
    """Returns float64[N]: negative log-likelihoods in nats; of several labels a row their sum."""
    if truth.ndim == 2:
        return (np.logaddexp(0.0, logits) - truth * logits).sum(axis=1)
    return logsumexp(logits, axis=1) - logits[np.arange(len(truth)), truth]


def _right(logits: Logits, truth: Truth) -> float:
    if truth.ndim == 1:
        return float((logits.argmax(axis=1) == truth).mean())
    odds = expit(logits).astype(np.float32)
    given = odds >= best_threshold(odds, truth)
    counted = given.sum() + truth.sum()
    return float(2 * (given & truth).sum() / counted) if counted else 0.0
