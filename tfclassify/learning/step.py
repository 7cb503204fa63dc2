"""The one training step: a forward pass, the weighted sum of the objectives, one update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf
import tf_keras as keras

from tfclassify.learning.objectives import Objective
from tfclassify.model.classifier import BertClassifier, Step, outputs


def training_step(objectives: Sequence[tuple[float, Objective]], mean_loss: keras.metrics.Metric) -> Step:
    """Makes the step that ``BertClassifier.compile`` takes.

    A row's loss counts by its weight; rows that only fill a batch have weight 0. The sum is divided by the
    number of rows with a weight, over all replicas, because the optimizer adds the replicas' gradients.

    Args:
        objectives: terms of the loss with their weights.
        mean_loss: running mean of the loss, reset by the caller each epoch.
    """

    def step(model: BertClassifier, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        rows = tf.math.count_nonzero(batch["weights"], dtype=tf.float32)
        everywhere = _over_replicas(rows)
        with tf.GradientTape() as tape:
            result = outputs(model, batch, training=True)
            losses = tf.add_n([weight * term(result, batch, model) for weight, term in objectives])
            loss = tf.reduce_sum(losses * batch["weights"]) / tf.maximum(everywhere, 1.0)
        gradients = tape.gradient(loss, model.trainable_variables)
        model.optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        mean_loss.update_state(loss * everywhere / tf.maximum(rows, 1.0), sample_weight=rows)
        return {"loss": mean_loss.result()}

    return step


def _over_replicas(value: tf.Tensor) -> tf.Tensor:
    replica = tf.distribute.get_replica_context()
    return replica.all_reduce(tf.distribute.ReduceOp.SUM, value)
