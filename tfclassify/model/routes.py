"""How the answer of a text comes about: passes from tokens to logits, and the route that each text took."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import tensorflow as tf

from tfclassify.model.features import FEATURE_INPUTS

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
FULL = "full"


@dataclass(frozen=True)
class Routed:
    """What a pass says of B texts: ``logits`` float32[B, C], and ``route`` string[B].

    All logits are read in one way afterwards, divided by one temperature and held against one threshold of scope; a
    pass whose own are others brings its logits to that scale.
    """

    logits: tf.Tensor
    route: tf.Tensor


# Of B rows by name: ids, mask and types int32[B, L], and what their features are, to what is said of each.
Pass = Callable[[Mapping[str, tf.Tensor]], Routed]


def whole(forward: Callable[..., tf.Tensor]) -> Pass:
    """Returns the pass on which every text goes through all of the network.

    Args:
        forward: ids, mask and types int32[B, L], and encoded features where there are any, to logits float32[B, C].
    """

    def run(given: Mapping[str, tf.Tensor]) -> Routed:
        names = [*INPUTS, *(name for name in FEATURE_INPUTS if name in given)]
        logits = forward(*(given[name] for name in names))
        return Routed(logits, tf.fill(tf.shape(logits)[:1], FULL))

    return run
