"""Gradients of one's own: those of ``tf.custom_gradient``, and nothing stays of a graph that is gone."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import ops

from tfclassify.model.gradients import with_gradient


def tripled(values: tf.Tensor) -> Any:
    """Says of a square that its gradient is three: so that nobody else's is taken for it."""
    return tf.square(values), lambda upstream: 3.0 * upstream


OURS, THEIRS = with_gradient(tripled), tf.custom_gradient(tripled)


def gradient(values: tf.Tensor, function: Any) -> tf.Tensor:
    with tf.GradientTape() as tape:
        tape.watch(values)
        result = function(values)
    return tape.gradient(result, values)


def inside(function: Any) -> Any:
    """Takes the gradient within a graph, and that of a graph within another one."""
    inner = tf.function(function)
    return tf.function(lambda values: (gradient(values, function), gradient(values, inner)))


@pytest.mark.parametrize("values", [[1.0, -2.0], [[0.5]]])
def test_gradients_are_those_of_the_function(values: Any) -> None:
    given = tf.constant(values)
    for function in (OURS, tf.function(OURS)):
        np.testing.assert_array_equal(gradient(given, function), gradient(given, THEIRS))
    for found, expected in zip(inside(OURS)(given), inside(THEIRS)(given), strict=True):
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(found, np.full(given.shape, 3.0))


def graph_and_variable(function: Any) -> tuple[weakref.ref[Any], weakref.ref[Any]]:
    variable = tf.Variable(2.0)
    traced = tf.function(lambda: gradient(variable * 1.0, function)).get_concrete_function()
    assert float(traced()) == 3.0
    return weakref.ref(traced.graph), weakref.ref(variable.handle)


def test_a_graph_ends_with_its_last_user_and_so_do_its_variables() -> None:
    before = set(ops.gradient_registry.list())
    graph, handle = graph_and_variable(OURS)
    gc.collect()
    assert (graph(), handle()) == (None, None)
    assert set(ops.gradient_registry.list()) <= before
    # Were this no longer so, ours would not be needed.
    kept, _ = graph_and_variable(THEIRS)
    gc.collect()
    assert kept() is not None
