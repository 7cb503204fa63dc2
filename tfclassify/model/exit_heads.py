"""Heads after layers in the middle of the encoder, by which a text may leave before the last one."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import tensorflow as tf
import tf_keras as keras

from tfclassify.model.dropout import SeededDropout

SCOPE, EXIT_PREFIX = "exits", "exits."
SPREAD = 0.02


class ExitHeads(keras.layers.Layer):
    """A head after each of some layers: ``classifier(tanh(dense(mean of the tokens)))``.

    They have weights of their own, which are a part of the model; its last head does not depend on them. They read all
    tokens, of a text in windows those of all that are read, because in the first layers of a pre-trained encoder [CLS]
    is much the same whatever the text.
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
        start = keras.initializers.TruncatedNormal(stddev=spread)
        kernel = self.add_weight(name=f"{SCOPE}/{name}/kernel", shape=[inputs, units], initializer=start)
        return kernel, self.add_weight(name=f"{SCOPE}/{name}/bias", shape=[units], initializer="zeros")

    def call(self, means: Sequence[tf.Tensor], training: bool = False) -> tf.Tensor:
        """Returns the logits of each head.

        Args:
            means: of the tokens of each text after the layer of each head, E of float32[B, H].
            training: whether units are dropped.

        Returns:
            float32[B, E, C] of E heads.
        """
        made = []
        for mean, head in zip(means, self.heads, strict=True):
            pooled = self.dropout(tf.tanh(_product(mean, *head["dense"])), training=training)
            made.append(_product(pooled, *head["classifier"]))
        return tf.stack(made, axis=1)


def mean_of_tokens(hidden: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Returns the means of what comes out of a layer, [B, L, H], over the tokens, int32[B, L]: float32[B, H]."""
    tokens = tf.cast(mask, tf.float32)[:, :, None]
    number = tf.maximum(tf.reduce_sum(tokens, axis=1), 1.0)
    return tf.reduce_sum(tf.cast(hidden, tf.float32) * tokens, axis=1) / number


def _product(values: tf.Tensor, kernel: tf.Variable, bias: tf.Variable) -> tf.Tensor:
    return tf.nn.bias_add(tf.matmul(values, kernel), bias)


def names_of_heads(heads: ExitHeads) -> list[tuple[tf.Variable, str, bool]]:
    """Returns the weights with the names that they have in files, and whether they are transposed there."""
    return [(each, _name(each), each.shape.rank == 2) for each in heads.weights]


def _name(variable: tf.Variable) -> str:
    return variable.name.split(":")[0].replace("/kernel", "/weight").replace("/", ".")
