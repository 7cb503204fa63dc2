"""Scores that mean what they say: the scores of logits at a temperature, and how far they are off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logsumexp, softmax

from tfclassify.quality.predictions import Predictions, predicted, true_labels, within_scope

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


def _positive(temperature: float) -> float:
    if not temperature > 0:
        raise ValueError(f"temperature={temperature}; expected a number above 0")
    return temperature
