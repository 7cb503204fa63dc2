"""Functions with gradients of their own, whose graphs can end before the process does."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import wraps
from typing import Any

import tensorflow as tf
from tensorflow.python.framework import ops

# The field of an entry of TensorFlow's registry that holds the function.
_FUNCTION = "type"
_ATTRIBUTE = "_gradient_op_type"
# The name, on a graph, under which it holds what the registry no longer holds.
_HELD = "_gradients_of_tfclassify"


def with_gradient(function: Callable[..., Any]) -> Callable[..., Any]:
    """Makes what ``tf.custom_gradient`` makes, without its hold on every graph that the function was called in.

    In a graph TensorFlow registers each call's gradient for as long as the process lives, and the gradient holds the
    graph, and with it all variables of the network: after every training they would stay in memory. Here the graph
    holds the gradient, and the registry only knows where it is.

    Args:
        function: tensors to a result, and to the function of its gradients, as ``tf.custom_gradient`` takes it.
    """
    made = tf.custom_gradient(function)

    @tf.autograph.experimental.do_not_convert
    @wraps(function)
    def called(*arguments: Any) -> Any:
        result = made(*arguments)
        first = tf.nest.flatten(result)[0]
        if not tf.executing_eagerly():
            _let_graph_hold(first.op)
        return result

    return called


def _let_graph_hold(operation: tf.Operation) -> None:
    name = operation.get_attr(_ATTRIBUTE).decode()
    # TensorFlow has no way to take an entry back.
    entries = ops.gradient_registry._registry
    function = entries[name][_FUNCTION]
    graph = operation.graph
    setattr(graph, _HELD, [*getattr(graph, _HELD, ()), function])
    held = weakref.ref(function)
    # Whoever calls this has the graph, which holds the function: it is never None then.
    entries[name][_FUNCTION] = lambda *arguments: held()(*arguments)  # type: ignore[misc]
    weakref.finalize(function, entries.pop, name, None)
