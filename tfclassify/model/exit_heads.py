"""Heads after layers in the middle of the encoder, by which a text may leave before the last one."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf
import tf_keras as keras

from tfclassify.model.dropout import SeededDropout

SCOPE, EXIT_PREFIX = "exits", "exits."
SPREAD = 0.02
CLS = 0


class ExitHeads(keras.layers.Layer):
    """A head like the network's own after each of some layers: ``classifier(tanh(dense([CLS])))``.

    They have weights of their own, which are a part of the model; its last head does not depend on them.
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
                "dense": self._made(f"{layer}/dense", width, width),
                "classifier": self._made(f"{layer}/classifier", width, classes),
            }
            for layer in self.after
        ]

    def _made(self, name: str, inputs: int, units: int) -> tuple[tf.Variable, tf.Variable]:
        start = keras.initializers.TruncatedNormal(stddev=SPREAD)
        kernel = self.add_weight(name=f"{SCOPE}/{name}/kernel", shape=[inputs, units], initializer=start)
        return kernel, self.add_weight(name=f"{SCOPE}/{name}/bias", shape=[units], initializer="zeros")

    def call(self, hidden: Sequence[tf.Tensor], training: bool = False) -> tf.Tensor:
        """Returns the logits of each head.

        Args:
            hidden: what goes into the first layer and comes out of each, float32[B, L, H].
            training: whether units are dropped.

        Returns:
            float32[B, E, C] of E heads.
        """
        made = []
        for layer, head in zip(self.after, self.heads, strict=True):
            first = tf.cast(hidden[layer][:, CLS], tf.float32)
            pooled = self.dropout(tf.tanh(_product(first, *head["dense"])), training=training)
            made.append(_product(pooled, *head["classifier"]))
        return tf.stack(made, axis=1)


def _product(values: tf.Tensor, kernel: tf.Variable, bias: tf.Variable) -> tf.Tensor:
    return tf.nn.bias_add(tf.matmul(values, kernel), bias)


def names_of_heads(heads: ExitHeads) -> list[tuple[tf.Variable, str, bool]]:
    """Returns the weights with the names that they have in files, and whether they are transposed there."""
    return [(each, _name(each), each.shape.rank == 2) for each in heads.weights]


def _name(variable: tf.Variable) -> str:
    return variable.name.split(":")[0].replace("/kernel", "/weight").replace("/", ".")
