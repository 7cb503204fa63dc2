"""Where features meet the text: a layer over the pooled vector and them, whose logits are added to the text's own."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

import tensorflow as tf
import tf_keras as keras

from tfclassify.model.features import CATEGORIES, NUMBERS, Measures

WIDEST_CATEGORY = 16
SCOPE, PREFIX = "features", "features."


class FeatureJoin(keras.layers.Layer):
    """Joins the pooled vector and the features in one hidden layer, and makes logits of it.

    ``logits = GELU(dense([pooled; numbers; vectors of the categories])) @ output``, where the head's own
    ``classifier(pooled)`` is what the logits would be without features. The last matrix begins at zero, so that the
    training begins with the text's logits alone; so does the vector of an unseen category.
    """

    def __init__(self, measures: Measures, *, width: int, classes: int) -> None:
        """Makes the weights: ``width`` is that of the pooled vector, H, and ``classes`` how many logits there are."""
        # In half the bits numbers of many digits would be others; and it is little work.
        super().__init__(name="features", dtype="float32")
        self.measures = measures
        units, sizes = measures.width, measures.sizes
        widths = [min(WIDEST_CATEGORY, (size + 1) // 2) for size in sizes]
        inputs = measures.flags_and_numbers + sum(widths)
        self.vectors = [
            self._made(f"category_{place}", [size, width], 0.5)
            for place, (size, width) in enumerate(zip(sizes, widths, strict=True))
        ]
        self.of_text = self._made("text/kernel", [width, units], sqrt(3.0 / width))
        self.of_features = self._made("values/kernel", [inputs, units], sqrt(3.0 / inputs))
        self.bias = self._made("bias", [units], 0.0)
        self.output_weights = self._made("output/kernel", [units, classes], 0.0)
        for vectors in self.vectors:
            vectors[1].assign(tf.zeros_like(vectors[1]))

    def _made(self, name: str, shape: list[int], limit: float) -> tf.Variable:
        start = keras.initializers.RandomUniform(-limit, limit) if limit else "zeros"
        return self.add_weight(name=f"{SCOPE}/{name}", shape=shape, dtype=tf.float32, initializer=start)

    def specs(self) -> list[tf.TensorSpec]:
        """Returns what the features of a batch are, in the order in which networks take them."""
        return [
            tf.TensorSpec([None, self.measures.flags_and_numbers], tf.float32, name=NUMBERS),
            tf.TensorSpec([None, len(self.vectors)], tf.int32, name=CATEGORIES),
        ]

    def call(self, pooled: tf.Tensor, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns what the features of B rows add to their logits, float32[B, C]."""
        places = tf.unstack(features[CATEGORIES], num=len(self.vectors), axis=1)
        looked_up = [tf.gather(vectors, each) for vectors, each in zip(self.vectors, places, strict=True)]
        values = tf.concat([features[NUMBERS], *looked_up], axis=1)
        text = tf.matmul(tf.cast(pooled, tf.float32), self.of_text)
        hidden = tf.nn.gelu(text + tf.matmul(values, self.of_features) + self.bias)
        return tf.matmul(hidden, self.output_weights)


def names_of(join: FeatureJoin) -> list[tuple[tf.Variable, str]]:
    """Returns the weights with the names that they have in files."""
    return [(variable, variable.name.split(":")[0].replace("/", ".")) for variable in join.weights]
