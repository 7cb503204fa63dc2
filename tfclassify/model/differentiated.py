"""Functions with gradients written by hand, which do on a processor with few passes over memory what a layer does.

Each computes what its plain form computes, and its gradient what differentiating that would give; both are in
``PLAIN``, by which they are tested. A gradient in bfloat16 is one of products in bfloat16, summed up in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfclassify.model.activations import gelu
from tfclassify.model.gradients import with_gradient

Gradients = Callable[..., Any]


@with_gradient
def affine(values: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, Gradients]:
    """Returns ``values @ kernel + bias``: [N, I] with [I, O] and [O] to [N, O], all of one type.

    The gradient of the bias is a product with a row of ones, many times faster than the sum of columns that it is.
    """

    def gradients(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        ones = tf.ones([1, tf.shape(upstream)[0]], upstream.dtype)
        return (
            tf.matmul(upstream, kernel, transpose_b=True),
            tf.matmul(values, upstream, transpose_a=True),
            tf.matmul(ones, upstream)[0],
        )

    return tf.nn.bias_add(tf.matmul(values, kernel), bias), gradients


def normed(values: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, *, epsilon: float) -> tf.Tensor:
    """The layer norm of each row of [N, H], with scale and offset [H].

    Source: J. Ba, J. Kiros, G. Hinton, "Layer Normalization", arXiv:1607.06450.
    """

    @with_gradient
    def run(values: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor) -> tuple[tf.Tensor, Gradients]:
        centred = values - tf.reduce_mean(values, axis=1, keepdims=True)
        inverse = tf.math.rsqrt(tf.reduce_mean(tf.square(centred), axis=1, keepdims=True) + epsilon)
        standard = centred * inverse

        def gradients(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            along, scaled = upstream * standard, upstream * scale
            mean = tf.reduce_mean(scaled, axis=1, keepdims=True)
            slope = tf.reduce_mean(scaled * standard, axis=1, keepdims=True)
            own = (scaled - (standard * slope + mean)) * inverse
            return own, tf.reduce_sum(along, axis=0), tf.reduce_sum(upstream, axis=0)

        return standard * scale + offset, gradients

    return run(values, scale, offset)


@with_gradient
def attended(
    queries: tf.Tensor, keys: tf.Tensor, contents: tf.Tensor, mask: tf.Tensor, kept: tf.Tensor
) -> tuple[tf.Tensor, Gradients]:
    """Attention's mean of the contents, some of whose shares are dropped.

    Args:
        queries: [B, h, Q, d], scaled already.
        keys: [B, h, L, d].
        contents: [B, h, L, d].
        mask: [B, 1, 1, L], added to the scores; has no gradient.
        kept: zeros and ones, [B, h, Q, L] or what is broadcast to it; has no gradient.

    Returns:
        [B, h, Q, d]; where shares are dropped the others are not scaled up.
    """
    shares = tf.nn.softmax(tf.matmul(queries, keys, transpose_b=True) + mask)
    left = shares * kept
    made = tf.matmul(left, contents)

    def gradients(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, None, None]:
        # Over the width of a head rather than over the keys, and in float32: it is a difference of what is near.
        mean = tf.reduce_sum(_precise(upstream) * _precise(made), axis=3, keepdims=True)
        of_left = tf.matmul(upstream, contents, transpose_b=True)
        of_scores = shares * (of_left * kept - tf.cast(mean, upstream.dtype))
        return (
            tf.matmul(of_scores, keys),
            tf.matmul(of_scores, queries, transpose_a=True),
            tf.matmul(left, upstream, transpose_a=True),
            None,
            None,
        )

    return made, gradients


@with_gradient
def spread(values: tf.Tensor, there: tf.Tensor, back: tf.Tensor) -> tuple[tf.Tensor, Gradients]:
    """Returns the rows of [N, d] that stand at places of any shape: [..., d].

    Args:
        values: [N, d]; what no place asks for has no gradient.
        there: int32[...], the row at each place.
        back: int32[N], the place that each row's gradient is taken from, counted over all of them: where a row stands
            in several, the others get none.
    """
    width = tf.shape(values)[1]

    def gradients(upstream: tf.Tensor) -> tuple[tf.Tensor, None, None]:
        return tf.gather(tf.reshape(upstream, [-1, width]), back), None, None

    return tf.gather(values, there), gradients


@with_gradient
def collected(values: tf.Tensor, there: tf.Tensor, back: tf.Tensor) -> tuple[tf.Tensor, Gradients]:
    """Returns N of the M rows of [M, d], each but once: [N, d].

    Args:
        values: [M, d].
        there: int32[N], which rows.
        back: int32[M], of each row its number among the N, or N where it is not among them.
    """

    def gradients(upstream: tf.Tensor) -> tuple[tf.Tensor, None, None]:
        return tf.gather(tf.pad(upstream, [[0, 1], [0, 0]]), back), None, None

    return tf.gather(values, there), gradients


@with_gradient
def taken(values: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, Gradients]:
    """Returns rows of [N, H], which may come several times: with int32[R] to [R, H]."""
    number = tf.shape(values)[0]

    def gradients(upstream: tf.Tensor) -> tuple[tf.Tensor, None]:
        return tf.math.unsorted_segment_sum(upstream, rows, number), None

    return tf.gather(values, rows), gradients


def _precise(values: tf.Tensor) -> tf.Tensor:
    return tf.cast(values, tf.float32) if values.dtype == tf.bfloat16 else values


def _plain_norm(values: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, *, epsilon: float) -> tf.Tensor:
    mean, variance = tf.nn.moments(values, axes=[1], keepdims=True)
    return tf.nn.batch_normalization(values, mean, variance, offset, scale, epsilon)


def _plain_attention(
    queries: tf.Tensor, keys: tf.Tensor, contents: tf.Tensor, mask: tf.Tensor, kept: tf.Tensor
) -> tf.Tensor:
    return tf.matmul(tf.nn.softmax(tf.matmul(queries, keys, transpose_b=True) + mask) * kept, contents)


# Each function with what it is in TensorFlow's own operations.
PLAIN: dict[Callable[..., tf.Tensor], Callable[..., tf.Tensor]] = {
    affine: lambda values, kernel, bias: tf.matmul(values, kernel) + bias,
    normed: _plain_norm,
    gelu: lambda values: tf.nn.gelu(values, approximate=False),
    attended: _plain_attention,
    spread: lambda values, there, back: tf.gather(values, there),
    collected: lambda values, there, back: tf.gather(values, there),
    taken: tf.gather,
}
