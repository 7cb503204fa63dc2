"""Averages of the weights over the steps of a training, kept in the optimizer beside its moments.

Sources: Polyak and Juditsky, Acceleration of Stochastic Approximation by Averaging (1992), for the moving average;
Izmailov et al., Averaging Weights Leads to Wider Optima and Better Generalization (2018), for the equal one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import tensorflow as tf
import tf_keras as keras


@dataclass(frozen=True)
class Average:
    """How weights are averaged: ``swa`` over all steps since the start alike, ``ema`` over the latest ones most.

    ``start`` is the step that is the first to count, from 1 on; from there each ``every``-th counts. ``decay`` is by
    how much an average falls behind in one step, of ``ema`` only.
    """

    kind: Literal["ema", "swa"]
    start: int
    every: int
    decay: float = 0.0


def is_due(average: Average, step: tf.Tensor) -> tf.Tensor:
    """Says whether the weights after this step (int64[], from 1 on) count, bool[]."""
    return tf.logical_and(step >= average.start, tf.equal((step - average.start) % average.every, 0))


def share(average: Average, step: tf.Tensor) -> tf.Tensor:
    """Returns the share of the weights after this step in the new average, float32[].

    A moving average begins as an equal one, so that what the first weights were is no larger a part of it than others.
    """
    counted = tf.cast((step - average.start) // average.every + 1, tf.float32)
    equal = 1.0 / tf.maximum(counted, 1.0)
    return equal if average.kind == "swa" else tf.maximum(equal, 1.0 - average.decay**average.every)


def moved(average: tf.Variable, weights: tf.Variable, part: tf.Tensor) -> None:
    """Moves an average towards the weights by a part of the way."""
    average.assign_add((weights - average) * tf.cast(part, average.dtype))


@contextmanager
def averages_in_place(model: keras.Model) -> Iterator[None]:
    """Puts the averages in the place of the weights, and these back at the end; nothing where there are none yet."""
    pairs = _pairs(model)
    weights = [tf.identity(variable) for variable, _ in pairs]
    for variable, average in pairs:
        variable.assign(tf.identity(average))
    try:
        yield
    finally:
        for (variable, _), value in zip(pairs, weights, strict=True):
            variable.assign(value)


def has_averages(model: keras.Model) -> bool:
    """Says whether a step has been counted in averages, so that they are what is validated and kept."""
    return bool(_pairs(model))


def _pairs(model: keras.Model) -> list[tuple[tf.Variable, tf.Variable]]:
    optimizer = _unwrapped(model.optimizer)
    average = getattr(optimizer, "average", None)
    if average is None or int(tf.convert_to_tensor(optimizer.iterations)) < average.start:
        return []
    return list(zip(model.trainable_variables, optimizer.averages, strict=True))


def _unwrapped(optimizer: Any) -> Any:
    """Returns what is inside the wrapper that scales losses."""
    return getattr(optimizer, "inner_optimizer", optimizer)
