"""Objectives: terms of the loss, each ``(outputs, batch, model) -> float32[B]``, summed in the one training step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import isfinite
from typing import Any

import tensorflow as tf
import tf_keras as keras

from tfclassify.errors import UsageError
from tfclassify.extending import check_options, find

Objective = Callable[[Mapping[str, tf.Tensor], Mapping[str, tf.Tensor], keras.Model], tf.Tensor]

# Every objective takes outputs, batch and model; what comes after them are its options.
ARGUMENTS = 3


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
        UsageError: there is no term, a term is no name with options, or its name or an option is unknown.
    """
    if not terms:
        raise UsageError(f"train.objectives is empty; expected at least one of: {', '.join(OBJECTIVES)}")
    return tuple(_term(term) for term in terms)


def _term(term: str | Mapping[str, Mapping[str, Any]]) -> tuple[float, Objective]:
    if isinstance(term, str):
        return 1.0, find(term, OBJECTIVES, group="tfclassify.objectives")
    if len(term) != 1:
        raise UsageError(f"train.objectives has the term {dict(term)}; expected one name with its options in each term")
    ((name, options),) = term.items()
    objective = find(name, OBJECTIVES, group="tfclassify.objectives")
    rest = {key: value for key, value in options.items() if key != "weight"}
    check_options(name, objective, rest, setting="train.objectives", arguments=ARGUMENTS, also=["weight"])
    return _weight(name, options.get("weight", 1.0)), partial(objective, **rest) if rest else objective


def _weight(name: str, given: Any) -> float:
    # Python takes true for 1; nobody who writes it means a number.
    if not isinstance(given, int | float) or isinstance(given, bool) or not isfinite(given):
        raise UsageError(f"train.objectives: the weight of {name} is {given!r}; expected a finite number")
    return float(given)


OBJECTIVES: dict[str, Objective] = {
    "cross_entropy": cross_entropy,
    "binary_cross_entropy": binary_cross_entropy,
}
