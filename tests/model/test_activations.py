"""GELU: its values and its slope are those of the formula."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr
from scipy.stats import norm

from tfclassify.model.activations import gelu

POINTS = np.concatenate([np.linspace(-12, 12, 481), [-1e4, -100, 100, 1e4]])


def slope(values: tf.Tensor) -> tf.Tensor:
    with tf.GradientTape() as tape:
        tape.watch(values)
        made = gelu(values)
    return tape.gradient(made, values)


@pytest.mark.parametrize(
    ("kind", "close"), [(tf.float64, 1e-12), (tf.float32, 2e-6), (tf.float16, 2e-2), (tf.bfloat16, 5e-2)]
)
def test_values_and_slope(kind: tf.DType, close: float) -> None:
    values = tf.constant(POINTS, kind)
    exact = tf.cast(values, tf.float64).numpy()
    made = gelu(values)
    assert made.dtype == slope(values).dtype == kind
    np.testing.assert_allclose(tf.cast(made, tf.float64).numpy(), exact * ndtr(exact), atol=close, rtol=close)
    expected = ndtr(exact) + exact * norm.pdf(exact)
    np.testing.assert_allclose(tf.cast(slope(values), tf.float64).numpy(), expected, atol=close, rtol=close)


@given(st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=20))
def test_as_tensorflow_has_it(points: list[float]) -> None:
    values = tf.constant(points, tf.float32)
    np.testing.assert_allclose(gelu(values).numpy(), tf.nn.gelu(values).numpy(), atol=2e-6)


def test_no_value_has_none() -> None:
    assert gelu(tf.zeros([0, 3])).shape == (0, 3)
