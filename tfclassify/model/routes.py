"""How the answer of a text comes about: passes from tokens to logits, and the route that each text took.

Passes are put before one another: the first answers the texts that it can settle, and only the rest go on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import tensorflow as tf

from tfclassify.model.features import FEATURE_INPUTS

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
# What a pass may look at beside the tokens, where texts are known: string[B] as the maps left them, and all their word
# pieces, a ragged int32[B, None] without special tokens, before anything is cut; unknown words may be told apart.
TEXT, TEXT_B = "text", "text_b"
PIECES, PIECES_B = "pieces", "pieces_b"
# And what the in-graph baseline says, where there is one: its undivided logits, float64[B, C].
SAID = "baseline_logits"
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
# Says something of each row, and of which it is settled by that, bool[B].
First = Callable[[Mapping[str, tf.Tensor]], tuple[Routed, tf.Tensor]]


def with_a_token(given: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Returns B rows that have a token each: of one that has none, by its mask int32[B, L], the first column is read.

    Nothing that is done with tokens alone could say anything of a row without any, nor of a batch of such rows.
    """
    mask = given[INPUTS[1]]
    there, first = mask > 0, tf.range(tf.shape(mask)[1])[None, :] == 0
    none = tf.logical_not(tf.reduce_any(there, axis=1, keepdims=True))
    return {**given, INPUTS[1]: tf.cast(there | (none & first), tf.int32)}


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


def before(first: First, then: Pass) -> Pass:
    """Returns the pass that gives ``then`` only the rows that ``first`` has not settled: gathered, run, put back.

    Where none is left, ``then`` is not run at all.
    """

    def run(given: Mapping[str, tf.Tensor]) -> Routed:
        said, settled = first(given)
        left = tf.where(~settled)[:, 0]

        def rest() -> tuple[tf.Tensor, tf.Tensor]:
            routed = then({name: tf.gather(values, left) for name, values in given.items()})
            return routed.logits, routed.route

        def nothing() -> tuple[tf.Tensor, tf.Tensor]:
            return said.logits[:0], said.route[:0]

        logits, route = tf.cond(tf.size(left) > 0, rest, nothing)
        places = left[:, None]
        return Routed(
            tf.tensor_scatter_nd_update(said.logits, places, logits),
            tf.tensor_scatter_nd_update(said.route, places, route),
        )

    return run
