"""Heads after layers in the middle of the encoder, by which a text may leave before the last one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray

SCOPE, EXIT_PREFIX = "exits", "exits."

# Of a linear head: what its inputs are multiplied by, float32[H, C], and what is added, float32[C].
Linear = tuple[NDArray[np.float32], NDArray[np.float32]]


class ExitHeads(keras.layers.Layer):
    """A linear head over the mean of the tokens after each of some layers.

    They are fitted when the network has learnt, which learns nothing by them; until then they are zero. They read all
    tokens, of a text in windows those of all that are read, because in the first layers of a pre-trained encoder [CLS]
    is much the same whatever the text.
    """

    def __init__(self, layers: Sequence[int], *, width: int, classes: int) -> None:
        """Makes the weights.

        Args:
            layers: after which there is a head, counted from 1.
            width: of the encoder, H.
            classes: C.
        """
        # Little work, and logits are read in full precision.
        super().__init__(name=SCOPE, dtype="float32", trainable=False)
        self.after = tuple(layers)
        self.heads = [self._made(f"{SCOPE}/{layer}/classifier", width, classes) for layer in self.after]

    def _made(self, name: str, width: int, classes: int) -> tuple[tf.Variable, tf.Variable]:
        kernel = self.add_weight(name=f"{name}/kernel", shape=[width, classes], initializer="zeros", trainable=False)
        return kernel, self.add_weight(name=f"{name}/bias", shape=[classes], initializer="zeros", trainable=False)

    def take(self, fitted: Mapping[int, Linear]) -> None:
        """Takes what was fitted for the head after each layer."""
        for layer, (kernel, bias) in zip(self.after, self.heads, strict=True):
            kernel.assign(fitted[layer][0])
            bias.assign(fitted[layer][1])

    def call(self, means: Sequence[tf.Tensor]) -> tf.Tensor:
        """Returns the logits of each head.

        Args:
            means: of the tokens of each text after the layer of each head, E of float32[B, H].

        Returns:
            float32[B, E, C] of E heads.
        """
        paired = zip(means, self.heads, strict=True)
        return tf.stack([tf.nn.bias_add(tf.matmul(mean, kernel), bias) for mean, (kernel, bias) in paired], axis=1)


def mean_of_tokens(hidden: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Returns the means of what comes out of a layer, [B, L, H], over the tokens, int32[B, L]: float32[B, H]."""
    tokens = tf.cast(mask, tf.float32)[:, :, None]
    number = tf.maximum(tf.reduce_sum(tokens, axis=1), 1.0)
    return tf.reduce_sum(tf.cast(hidden, tf.float32) * tokens, axis=1) / number


def names_of_heads(heads: ExitHeads) -> list[tuple[tf.Variable, str, bool]]:
    """Returns the weights with the names that they have in files, and whether they are transposed there."""
    return [(each, _name(each), each.shape.rank == 2) for each in heads.weights]


def _name(variable: tf.Variable) -> str:
    return variable.name.split(":")[0].replace("/kernel", "/weight").replace("/", ".")
