"""One trace for every bucket, each of static shape in a branch of its own, for devices that compile what they run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfclassify.data.batches import Bucket
from tfclassify.data.shares import BUCKET, unflattened
from tfclassify.learning.accumulation import Differentiated, Gradient


def by_bucket(
    differentiated: Differentiated,
    element: Mapping[str, tf.Tensor],
    variables: Sequence[tf.Variable],
    *,
    shapes: Sequence[Bucket],
    compiled: bool,
    rows: bool,
) -> tuple[tf.Tensor, list[Gradient]]:
    """Differentiates the batch that an element holds, in the branch of its bucket.

    Gradients leave the branches in shapes that all have in common: those of looked-up tables as the rows that were
    looked up, filled up with zeros for one of them, and all others as large as their variables. Where it makes no
    difference to the update, tables of fewer rows than a batch has tokens are among the others.

    Args:
        differentiated: takes the batch, in static shape.
        element: as :func:`tfclassify.data.shares.flattened` makes them.
        variables: those that the gradients are by.
        shapes: of the buckets.
        compiled: whether XLA compiles each branch; a TPU compiles them all together without being asked.
        rows: whether an update differs for rows that were not looked up.
    """
    tokens = max(size * length for size, length in shapes)

    def branch(shape: Bucket) -> Callable[[], Any]:
        def run(given: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, list[Any]]:
            loss, gradients = differentiated(unflattened(given, shape))
            pairs = zip(gradients, variables, strict=True)
            return loss, [_packed(*each, tokens=tokens, rows=rows) for each in pairs]

        graph = tf.function(run, autograph=False, jit_compile=compiled or None)
        return lambda: graph(element)

    branches = [branch(shape) for shape in shapes]
    loss, packed = tf.switch_case(element[BUCKET], branches)
    return loss, [_unpacked(*each) for each in zip(packed, variables, strict=True)]


def _packed(gradient: Gradient, variable: tf.Variable, *, tokens: int, rows: bool) -> Any:
    if gradient is None:
        return tf.zeros(variable.shape, variable.dtype)
    if not isinstance(gradient, tf.IndexedSlices) or (variable.shape[0] <= tokens and not rows):
        return tf.ensure_shape(tf.convert_to_tensor(gradient), variable.shape)
    missing = tokens - gradient.values.shape[0]
    # Zeros for a row that was not looked up would be taken for a look-up.
    filling = tf.repeat(gradient.indices[:1], missing)
    return tf.pad(gradient.values, [[0, missing], [0, 0]]), tf.concat([gradient.indices, filling], 0)


def _unpacked(packed: Any, variable: tf.Variable) -> Gradient:
    if not isinstance(packed, tuple | list):
        return packed
    values, indices = packed
    return tf.IndexedSlices(values, indices, tf.constant(variable.shape.as_list()))
