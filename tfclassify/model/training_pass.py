"""The network as it learns on a processor: what Hugging Face's layers compute, for tokens and hardly for padding.

The Keras model owns the weights; this reads them, and gradients come to them. Beside padding it leaves out what nobody
reads: of the last layer all vectors but that of [CLS]. Products and attention are computed in the type that the
training asks for, of weights that are cast once a step; layer norms, GELU, dropout and sums are computed in float32.

Dropout is drawn by :func:`tfclassify.model.dropout.kept`, so that which units are dropped differs from the layers' own
dropout, and their share by less than 1/65536.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

import tensorflow as tf

from tfclassify.model.activations import gelu
from tfclassify.model.differentiated import affine, attended, collected, normed, spread, taken
from tfclassify.model.dropout import dropped_share, kept
from tfclassify.model.features import FEATURE_INPUTS
from tfclassify.model.routes import INPUTS, with_a_token
from tfclassify.model.unpadded import Places, Shape, Weights, places_of

# A forward pass in training: a batch to ``logits`` float32[B, C].
Learnt = Callable[[Mapping[str, tf.Tensor]], dict[str, tf.Tensor]]


@dataclass(frozen=True)
class Rates:
    """The shares that are dropped: of units, and of attention."""

    units: float
    attention: float


@dataclass(frozen=True)
class Network:
    """An encoder as it is computed: its weights by PyTorch's names, matrices as [in, out], sizes, and dropout.

    ``products`` is the type of the matrix products, float32 or bfloat16.
    """

    weights: Weights
    shape: Shape
    rates: Rates
    products: tf.DType


@dataclass(frozen=True)
class Heads:
    """Where the heads of T tokens stand in a padded batch [B, L], each of them a row of d numbers.

    Attributes:
        spread: by how many parts lie side by side in a token's vector, P: int32[P, B, heads, L], which of the rows
            [T * P * heads] is at each place (any where there is padding), and int32[T * P * heads], at which place a
            row is, of all in order.
        places: int32[T * heads], of the rows of a batch [B * heads * L] those of tokens, token by token.
        known: int32[B * heads * L], of each of them its number among those, or T * heads where there is padding.
        mask: [B, 1, 1, L], what is added to attention's scores, in the type of the products.
    """

    spread: Mapping[int, tuple[tf.Tensor, tf.Tensor]]
    places: tf.Tensor
    known: tf.Tensor
    mask: tf.Tensor


def product_type() -> tf.DType:
    """Returns the type in which a processor multiplies, where the graph's rewriting says which."""
    rewritten = tf.config.optimizer.get_experimental_options().get("auto_mixed_precision_onednn_bfloat16")
    return tf.bfloat16 if rewritten else tf.float32


