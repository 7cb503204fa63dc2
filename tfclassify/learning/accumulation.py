"""Gradients of a batch that is computed in parts, one after the other, so that one part is all that memory holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

# tf.Tensor, tf.IndexedSlices of a looked-up table, or None where a variable has no part in the loss.
Gradient = Any

# Of some rows the loss float32[], and its gradient by each variable.
Differentiated = Callable[[Mapping[str, tf.Tensor]], tuple[tf.Tensor, Sequence[Gradient]]]

# The name under which a part knows its number, int32[]: whatever is random in the network differs by it.
NUMBER = "micro_batch"


def accumulated(
    differentiated: Differentiated, batch: Mapping[str, tf.Tensor], variables: Sequence[tf.Variable], *, parts: int
) -> tuple[tf.Tensor, list[Gradient]]:
    """Returns the sum of the losses of all parts of a batch, and that of their gradients.

    Both are what the whole batch has, up to the order in which floats are added, if its loss is a sum over rows.
    Gradients of looked-up tables stay the rows that were looked up.

    Args:
        differentiated: takes a part, which also has its number as ``micro_batch`` int32[].
        batch: tensors [B, ...], where B is a multiple of the parts.
        variables: those that the gradients are by.
        parts: how many, of B / parts rows each.
    """
    if parts == 1:
        loss, gradients = differentiated({**batch, NUMBER: tf.constant(0)})
        return loss, list(gradients)
    split = {name: _split(tensor, parts) for name, tensor in batch.items()}

    def part(number: tf.Tensor) -> dict[str, tf.Tensor]:
        return {**{name: tensor[number] for name, tensor in split.items()}, NUMBER: number}

    # Traced once, for what it returns to be known before the loop is made; the loop calls what was traced.
    first = part(tf.constant(0))
    traced = tf.function(differentiated, autograph=False).get_concrete_function(
        {name: tf.TensorSpec(tensor.shape, tensor.dtype, name) for name, tensor in first.items()}
    )

    def add(number: tf.Tensor, loss: tf.Tensor, sums: list[Any]) -> tuple[tf.Tensor, tf.Tensor, list[Any]]:
        more, gradients = traced(part(number))
        added = [_added(total, gradient, number) for total, gradient in zip(sums, gradients, strict=True)]
        return number + 1, loss + more, added

    loss, gradients = traced.structured_outputs
    begin = (
        tf.constant(0),
        tf.zeros([], loss.dtype),
        [_empty(*each, parts) for each in zip(gradients, variables, strict=True)],
    )
    _, loss, sums = tf.while_loop(
        lambda number, *_: number < parts, add, begin, parallel_iterations=1, maximum_iterations=parts
    )
    return loss, [_whole(*each) for each in zip(sums, gradients, variables, strict=True)]


def _split(tensor: tf.Tensor, parts: int) -> tf.Tensor:
    """Returns [parts, B / parts, ...]."""
    rows = tensor.shape[0]
    size = tf.shape(tensor)[0] // parts
    # A number of rows that is no multiple is refused here, by what is static or when it is run.
    shaped = tf.reshape(tensor, tf.concat([[parts, size], tf.shape(tensor)[1:]], 0))
    return tf.ensure_shape(shaped, [parts, None if rows is None else rows // parts, *tensor.shape[1:]])


def _empty(gradient: Gradient, variable: tf.Variable, parts: int) -> Any:
    """Returns what sums begin as; of rows that are looked up, each part's are kept beside those of the others."""
    if gradient is None:
        return ()
    if not isinstance(gradient, tf.IndexedSlices):
        return tf.zeros(variable.shape, gradient.dtype)
    return tuple(
        tf.TensorArray(each.dtype, parts, infer_shape=each.shape.is_fully_defined(), element_shape=each.shape)
        for each in (gradient.values, gradient.indices)
    )


def _added(total: Any, gradient: Gradient, number: tf.Tensor) -> Any:
    if gradient is None:
        return ()
    if not isinstance(gradient, tf.IndexedSlices):
        # Of a table that was sliced the gradient does not know its own shape.
        return total + tf.ensure_shape(gradient, total.shape)
    values, indices = total
    return values.write(number, gradient.values), indices.write(number, gradient.indices)


def _whole(total: Any, gradient: Gradient, variable: tf.Variable) -> Gradient:
    if gradient is None:
        return None
    if not isinstance(gradient, tf.IndexedSlices):
        return total
    values, indices = (
        _one_by_one(kept, of_part) for kept, of_part in zip(total, (gradient.values, gradient.indices), strict=True)
    )
    return tf.IndexedSlices(values, indices, tf.constant(variable.shape.as_list()))


def _one_by_one(kept: tf.TensorArray, of_part: tf.Tensor) -> tf.Tensor:
    """Returns the rows of all parts, which have different numbers of them where padding has no row."""
    if of_part.shape[0] is None:
        return kept.concat()
    stacked = kept.stack()
    return tf.reshape(stacked, [stacked.shape[0] * of_part.shape[0], *of_part.shape[1:]])
