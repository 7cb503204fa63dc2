"""Each function with a gradient written by hand, against what it is in TensorFlow's own operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfclassify.model.activations import gelu
from tfclassify.model.differentiated import PLAIN, affine, attended, collected, normed, spread, taken

Cases = dict[Callable[..., tf.Tensor], list[tuple[list[Any], dict[str, Any]]]]


def normal(*shape: int, seed: int = 0, dtype: tf.DType = tf.float64) -> tf.Tensor:
    return tf.random.stateless_normal(shape, [7, seed], dtype=dtype)


def ones_and_zeros(*shape: int) -> tf.Tensor:
    return tf.cast(tf.random.stateless_uniform(shape, [1, 2]) > 0.3, tf.float64)


def cases() -> Cases:
    heads = [normal(3, 2, 4, 5, seed=seed) for seed in range(3)]
    cut = tf.constant([[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, -1e9], [0.0, -1e9, -1e9, -1e9]], tf.float64)
    mask = cut[:, None, None, :]
    every = tf.constant([[2, 0], [1, 3]])
    return {
        affine: [([normal(size, 4), normal(4, 3, seed=1), normal(3, seed=2)], {}) for size in (1, 6)],
        normed: [
            ([3.0 * normal(6, 8) + 2.0, normal(8, seed=1), normal(8, seed=2)], {"epsilon": epsilon})
            for epsilon in (1e-12, 0.1)
        ],
        gelu: [([3.0 * normal(6, 8)], {})],
        attended: [
            ([*heads, mask, ones_and_zeros(3, 2, 4, 4)], {}),
            ([*heads, mask, tf.ones([1, 1, 1, 1], tf.float64)], {}),
            ([heads[0][:, :, :1], *heads[1:], mask, ones_and_zeros(3, 2, 1, 4)], {}),
        ],
        # The place that each of the four rows is at, counted over all places.
        spread: [([normal(4, 3), every, tf.constant([1, 2, 0, 3])], {})],
        collected: [([normal(5, 3), tf.constant([4, 0, 2]), tf.constant([1, 3, 2, 3, 0])], {})],
        taken: [([normal(5, 3), tf.constant(rows)], {}) for rows in ([4, 0], [2, 2, 2, 1])],
    }


def computed(function: Callable[..., tf.Tensor], given: list[Any], options: dict[str, Any]) -> list[np.ndarray]:
    # Masks are the last of what attention is given, and have no gradient.
    floats = [each for each in given if each.dtype.is_floating][:3]
    with tf.GradientTape() as tape:
        for each in floats:
            tape.watch(each)
        made = function(*given, **options)
        upstream = normal(*made.shape, seed=9)
        total = tf.reduce_sum(made * upstream)
    return [made.numpy(), *(tf.convert_to_tensor(each).numpy() for each in tape.gradient(total, floats))]


@pytest.mark.parametrize("function", PLAIN, ids=lambda function: getattr(function, "__name__", "gelu"))
def test_the_result_and_the_gradients_of_the_plain_form(function: Callable[..., tf.Tensor]) -> None:
    for given, options in cases()[function]:
        expected = computed(PLAIN[function], given, options)
        found = computed(function, given, options)
        for one, other in zip(expected, found, strict=True):
            np.testing.assert_allclose(other, one, atol=1e-9 * max(1.0, np.abs(one).max()))


def test_of_a_row_at_several_places_the_gradient_is_that_of_one() -> None:
    """Padding shows any token, and what is made of it is thrown away."""
    values = normal(2, 3)
    with tf.GradientTape() as tape:
        tape.watch(values)
        made = spread(values, tf.constant([[0, 1], [1, 1]]), tf.constant([0, 1]))
        total = tf.reduce_sum(made * tf.constant([[[1.0], [2.0]], [[30.0], [40.0]]], tf.float64))
    np.testing.assert_array_equal(tape.gradient(total, values), [[1.0] * 3, [2.0] * 3])


def test_a_norm_of_large_numbers_in_float32() -> None:
    """The mean is taken off before anything is squared."""
    values = 1e3 + normal(4, 16, dtype=tf.float32)
    made = normed(values, tf.ones([16]), tf.zeros([16]), epsilon=1e-12)
    exact = values.numpy().astype(np.float64)
    exact = (exact - exact.mean(1, keepdims=True)) / exact.std(1, keepdims=True)
    np.testing.assert_allclose(made, exact, atol=1e-3)


def test_in_bfloat16_gradients_keep_their_direction() -> None:
    given = [normal(64, 32), normal(32, 16, seed=1), normal(16, seed=2)]
    for one, other in zip(computed(affine, given, {}), rough_of(given), strict=True):
        assert np.abs(one - other).max() < 0.03 * np.abs(one).max()


def rough_of(given: list[tf.Tensor]) -> list[np.ndarray]:
    cast = [tf.cast(each, tf.bfloat16) for each in given]
    with tf.GradientTape() as tape:
        for each in cast:
            tape.watch(each)
        made = affine(*cast)
        total = tf.reduce_sum(tf.cast(made, tf.float64) * normal(*made.shape, seed=9))
    return [tf.cast(each, tf.float64).numpy() for each in (made, *tape.gradient(total, cast))]
