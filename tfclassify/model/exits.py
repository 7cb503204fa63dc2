"""The way through the network on which a text leaves early: after each exit only the tokens of those that stay."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import tensorflow as tf

from tfclassify.model.exit_heads import EXIT_PREFIX, SCOPE
from tfclassify.model.routes import FULL, INPUTS, SAID, Pass, Routed, with_a_token
from tfclassify.model.unpadded import (
    Places,
    Shape,
    Weights,
    dense,
    embedded,
    folded_by,
    head,
    layer,
    places_of,
)
from tfclassify.model.windowing import Folded, WindowPooling

# The name scope, in the graph, of what adds the baseline's logits to the network's.
STACK = "stacking"

# Logits float32[R, C] of texts, and by which exit each left, int32[R], counted from 0; those that did not come after.
Left = tuple[tf.Tensor, tf.Tensor]


@dataclass(frozen=True)
class Exit:
    """When a text may leave, and how its logits there are read.

    Attributes:
        layer: after which it is, counted from 1.
        threshold: the least confidence, a calibrated score, with which a text may leave.
        temperature: logits of this exit are divided by it.
        scope_threshold: the least scope score, by this exit's own logits, with which a text may leave; None takes all.
        stack: what the logits of its head and the baseline's, divided, are weighted with before they are added up, and
            are the logits of this exit; None leaves those of its head as they are.
    """

    layer: int
    threshold: float
    temperature: float = 1.0
    scope_threshold: float | None = None
    stack: tuple[float, float] | None = None


@dataclass(frozen=True)
class Scale:
    """How the logits of a run are read: which all exits' logits are brought to.

    Attributes:
        multilabel: scores are sigmoids.
        temperature: logits are divided by it.
        scope_threshold: of a scope score; None takes every text for one of the classes.
    """

    multilabel: bool
    temperature: float = 1.0
    scope_threshold: float | None = None


@dataclass(frozen=True)
class Beside:
    """What the in-graph baseline is to a network that texts may leave early.

    Attributes:
        temperature: that the baseline's logits are divided by.
        stack: what the logits of a text that goes all the way and the baseline's, divided, are weighted with before
            they are added up; None leaves the network's as they are.
    """

    temperature: float
    stack: tuple[float, float] | None


@dataclass(frozen=True)
class Leaving:
    """A network that texts may leave early.

    Attributes:
        run: the pass.
        numbered: ids, mask and types int32[B, L], and with ``beside`` the baseline's logits float64[B, C], to logits
            float32[B, C] and the places of their routes in ``routes``, int32[B].
        routes: what each route is called.
        exits: when a text may leave, by rising layer.
        variables: the weights.
        beside: the baseline, where there is one.
    """

    run: Pass
    numbered: Callable[..., Left]
    routes: tuple[str, ...]
    exits: tuple[Exit, ...]
    variables: Sequence[tf.Variable]
    beside: Beside | None = None


@dataclass(frozen=True)
class _Still:
    """The texts that are still there: their mask int32[R, L], and places and vectors of their T tokens.

    A text is a row, or several where texts are read in windows; ``folded`` says which. ``said`` is what the baseline
    says of each text, its logits divided by its temperature.
    """

    mask: tf.Tensor
    places: Places
    values: tf.Tensor
    folded: Folded | None
    said: tf.Tensor | None


@dataclass(frozen=True)
class _Network:
    weights: Weights
    shape: Shape
    exits: Mapping[int, tuple[int, Exit]]
    scale: Scale
    windows: WindowPooling | None
    beside: Beside | None


def leaving(
    weights: Weights,
    shape: Shape,
    exits: Sequence[Exit],
    scale: Scale,
    windows: WindowPooling | None = None,
    beside: Beside | None = None,
) -> Leaving:
    """Returns the pass with early exits, as one graph.

    Args:
        weights: by PyTorch's names, with those of a head for each exit; matrices as [in, out].
        shape: of the encoder, with exact GELU and absolute positions.
        exits: by rising layer, each before the last one.
        scale: of the run.
        windows: folds and pools long texts, which have int32[B, K * L] then, and leave with all of their windows.
        beside: the baseline, where there is one; the pass then needs what it says.

    Raises:
        ValueError: an exit hears a baseline, and there is none.
    """
    if beside is None and (hearing := [each.layer for each in exits if each.stack is not None]):
        raise ValueError(f"the exits after layers {hearing} hear a baseline; expected beside, which is None")
    placed = {each.layer: (place, each) for place, each in enumerate(exits)}
    network = _Network(weights, shape, placed, scale, windows, beside)
    routes = (*(route_of(each.layer) for each in exits), FULL)
    tokens, logits = tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None, None], tf.float64)
    names = INPUTS if beside is None else (*INPUTS, SAID)

    @tf.function(input_signature=[*[tokens] * len(INPUTS), logits][: len(names)], autograph=False)
    def numbered(*inputs: tf.Tensor) -> Left:
        given = with_a_token(dict(zip(names, inputs, strict=True)))
        folded = None if windows is None else folded_by(windows, weights, given)
        read = given if folded is None else folded.tokens
        places = places_of(read["attention_mask"])
        values = embedded(weights, shape, places, read["input_ids"], read["token_type_ids"])
        said = None if beside is None else given[SAID] / beside.temperature
        return _onward(network, _Still(read["attention_mask"], places, values, folded, said), 0)

    def run(given: Mapping[str, tf.Tensor]) -> Routed:
        logits, taken = numbered(*(given[name] for name in names))
        return Routed(logits, tf.gather(tf.constant(routes), taken))

    return Leaving(run, numbered, routes, tuple(exits), numbered.get_concrete_function().variables, beside)


def weighed(own: tf.Tensor, said: tf.Tensor | None, weights: tuple[float, float] | None) -> tf.Tensor:
    """Adds up two classifiers' logits, float32[B, C] and float64[B, C], each weighted; without weights the first's."""
    if said is None or weights is None:
        return own
    return weights[0] * own + tf.cast(weights[1] * said, tf.float32)


def route_of(after: int) -> str:
    """Returns the route of a text that leaves after a layer, counted from 1."""
    return f"exit@{after}"


def _onward(network: _Network, still: _Still, first: int) -> Left:
    """Computes the layers from a number on, for those who are there."""
    for number in range(first, network.shape.layers):
        values = layer(network.weights, network.shape, still.places, still.values, number)
        still = replace(still, values=values)
        if number + 1 in network.exits:
            return _parted(network, still, number + 1)
    logits = head(network.weights, still.values, network.windows, still.folded)[1]
    if network.beside is not None:
        with tf.name_scope(f"{STACK}/"):
            logits = weighed(logits, still.said, network.beside.stack)
    return logits, tf.fill(tf.shape(logits)[:1], len(network.exits))


def _parted(network: _Network, still: _Still, after: int) -> Left:
    """Lets those leave who may, and goes on with the others, if there are any."""
    place, exit_ = network.exits[after]
    with tf.name_scope(f"network/{SCOPE}/{after}/"):
        logits, leaves = _judged(network, still, exit_)
        gone, stay = (tf.cast(_places(each), tf.int32) for each in (leaves, tf.logical_not(leaves)))

    def onward() -> Left:
        return _onward(network, _staying(still, stay, leaves), after)

    def nobody() -> Left:
        return tf.zeros([0, logits.shape[1]]), tf.zeros([0], tf.int32)

    later, taken = tf.cond(tf.size(stay) > 0, onward, nobody)
    here = tf.fill(tf.shape(gone), place)
    rows = [gone, stay]
    return tf.dynamic_stitch(rows, [tf.gather(logits, gone), later]), tf.dynamic_stitch(rows, [here, taken])


def _means(still: _Still) -> tf.Tensor:
    """Returns the mean of the tokens of each text, float32[R, H]."""
    number = tf.reduce_sum(tf.cast(still.mask, tf.float32), axis=1, keepdims=True)
    values = still.values[: still.places.number]
    if still.folded is None:
        sums = tf.math.unsorted_segment_sum(values, _rows(still), tf.shape(still.mask)[0])
        return sums / tf.maximum(number, 1.0)
    owners, texts = still.folded.texts, tf.shape(still.folded.read)[0]
    sums = tf.math.unsorted_segment_sum(values, tf.gather(owners, _rows(still)), texts)
    return sums / tf.maximum(tf.math.unsorted_segment_sum(number, owners, texts), 1.0)


def _staying(still: _Still, stay: tf.Tensor, leaves: tf.Tensor) -> _Still:
    """Takes out those who leave: their masks and their tokens."""
    folded = still.folded
    rows = stay if folded is None else _places(tf.logical_not(tf.gather(leaves, folded.texts)))
    owners = _rows(still) if folded is None else tf.gather(folded.texts, _rows(still))
    mask, kept = tf.gather(still.mask, rows), _places(tf.logical_not(tf.gather(leaves, owners)))
    places = places_of(mask)
    # Nobody reads the vectors of padding, so that any will do.
    filling = tf.zeros([tf.size(places.tokens) - tf.size(kept)], tf.int64)
    values = tf.gather(still.values, tf.concat([kept, filling], 0))
    said = None if still.said is None else tf.gather(still.said, stay)
    return _Still(mask, places, values, None if folded is None else folded.of_some(stay), said)


def _places(marks: tf.Tensor) -> tf.Tensor:
    return tf.where(marks)[:, 0]


def _rows(still: _Still) -> tf.Tensor:
    """Returns in which row each token is, int64[T]."""
    return still.places.tokens[: still.places.number] // tf.shape(still.mask, tf.int64)[1]


def _judged(network: _Network, still: _Still, exit_: Exit) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the logits of an exit on the run's scale, and who may leave by it, bool[R]."""
    scale, name = network.scale, f"{EXIT_PREFIX}{exit_.layer}"
    own = weighed(dense(network.weights, f"{name}.classifier", _means(still)), still.said, exit_.stack)
    divided = own / tf.constant(exit_.temperature, tf.float32)
    leaves = _confidence(divided, scale) >= tf.constant(exit_.threshold, tf.float32)
    if exit_.scope_threshold is None or scale.scope_threshold is None:
        return divided * tf.constant(scale.temperature, tf.float32), leaves
    ratio = scale.temperature / exit_.temperature
    scope = tf.constant(exit_.temperature, tf.float32) * tf.reduce_logsumexp(divided, axis=1)
    leaves = tf.logical_and(leaves, scope >= tf.constant(exit_.scope_threshold, tf.float32))
    # Scores do not change when all logits rise alike; scope scores rise by as much, to where the run's threshold is.
    rise = tf.constant(scale.scope_threshold - ratio * exit_.scope_threshold, tf.float32)
    return divided * tf.constant(scale.temperature, tf.float32) + rise, leaves


def _confidence(divided: tf.Tensor, scale: Scale) -> Any:
    """Returns how sure the least sure decision of each text is, float32[R]."""
    if not scale.multilabel:
        return tf.reduce_max(tf.nn.softmax(divided), axis=1)
    scores = tf.sigmoid(divided)
    return tf.reduce_min(tf.maximum(scores, 1.0 - scores), axis=1)