def learnt(model: Any, network: Network, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Runs a network once, in training, with whatever stands on its encoder.

    Args:
        model: the :class:`tfclassify.model.classifier.BertClassifier` that owns the weights.
        network: its encoder.
        batch: tokens, and the features of rows that have any.

    Returns:
        ``logits`` float32[B, C], and ``imitation`` float32[B] where windows are chosen.
    """
    batch = with_a_token(batch)
    tokens, folded = {name: batch[name] for name in INPUTS}, None
    if model.windows is not None:
        folded = model.windows.fold(batch, model.bert.embeddings.weight, training=True, gather=False)
        tokens = folded.tokens
    vectors = encoded_tokens(network, tokens)
    pooled = model.dropout(vectors if folded is None else model.windows(vectors, folded), training=True)
    made = {"logits": model.classifier(pooled)}
    if folded is not None:
        made |= model.windows.imitation(vectors, folded, model.classifier.kernel)
    if model.join is not None:
        made["logits"] += model.join(pooled, {name: batch[name] for name in FEATURE_INPUTS})
    return made


def encoded_tokens(network: Network, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Runs the encoder once, in training: ids, mask and types, int32[B, L], to pooled vectors, float32[B, H]."""
    places = places_of(batch["attention_mask"])
    heads = _heads_of(network, places, batch["attention_mask"])
    values = _embedded(network, places, batch)
    for number in range(network.shape.layers):
        values = _layer(network, places, heads, values, number)
    pooled = _dense(network, "bert.pooler.dense", tf.cast(values, network.products))
    return tf.tanh(tf.cast(pooled, tf.float32))


def _heads_of(network: Network, places: Places, mask: tf.Tensor) -> Heads:
    heads, rows, length = network.shape.heads, tf.shape(mask)[0], tf.shape(mask)[1]
    tokens, padded = (tf.cast(each, tf.int32) for each in (places.tokens, places.padded))
    head, whole = tf.range(heads), rows * heads * length
    # A token's place in [B, L], and its heads' in [B, heads, L].
    at = ((tokens // length)[:, None] * heads + head) * length + (tokens % length)[:, None]
    ordered = padded[:, None, :] * heads + head[:, None]
    known = tf.where(mask[:, None, :] > 0, ordered, tf.size(tokens) * heads)

    def side_by_side(parts: int) -> tuple[tf.Tensor, tf.Tensor]:
        part = tf.range(parts)
        there = (padded[None, :, None, :] * parts + part[:, None, None, None]) * heads + head[:, None]
        return there, tf.reshape(part[:, None] * whole + at[:, None, :], [-1])

    added = tf.cast(places.mask, network.products)
    return Heads({parts: side_by_side(parts) for parts in (2, 3)}, tf.reshape(at, [-1]), tf.reshape(known, [-1]), added)


def _embedded(network: Network, places: Places, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
    name, weights = "bert.embeddings", network.weights
    ids, types = (tf.gather(tf.reshape(batch[given], [-1]), places.tokens) for given in (INPUTS[0], INPUTS[2]))
    length = tf.shape(batch[INPUTS[0]])[1]
    # Each column's row once, as the layers look them up: which rows an optimizer moves is the same.
    columns = tf.gather(weights[f"{name}.position_embeddings.weight"], tf.range(length))
    placed = taken(columns, tf.cast(places.tokens, tf.int32) % length)
    words = tf.gather(weights[f"{name}.word_embeddings.weight"], ids)
    typed = tf.gather(weights[f"{name}.token_type_embeddings.weight"], types)
    return _dropped(_normed(network, f"{name}.LayerNorm", words + placed + typed), network.rates.units)


def _layer(network: Network, places: Places, heads: Heads, values: tf.Tensor, number: int) -> tf.Tensor:
    """Computes a layer, [T, H] to [T, H]; of the last one [B, H], since only [CLS] is read."""
    name = f"bert.encoder.layer.{number}"
    own = taken(values, places.first) if number == network.shape.layers - 1 else values
    context = _attention(network, heads, values, own, f"{name}.attention.self")
    # What attention does not drop is scaled up here, where it is a factor of weights.
    scale = 1.0 / (1.0 - dropped_share(network.rates.attention))
    mixed = _dense(network, f"{name}.attention.output.dense", context, scale=scale)
    middle = _added(network, f"{name}.attention.output.LayerNorm", mixed, own)
    inner = _dense(network, f"{name}.intermediate.dense", tf.cast(middle, network.products))
    raised = tf.cast(gelu(tf.cast(inner, tf.float32)), network.products)
    return _added(network, f"{name}.output.LayerNorm", _dense(network, f"{name}.output.dense", raised), middle)


def _attention(network: Network, heads: Heads, values: tf.Tensor, own: tf.Tensor, name: str) -> tf.Tensor:
    shape, given = network.shape, tf.cast(values, network.products)
    scale, width = 1.0 / sqrt(shape.width // shape.heads), shape.width // shape.heads
    asks, answers = {"query": scale}, {"key": 1.0, "value": 1.0}
    if own is values:
        queries, keys, contents = _parts(network, heads, _joined(network, name, asks | answers, given), 3)
    else:
        asked = _joined(network, name, asks, tf.cast(own, network.products))
        queries = tf.reshape(asked, [-1, shape.heads, 1, width])
        keys, contents = _parts(network, heads, _joined(network, name, answers, given), 2)
    seen = tf.concat([tf.shape(queries)[:3], tf.shape(keys)[2:3]], 0)
    context = attended(queries, keys, contents, heads.mask, _kept(seen, network.rates.attention, network.products))
    rows = tf.reshape(context, [-1, width])
    return tf.reshape(rows if own is not values else collected(rows, heads.places, heads.known), [-1, shape.width])


def _joined(network: Network, name: str, parts: Mapping[str, float], values: tf.Tensor) -> tf.Tensor:
    """Computes several dense layers as one product, each scaled, side by side: [N, H] to [N, P * H]."""
    kernels, biases = zip(*(_made(network, f"{name}.{part}", scale) for part, scale in parts.items()), strict=True)
    return affine(values, tf.concat(kernels, 1), tf.concat(biases, 0))


def _parts(network: Network, heads: Heads, values: tf.Tensor, parts: int) -> list[tf.Tensor]:
    """Gives each part of tokens' vectors, [T, P * H], the form of a padded batch, [B, heads, L, d]."""
    there, back = heads.spread[parts]
    rows = tf.reshape(values, [-1, network.shape.width // network.shape.heads])
    return tf.unstack(spread(rows, there, back), num=parts)


def _dense(network: Network, name: str, values: tf.Tensor, *, scale: float = 1.0) -> tf.Tensor:
    """Returns ``scale * (values @ kernel) + bias`` in the type of the products."""
    kernel, _ = _made(network, name, scale)
    return affine(values, kernel, tf.cast(network.weights[f"{name}.bias"], network.products))


def _made(network: Network, name: str, scale: float) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns a dense layer's kernel and bias, both scaled, in the type of the products."""
    both = (network.weights[f"{name}.{each}"] for each in ("weight", "bias"))
    kernel, bias = (tf.cast(each if scale == 1.0 else each * scale, network.products) for each in both)
    return kernel, bias


def _added(network: Network, name: str, made: tf.Tensor, residual: tf.Tensor) -> tf.Tensor:
    return _normed(network, name, residual + _dropped(tf.cast(made, tf.float32), network.rates.units))


def _normed(network: Network, name: str, values: tf.Tensor) -> tf.Tensor:
    scale, offset = (tf.convert_to_tensor(network.weights[f"{name}.{each}"]) for each in ("weight", "bias"))
    return normed(values, scale, offset, epsilon=network.shape.epsilon)


def _dropped(values: tf.Tensor, rate: float) -> tf.Tensor:
    if not rate:
        return values
    return values * (_kept(tf.shape(values), rate, values.dtype) * (1.0 / (1.0 - dropped_share(rate))))


def _kept(shape: tf.Tensor, rate: float, dtype: tf.DType) -> tf.Tensor:
    return tf.cast(kept(shape, rate), dtype) if rate else tf.ones([1, 1, 1, 1], dtype)
