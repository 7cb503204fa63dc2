"""The temperature that logits are divided by, so that scores mean what they say."""

from __future__ import annotations

from math import exp, log
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from tfclassify.quality.predictions import OUT_OF_SCOPE

LEAST_TEMPERATURE, GREATEST_TEMPERATURE = 0.05, 20.0


def fit_temperature(
    logits: NDArray[np.float32], truth: NDArray[np.int32] | NDArray[np.bool_], *, multilabel: bool
) -> float:
    """Returns the temperature under which the logits fit the truth best (least negative log-likelihood).

    Args:
        logits: float32[B, C].
        truth: int32[B], rows of -1 are passed over; bool[B, C] when multi-label.
        multilabel: labels are independent of each other.

    Returns:
        A number from 0.05 to 20 that logits are to be divided by; 1 where there is no row to fit, or a logit is not
        finite.

    Source: C. Guo et al., "On calibration of modern neural networks", ICML 2017.
    """
    kept = slice(None) if multilabel else np.asarray(truth) != OUT_OF_SCOPE
    exact = np.asarray(logits, np.float64)[kept]
    true: NDArray[Any] = np.asarray(truth)[kept]
    targets = true.astype(bool) if multilabel else true[:, None] == np.arange(exact.shape[1])
    if exact.size == 0 or not np.isfinite(exact).all():
        return 1.0
    smooth = _smoothed(exact, targets, multilabel=multilabel)

    def loss(log_temperature: float) -> float:
        return _negative_log_likelihood(exact / exp(log_temperature), smooth, multilabel=multilabel)

    bounds = (log(LEAST_TEMPERATURE), log(GREATEST_TEMPERATURE))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return float(exp(found.x))


def _smoothed(logits: NDArray[np.float64], targets: NDArray[np.bool_], *, multilabel: bool) -> NDArray[np.float64]:
    """Returns the targets, softened where no temperature is best.

    When every decision is right the likelihood only grows as the temperature falls, and scores of exactly 1 would
    follow from a small clean validation set. Platt's targets, 1/(n + 2) away from certain, have a best one.
    """
    exact = targets.astype(np.float64)
    if multilabel:
        share = 1 / (targets.size + 2)
        return exact * (1 - 2 * share) + share if ((logits > 0) == targets).all() else exact
    share = 1 / (len(targets) + 2)
    right = targets[np.arange(len(targets)), logits.argmax(axis=1)].all()
    return exact * (1 - share) + share / targets.shape[1] if right else exact


def _negative_log_likelihood(logits: NDArray[np.float64], targets: NDArray[np.float64], *, multilabel: bool) -> float:
    if multilabel:
        return float((np.logaddexp(0.0, logits) - targets * logits).mean())
    return float(-(targets * log_softmax(logits, axis=1)).sum(axis=1).mean())
