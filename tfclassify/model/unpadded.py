"""The network as it answers: the same numbers as BERT's own forward pass, computed for tokens and hardly for padding.

Dense layers run on the T tokens of a batch in a row, so that texts of unlike length cost no more than their tokens;
only attention sees them side by side. A few places of padding are computed with them, so that batches come to the same
numbers of tokens. In the last layer nothing but the vector of [CLS] is computed, since nothing else is read. Each dense
layer is a matrix product with its bias right behind it, which TensorFlow's graph optimizer makes one op of; Keras puts
a reshape between the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

import tensorflow as tf

from tfclassify.model.features import FEATURE_INPUTS
from tfclassify.model.joining import FeatureJoin
from tfclassify.model.routes import INPUTS, with_a_token
from tfclassify.model.windowing import Folded, WindowPooling
from tfclassify.planning.token_numbers import DOUBLINGS, GRAINS

WINDOWS_SCOPE = "network/windows/"
MASKED = -1e9
# What TensorFlow's fused layer norm on the CPU adds to a variance, and cannot be told otherwise.
FUSED_EPSILON = 1e-3

Weights = Mapping[str, tf.Variable]
Forward = Callable[..., tf.Tensor]


@dataclass(frozen=True)
class Shape:
    """The sizes of an encoder: layers, heads, width, and what layer norms add to a variance."""

    layers: int
    heads: int
    width: int
    epsilon: float


@dataclass(frozen=True)
class Places:
    """Where the T tokens of a batch are that are computed.

    Attributes:
        tokens: int64[T], their places in a padded batch laid out flat; behind those that there are, places of padding
            that make their number one that is computed.
        number: int64[], how many there are.
        padded: int64[B, L], the token at each place of a padded batch; any token where there is only padding.
        first: int64[B], the token [CLS] of each row.
        mask: float32[B, 1, 1, L], what is added to attention's scores.
    """

    tokens: tf.Tensor
    number: tf.Tensor
    padded: tf.Tensor
    first: tf.Tensor
    mask: tf.Tensor


def unpadded(
    weights: Weights, shape: Shape, join: FeatureJoin | None = None, windows: WindowPooling | None = None
) -> Forward:
    """Returns the forward pass as one graph: ids, mask, types int32[B, L] to logits float32[B, C].

    Args:
        weights: by PyTorch's names; matrices as [in, out].
        shape: of the encoder, with exact GELU and absolute positions.
        join: what features add to the logits; they are the graph's last two arguments then.
        windows: folds and pools long texts, which have int32[B, K * L] then.
    """
    tokens = tf.TensorSpec([None, None], tf.int32)
    further = [] if join is None else join.specs()

    @tf.function(input_signature=[tokens, tokens, tokens, *further], autograph=False)
    def run(input_ids: tf.Tensor, attention_mask: tf.Tensor, token_type_ids: tf.Tensor, *features: tf.Tensor) -> Any:
        given = with_a_token(dict(zip(INPUTS, (input_ids, attention_mask, token_type_ids), strict=True)))
        folded = None if windows is None else folded_by(windows, weights, given)
        read = given if folded is None else folded.tokens
        places = places_of(read["attention_mask"])
        values = embedded(weights, shape, places, read["input_ids"], read["token_type_ids"])
        for number in range(shape.layers):
            values = layer(weights, shape, places, values, number)
        pooled, logits = head(weights, values, windows, folded)
        if join is None:
            return logits
        with tf.name_scope("network/features/"):
            return logits + join(pooled, dict(zip(FEATURE_INPUTS, features, strict=True)))

    return run


def folded_by(windows: WindowPooling, weights: Weights, given: Mapping[str, tf.Tensor]) -> Folded:
    """Makes a row of each window that is read, of ids, mask and types int32[B, K * L]."""
    with tf.name_scope(WINDOWS_SCOPE):
        return windows.fold(given, weights["bert.embeddings.word_embeddings.weight"], training=False, gather=True)


def places_of(attention_mask: tf.Tensor) -> Places:
    """Finds the tokens of a batch by its mask, int32[B, L]."""
    marks = tf.cast(attention_mask, tf.int64)
    before = tf.cumsum(tf.reduce_sum(marks, axis=1), exclusive=True)
    within = tf.maximum(tf.cumsum(marks, axis=1), 1) - 1
    number = tf.reduce_sum(marks)
    # A window without a token, which training reads beside others, reads somebody else's rather than past the end.
    last = number - 1
    mask = (1.0 - tf.cast(attention_mask, tf.float32)) * MASKED
    there = tf.reshape(attention_mask, [-1]) > 0
    # Of padding no gradient comes: attention does not see it, and nobody reads its vectors.
    filling = tf.where(tf.logical_not(there))[:, 0][: tf.cast(_rounded_up(number) - number, tf.int32)]
    return Places(
        tokens=tf.concat([tf.where(there)[:, 0], filling], 0),
        number=number,
        padded=tf.minimum(before[:, None] + within, last),
        first=tf.minimum(before, last),
        mask=mask[:, None, None, :],
    )


def _rounded_up(number: tf.Tensor) -> tf.Tensor:
    """Returns in the graph what :func:`tfclassify.planning.token_numbers.rounded_up` does, int64[] to int64[]."""
    reached = tf.reduce_sum(tf.cast(number >= tf.constant(DOUBLINGS, tf.int64), tf.int32))
    grain = tf.gather(tf.constant(GRAINS, tf.int64), tf.maximum(reached, 1) - 1)
    return (number + grain - 1) // grain * grain


def embedded(
    weights: Weights, shape: Shape, places: Places, input_ids: tf.Tensor, token_type_ids: tf.Tensor
) -> tf.Tensor:
    """Returns the vectors of words, positions and types together, float32[T, H]."""
    name = "bert.embeddings"
    with tf.name_scope("network/bert/embeddings/"):
        ids = tf.gather(tf.reshape(input_ids, [-1]), places.tokens)
        types = tf.gather(tf.reshape(token_type_ids, [-1]), places.tokens)
        positions = places.tokens % tf.shape(input_ids, tf.int64)[1]
        words = tf.gather(weights[f"{name}.word_embeddings.weight"], ids)
        placed = tf.gather(weights[f"{name}.position_embeddings.weight"], positions)
        typed = tf.gather(weights[f"{name}.token_type_embeddings.weight"], types)
        return _normed(weights, f"{name}.LayerNorm", words + placed + typed, shape)


def layer(weights: Weights, shape: Shape, places: Places, values: tf.Tensor, number: int) -> tf.Tensor:
    """Computes the layer of a number, from 0 on: float32[T, H] to float32[T, H], of the last one to float32[B, H]."""
    name, last = f"bert.encoder.layer.{number}", number == shape.layers - 1
    with tf.name_scope(f"network/bert/encoder/layer_._{number}/"):
        # Of the last layer only [CLS] is read.
        own = tf.gather(values, places.first) if last else values
        context = _attention(weights, shape, places, values, own, f"{name}.attention.self", last=last)
        mixed = dense(weights, f"{name}.attention.output.dense", context) + own
        attended = _normed(weights, f"{name}.attention.output.LayerNorm", mixed, shape)
        inner = _gelu(dense(weights, f"{name}.intermediate.dense", attended))
        made = dense(weights, f"{name}.output.dense", inner) + attended
        return _normed(weights, f"{name}.output.LayerNorm", made, shape)


def head(
    weights: Weights, values: tf.Tensor, windows: WindowPooling | None = None, folded: Folded | None = None
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the pooled vectors float32[B, H] and the logits float32[B, C] of the vectors of [CLS].

    Args:
        weights: by PyTorch's names.
        values: float32[B, H], or [R, H] of the windows of texts.
        windows: pools these, where texts have several.
        folded: which window of which text each row is.
    """
    with tf.name_scope("network/bert/pooler/"):
        pooled = tf.tanh(dense(weights, "bert.pooler.dense", values))
    if windows is not None and folded is not None:
        with tf.name_scope(WINDOWS_SCOPE):
            pooled = windows(pooled, folded)
    with tf.name_scope("network/classifier/"):
        return pooled, dense(weights, "classifier", pooled)


