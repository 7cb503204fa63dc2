"""Objectives: terms of the loss, each ``(outputs, batch, model) -> float32[B]``, summed in the one training step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import tensorflow as tf
import tf_keras as keras

from tfclassify.errors import UsageError
from tfclassify.extending import find

Objective = Callable[[Mapping[str, tf.Tensor], Mapping[str, tf.Tensor], keras.Model], tf.Tensor]


def cross_entropy(outputs: Mapping[str, tf.Tensor], batch: Mapping[str, tf.Tensor], model: keras.Model) -> tf.Tensor:
    """Cross-entropy of the softmax of the logits.

    Args:
        outputs: ``logits`` float32[B, C].
        batch: ``labels`` int32[B].
        model: the network, not used.

    Returns:
        float32[B], in nats.
    """
    return tf.nn.sparse_softmax_cross_entropy_with_logits(batch["labels"], outputs["logits"])


def binary_cross_entropy(
    outputs: Mapping[str, tf.Tensor], batch: Mapping[str, tf.Tensor], model: keras.Model
) -> tf.Tensor:
    """Binary cross-entropy of the sigmoid of each logit, averaged over the labels.

    Args:
        outputs: ``logits`` float32[B, C].
        batch: ``labels`` float32[B, C] of zeros and ones.
        model: the network, not used.

    Returns:
        float32[B], in nats per label.
    """
    return keras.losses.binary_crossentropy(batch["labels"], outputs["logits"], from_logits=True)


def choose(terms: Sequence[str | Mapping[str, Mapping[str, Any]]]) -> tuple[tuple[float, Objective], ...]:
    """Looks up the terms of a loss: a name, or ``{name: {weight: w, option: value}}``.

    Raises:
        UsageError: a term is no name with options, or its name is unknown.
    """
    return tuple(_term(term) for term in terms)


def _term(term: str | Mapping[str, Mapping[str, Any]]) -> tuple[float, Objective]:
    if isinstance(term, str):
        return 1.0, find(term, OBJECTIVES, group="tfclassify.objectives")
    if len(term) != 1:
        raise UsageError(f"train.objectives has the term {dict(term)}; expected one name with its options in each term")
    ((name, options),) = term.items()
    weight = float(options.get("weight", 1.0))
    rest = {key: value for key, value in options.items() if key != "weight"}
    objective = find(name, OBJECTIVES, group="tfclassify.objectives")
    return weight, partial(objective, **rest) if rest else objective


OBJECTIVES: dict[str, Objective] = {
    "cross_entropy": cross_entropy,
    "binary_cross_entropy": binary_cross_entropy,
}
