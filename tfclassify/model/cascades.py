"""The in-graph baseline at work: it answers what it is sure of, and is added to what the network says of the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfclassify.errors import UsageError
from tfclassify.model.exits import STACK, Beside, Scale, weighed
from tfclassify.model.ngrams import SCOPE, NgramModel, NgramOps, margins, margins_ops, ngram_logits_ops
from tfclassify.model.routes import INPUTS, PIECES, PIECES_B, SAID, First, Pass, Routed
from tfclassify.text.ngram_hashing_ops import PieceRunOps, run_of_pieces, run_of_tokens
from tfclassify.text.word_pieces import SpecialIds

BASELINE = "baseline"
# How far above the threshold of scope a text is put that is just in scope for the baseline.
ABOVE = 1e-3

Logits = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class InGraphBaseline:
    """A linear model, and what it is for.

    Attributes:
        model: over n-grams of word pieces.
        temperature: that its logits are divided by, for scores that mean what they say.
        stack: what the network's logits and its own, divided, are weighted with before they are added up; None leaves
            the network's as they are.
        margin: how far its best label is ahead of the second, in undivided logits, where it answers by itself; None
            where it never does.
        least: its best undivided logit where it may answer by itself, the others looking like no class; None where
            every text may be taken for one.
    """

    model: NgramModel
    temperature: float = 1.0
    stack: tuple[float, float] | None = None
    margin: float | None = None
    least: float | None = None


def baseline_facts(baseline: InGraphBaseline) -> dict[str, Any]:
    """Returns what there is to know of a baseline beside its weights, as JSON takes it."""
    return {each.name: getattr(baseline, each.name) for each in fields(baseline) if each.name != "model"}


def baseline_of(facts: Mapping[str, Any], model: NgramModel) -> InGraphBaseline:
    """Puts a baseline together again.

    Raises:
        UsageError: the facts are not what a training writes.
    """
    try:
        stack = facts["stack"]
        return InGraphBaseline(model, **{**facts, "stack": None if stack is None else tuple(stack)})
    except (LookupError, TypeError) as error:
        raise UsageError(
            f"the facts of the baseline are not what a training writes ({error!r}); train again"
        ) from error


# Of N texts, in NumPy


def is_sure(baseline: InGraphBaseline, logits: Logits) -> NDArray[np.bool_]:
    """Returns bool[N]: which texts the baseline answers by itself, by its logits float64[N, C]."""
    if baseline.margin is None:
        return np.zeros(len(logits), bool)
    known = True if baseline.least is None else logits.max(axis=1) >= baseline.least
    return (margins(logits) >= baseline.margin) & known


def as_answered(baseline: InGraphBaseline, logits: Logits, scale: Scale) -> NDArray[np.float32]:
    """Returns float32[N, C]: the baseline's logits on the scale on which all are read."""
    factor, lift = _onto(baseline, scale)
    return (logits * factor + lift).astype(np.float32)


def together(baseline: InGraphBaseline, network: NDArray[np.float32], logits: Logits) -> NDArray[np.float32]:
    """Returns float32[N, C]: the network's logits, with what the baseline says added where that was settled on."""
    return added(network, logits / baseline.temperature, baseline.stack)


def added(own: NDArray[np.float32], said: Logits, weights: tuple[float, float] | None) -> NDArray[np.float32]:
    """Adds up two classifiers' logits, [N, C] each, as the graph does; without weights they are the first's."""
    if weights is None:
        return own
    return np.float32(weights[0]) * own + (weights[1] * said).astype(np.float32)


def _onto(baseline: InGraphBaseline, scale: Scale) -> tuple[float, float]:
    """Returns what the baseline's logits are multiplied by, and what is added to them."""
    factor = scale.temperature / baseline.temperature
    if scale.multilabel or scale.scope_threshold is None or baseline.least is None:
        return factor, 0.0
    # Whatever is in scope by the baseline's own threshold is so by the run's: a scope score is above the best logit.
    return factor, scale.scope_threshold + ABOVE * (1 + abs(scale.scope_threshold)) - factor * baseline.least


# Of B texts, in the graph


def looked_up(model: NgramOps, special: SpecialIds, then: Pass) -> Pass:
    """Returns a pass whose parts find the baseline's logits float64[B, C] among what they are given.

    They are those of all word pieces of a text where these are known, else of its tokens, which do not tell unknown
    words apart.
    """

    def run(given: Mapping[str, tf.Tensor]) -> Routed:
        with tf.name_scope(SCOPE):
            logits = ngram_logits_ops(model, _pieces(given, special))
        return then({**given, SAID: logits})

    return run


def _pieces(given: Mapping[str, tf.Tensor], special: SpecialIds) -> PieceRunOps:
    if PIECES in given:
        return run_of_pieces(given[PIECES], given.get(PIECES_B))
    ids, mask, types = (given[name] for name in INPUTS)
    return run_of_tokens(ids, mask, types, special)


def answering(baseline: InGraphBaseline, scale: Scale) -> First:
    """Returns what settles the texts that the baseline is sure of; its ``margin`` is not None."""
    factor, lift = _onto(baseline, scale)

    def run(given: Mapping[str, tf.Tensor]) -> tuple[Routed, tf.Tensor]:
        logits = given[SAID]
        with tf.name_scope(SCOPE):
            sure = margins_ops(logits) >= baseline.margin
            if baseline.least is not None:
                sure &= tf.reduce_max(logits, axis=1) >= baseline.least
            said = tf.cast(logits * factor + lift, tf.float32)
            return Routed(said, tf.fill(tf.shape(said)[:1], BASELINE)), sure

    return run


def stacked(then: Pass, baseline: InGraphBaseline) -> Pass:
    """Returns a pass to whose logits what the baseline says is added; its ``stack`` is not None."""
    weights = baseline.stack or (1.0, 0.0)

    def run(given: Mapping[str, tf.Tensor]) -> Routed:
        routed = then(given)
        with tf.name_scope(STACK):
            return replace(routed, logits=weighed(routed.logits, given[SAID] / baseline.temperature, weights))

    return run


def beside(baseline: InGraphBaseline | None) -> Beside | None:
    """Returns what a baseline is to a network that texts may leave early."""
    return None if baseline is None else Beside(baseline.temperature, baseline.stack)