def dense(weights: Weights, name: str, values: tf.Tensor) -> tf.Tensor:
    """Returns the product of float32[N, I] with the matrix of a layer, and its bias, float32[N, O]."""
    return tf.nn.bias_add(tf.matmul(values, weights[f"{name}.weight"]), weights[f"{name}.bias"])


def _attention(
    weights: Weights, shape: Shape, places: Places, values: tf.Tensor, own: tf.Tensor, name: str, *, last: bool
) -> tf.Tensor:
    keys, contents = (
        _heads(tf.gather(dense(weights, f"{name}.{part}", values), places.padded), shape) for part in ("key", "value")
    )
    asked = dense(weights, f"{name}.query", own)
    queries = _heads(asked[:, None, :] if last else tf.gather(asked, places.padded), shape)
    scores = tf.matmul(queries, keys, transpose_b=True) * (1 / sqrt(shape.width // shape.heads)) + places.mask
    context = tf.transpose(tf.matmul(tf.nn.softmax(scores), contents), [0, 2, 1, 3])
    flat = tf.reshape(context, [-1, shape.width])
    return flat if last else tf.gather(flat, places.tokens)


def _heads(values: tf.Tensor, shape: Shape) -> tf.Tensor:
    """Splits [B, L, H] into heads, [B, heads, L, H / heads]."""
    rows, length = tf.shape(values)[0], tf.shape(values)[1]
    split = tf.reshape(values, [rows, length, shape.heads, shape.width // shape.heads])
    return tf.transpose(split, [0, 2, 1, 3])


def _gelu(values: tf.Tensor) -> tf.Tensor:
    # In this order of operations the graph optimizer knows it, and makes it a part of the product before it.
    return (tf.math.erf(values * sqrt(0.5)) + 1.0) * 0.5 * values


def _normed(weights: Weights, name: str, values: tf.Tensor, shape: Shape) -> tf.Tensor:
    # Where weights are constants, the graph optimizer makes this one op, if the last axis is given by its number; but
    # that op adds 0.001 to the variance whatever stands here. So the values are scaled until that is what it should be.
    scaled = values * sqrt(FUSED_EPSILON / shape.epsilon)
    mean, variance = tf.nn.moments(scaled, axes=[1], keepdims=True)
    scale, offset = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return tf.nn.batch_normalization(scaled, mean, variance, offset, scale, FUSED_EPSILON)
