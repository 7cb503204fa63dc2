"""Linear classifiers on vectors of a network: what a head that is fitted afterwards says of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from tfclassify.model.exit_heads import Linear

# So strong a pull to zero, of standardised inputs, does for hundreds of rows as for thousands.
REGULARISATION, ITERATIONS = 0.03, 200
SMALLEST_SPREAD = 1e-6
# Of a label that no row has: a share of nothing beside any other.
NEVER = -30.0


def fit_linear(vectors: NDArray[np.float32], truth: NDArray[Any], *, classes: int) -> Linear:
    """Fits a logistic regression, of each label by itself where a row may have several.

    Args:
        vectors: float32[N, H], N of at least one.
        truth: int32[N], or bool[N, C].
        classes: C.

    Returns:
        float32[H, C] that vectors are multiplied by, and float32[C] that is added, for logits. Those of one label a row
        have a mean of zero, so that what they add up to tells how much a text looks like any of the classes.
    """
    middle, spread = vectors.mean(axis=0), vectors.std(axis=0) + SMALLEST_SPREAD
    inputs = (vectors - middle) / spread
    fitted = _several(inputs, truth) if truth.ndim == 2 else _one(inputs, truth, classes)
    kernel = fitted[0] / spread[:, None]
    return kernel.astype(np.float32), (fitted[1] - middle @ kernel).astype(np.float32)


def _one(inputs: NDArray[np.float32], truth: NDArray[Any], classes: int) -> tuple[NDArray[Any], NDArray[Any]]:
    kernel, bias = np.zeros((inputs.shape[1], classes)), np.full(classes, NEVER)
    present = np.unique(truth)
    if len(present) == 1:
        bias[present] = 0.0
        return kernel, bias
    model = LogisticRegression(C=REGULARISATION, max_iter=ITERATIONS).fit(inputs, truth)
    if len(present) == 2:
        # Of two classes the library gives the difference.
        kernel[:, present] = model.coef_.T * [-0.5, 0.5]
        bias[present] = model.intercept_ * [-0.5, 0.5]
    else:
        kernel[:, present], bias[present] = model.coef_.T, model.intercept_
    return kernel, bias


def _several(inputs: NDArray[np.float32], truth: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[Any]]:
    kernel, bias = np.zeros((inputs.shape[1], truth.shape[1])), np.zeros(truth.shape[1])
    for label, column in enumerate(truth.T):
        if column.all() or not column.any():
            bias[label] = -NEVER if column.all() else NEVER
            continue
        model = LogisticRegression(C=REGULARISATION, max_iter=ITERATIONS).fit(inputs, column)
        kernel[:, label], bias[label] = model.coef_[0], model.intercept_[0]
    return kernel, bias
