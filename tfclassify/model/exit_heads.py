"""Heads after layers in the middle of the encoder, by which a text may leave before the last one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt

import tensorflow as tf
import tf_keras as keras

from tfclassify.model.dropout import SeededDropout

SCOPE, EXIT_PREFIX = "exits", "exits."
SPREAD = 0.02
# How many times faster the heads learn than the encoder, whose rate is that of weights which are good already.
GAIN = 10.0


class ExitHeads(keras.layers.Layer):
    """A head after each of some layers: ``classifier(tanh(dense(mean of the tokens)))``.

    They have weights of their own, which are a part of the model; its last head does not depend on them. They read all
    tokens because in the first layers of a pre-trained encoder [CLS] is much the same whatever the text.

    All weights are kept divided by ``GAIN``: Adam moves a weight by the learning rate whatever its gradient's size, so
    that what a weight stands for moves so many times faster.
    """

    def __init__(self, layers: Sequence[int], *, width: int, classes: int, dropout: float) -> None:
        """Makes the weights.

        Args:
            layers: after which there is a head, counted from 1.
            width: of the encoder, H.
            classes: C.
            dropout: in front of each classifier, a share.
        """
        # Little work, and logits are read in full precision.
        super().__init__(name=SCOPE, dtype="float32")
        self.after = tuple(layers)
        self.dropout = SeededDropout(dropout)
        self.heads = [
            {
                "dense": self._made(f"{layer}/dense", width, width, sqrt(1 / width)),
                "classifier": self._made(f"{layer}/classifier", width, classes, SPREAD),
            }
            for layer in self.after
        ]

    def _made(self, name: str, inputs: int, units: int, spread: float) -> tuple[tf.Variable, tf.Variable]:
        start = keras.initializers.TruncatedNormal(stddev=spread / GAIN)
        kernel = self.add_weight(name=f"{SCOPE}/{name}/kernel", shape=[inputs, units], initializer=start)
        return kernel, self.add_weight(name=f"{SCOPE}/{name}/bias", shape=[units], initializer="zeros")

    def call(
        self, hidden: Sequence[tf.Tensor] | Mapping[int, tf.Tensor], mask: tf.Tensor, training: bool = False
    ) -> tf.Tensor:
        """Returns the logits of each head.

        Args:
            hidden: what goes into the first layer and comes out of each, float32[B, L, H].
            mask: int32[B, L], of the tokens.
            training: whether units are dropped.

        Returns:
            float32[B, E, C] of E heads.
        """
        made, tokens = [], tf.cast(mask, tf.float32)[:, :, None]
        number = tf.maximum(tf.reduce_sum(tokens, axis=1), 1.0)
        for layer, head in zip(self.after, self.heads, strict=True):
            mean = tf.reduce_sum(tf.cast(hidden[layer], tf.float32) * tokens, axis=1) / number
            pooled = self.dropout(tf.tanh(_product(mean, *head["dense"])), training=training)
            made.append(_product(pooled, *head["classifier"]))
        return tf.stack(made, axis=1)


def _product(values: tf.Tensor, kernel: tf.Variable, bias: tf.Variable) -> tf.Tensor:
    return GAIN * tf.nn.bias_add(tf.matmul(values, kernel), bias)


def names_of_heads(heads: ExitHeads) -> list[tuple[tf.Variable, str, bool]]:
    """Returns the weights with the names that they have in files, and whether they are transposed there."""
    return [(each, _name(each), each.shape.rank == 2) for each in heads.weights]


def _name(variable: tf.Variable) -> str:
    return variable.name.split(":")[0].replace("/kernel", "/weight").replace("/", ".")
