"""Scores that mean what they say: temperature, the scores themselves, and how far they are off."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, logsumexp, softmax

from tfclassify.quality.predictions import OUT_OF_SCOPE, Predictions, predicted, true_labels, within_scope

LEAST_TEMPERATURE, GREATEST_TEMPERATURE = 0.05, 20.0
BINS = 15


@dataclass(frozen=True)
class Bin:
    """Decisions whose score lies in (low, high]: how many, their mean score, the share that is right.

    Both means are None of an empty bin.
    """

    low: float
    high: float
    rows: int
    confidence: float | None
    accuracy: float | None


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


def scores(logits: NDArray[np.float32], *, temperature: float = 1.0, multilabel: bool) -> NDArray[np.float32]:
    """Turns logits into probabilities.

    Args:
        logits: float32[B, C].
        temperature: what ``fit_temperature`` gave.
        multilabel: one sigmoid per label in place of a softmax over labels.

    Returns:
        float32[B, C], without overflow whatever the logits.

    Raises:
        ValueError: temperature is not above 0.
    """
    divided = np.asarray(logits, np.float64) / _positive(temperature)
    if divided.size == 0:
        return divided.astype(np.float32)
    return (expit(divided) if multilabel else softmax(divided, axis=1)).astype(np.float32)


def scope_score(logits: NDArray[np.float32], temperature: float = 1.0) -> NDArray[np.float32]:
    """Returns float32[B], higher for texts that look like one of the classes: the free energy, negated.

    Args:
        logits: float32[B, C], at least one class.
        temperature: as in ``temperature · logsumexp(logits / temperature)``.

    Raises:
        ValueError: temperature is not above 0.

    Source: W. Liu et al., "Energy-based out-of-distribution detection", NeurIPS 2020.
    """
    divided = np.asarray(logits, np.float64) / _positive(temperature)
    return (temperature * logsumexp(divided, axis=1)).astype(np.float32)


def reliability(predictions: Predictions) -> tuple[Bin, ...]:
    """Sorts decisions into 15 bins of equal width by their score; in-scope rows only.

    A decision is a row with the score of its label; in a multi-label task it is a row and a label, with the
    label's score, right when the label is true.
    """
    confidence, right = _decisions(within_scope(predictions))
    # Bins are closed on the right, as in the source of the measure; a score of 0 belongs to the first.
    numbers = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    return tuple(_bin(number, confidence[numbers == number], right[numbers == number]) for number in range(BINS))


def _decisions(inside: Predictions) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    if inside.kind == "multilabel":
        confidence, right = inside.scores.ravel(), true_labels(inside).ravel()
    else:
        confidence, right = inside.scores.max(axis=1, initial=0.0), predicted(inside) == inside.truth
    known = np.isfinite(confidence)
    return confidence[known].astype(np.float64), right[known]


def _bin(number: int, confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> Bin:
    rows = len(confidence)
    return Bin(
        low=number / BINS,
        high=(number + 1) / BINS,
        rows=rows,
        confidence=float(confidence.mean()) if rows else None,
        accuracy=float(right.mean()) if rows else None,
    )


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


def _positive(temperature: float) -> float:
    if not temperature > 0:
        raise ValueError(f"temperature={temperature}; expected a number above 0")
    return temperature
