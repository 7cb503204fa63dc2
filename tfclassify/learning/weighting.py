"""What is known of labels before anything is learnt: how much their rows count in the loss, where a head begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tfclassify.errors import UsageError, nearest

# How much of the way from one row one vote to one label one vote.
POWERS = {"balanced": 1.0, "square_root": 0.5}


def label_weights(
    choice: str | Mapping[str, float], labels: Sequence[str], counts: Mapping[str, int]
) -> NDArray[np.float32]:
    """Returns the weight of each label, float32[C].

    Args:
        choice: ``none``, ``balanced`` (rows / (classes * rows of the class)), ``square_root`` of that, or weights by
            label name.
        labels: C label names.
        counts: training rows per label.

    Raises:
        UsageError: a weight is given for a label that does not exist.
    """
    if choice == "none":
        return np.ones(len(labels), np.float32)
    if isinstance(choice, str) and choice in POWERS:
        each = np.array([max(counts[label], 1) for label in labels], np.float64)
        return ((each.sum() / (len(labels) * each)) ** POWERS[choice]).astype(np.float32)
    if isinstance(choice, str):
        raise UsageError(
            f"train.class_weights is '{choice}'; expected none, balanced, square_root, or weights by label name"
        )
    for name in choice:
        if name not in labels:
            raise UsageError(f"train.class_weights names '{name}', which is no label{nearest(name, labels)}")
    return np.array([choice.get(label, 1.0) for label in labels], np.float32)


def head_bias(
    choice: str, labels: Sequence[str], counts: Mapping[str, int], *, rows: int, multilabel: bool
) -> NDArray[np.float32]:
    """Returns the biases that a new head begins with, float32[C].

    Args:
        choice: ``zeros``, or ``shares``: those at which each label's score is its share of the training rows.
        labels: C label names.
        counts: training rows per label.
        rows: training rows.
        multilabel: scores are sigmoids rather than one softmax.

    Source: T.-Y. Lin et al., "Focal loss for dense object detection" (2017), section 3.3.
    """
    if choice == "zeros":
        return np.zeros(len(labels), np.float32)
    # Half a row more on either side, so that a label of no row, or of all, has finite odds.
    having = np.array([counts[label] for label in labels], np.float64) + 0.5
    return np.log(having / (rows + 1 - having) if multilabel else having / having.sum()).astype(np.float32)


def row_weights(truth: NDArray, own: NDArray[np.float32], by_label: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns float32[N] with mean 1 over the rows that count, so that weights do not change the size of a step.

    Args:
        truth: int32[N] classes, or bool[N, C]; a row with several labels counts by the heaviest of them.
        own: float32[N] weights of the rows themselves.
        by_label: float32[C].

    Raises:
        UsageError: no row has a weight.
    """
    heaviest = np.where(truth, by_label, 0.0).max(axis=1) if truth.ndim == 2 else by_label[truth]
    total = own.astype(np.float64) * np.where(heaviest > 0, heaviest, 1.0)
    if not total.any():
        raise UsageError("data.weight: every training row has weight 0; expected one above 0 in at least one row")
    # A step divides by the number of rows that have a weight.
    return (total / total[total > 0].mean()).astype(np.float32)
