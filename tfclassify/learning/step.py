"""The one training step: a forward pass, the weighted sum of the objectives, one update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf
import tf_keras as keras

from tfclassify.learning.accumulation import NUMBER, Gradient, accumulated
from tfclassify.learning.objectives import Objective
from tfclassify.model.classifier import BertClassifier, Step, outputs
from tfclassify.model.dropout import drawn_from


def training_step(objectives: Sequence[tuple[float, Objective]], *, accumulation_steps: int = 1, seed: int = 0) -> Step:
    """Makes the step that ``BertClassifier.compile`` takes.

    A row's loss counts by its weight; rows that only fill a batch have weight 0. The sum is divided by the
    number of rows with a weight, over all parts and replicas, because their gradients are added.

    Args:
        objectives: terms of the loss with their weights.
        accumulation_steps: in how many parts a replica computes its batch, one after the other, before the one
            update; what the update is does not depend on it.
        seed: of dropout; which units are dropped is a function of it, the step, the replica and the part.
    """

    def step(model: BertClassifier, batch: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        rows = tf.math.count_nonzero(batch["weights"], dtype=tf.float32)
        everywhere = tf.maximum(_over_replicas(rows), 1.0)
        variables = model.trainable_variables

        def differentiated(part: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, list[Gradient]]:
            with tf.GradientTape() as tape, drawn_from(seed, model.optimizer.iterations, part[NUMBER]):
                result = outputs(model, part, training=True)
                losses = tf.add_n([weight * _of_rows(term(result, part, model)) for weight, term in objectives])
                total = tf.reduce_sum(losses * part["weights"])
                loss = _scaled(model.optimizer, total / everywhere)
            return total, tape.gradient(loss, variables)

        total, gradients = accumulated(differentiated, batch, variables, parts=accumulation_steps)
        gradients = _doubted(_unscaled(model.optimizer, gradients), total)
        model.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return total / tf.maximum(rows, 1.0), rows

    return step


def _of_rows(losses: tf.Tensor) -> tf.Tensor:
    """Refuses losses that are not [B]: multiplied by the weights of the rows, [B, 1] would make [B, B]."""
    return tf.ensure_shape(losses, [None])


def _doubted(gradients: list[Gradient], loss: tf.Tensor) -> list[Gradient]:
    """Makes a gradient none where the loss is no finite number, so that the optimizer skips the step.

    It looks at gradients only, and at the sum of all replicas', so that all of them skip it or none.
    """
    # The last one is that of a bias, which costs nothing; a variable may have no part in the loss.
    place = max(number for number, gradient in enumerate(gradients) if isinstance(gradient, tf.Tensor))
    doubt = tf.where(tf.math.is_finite(loss), 0.0, float("nan"))
    return [*gradients[:place], gradients[place] + tf.cast(doubt, gradients[place].dtype), *gradients[place + 1 :]]


def _over_replicas(value: tf.Tensor) -> tf.Tensor:
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, value)


def _scaled(optimizer: keras.optimizers.Optimizer, loss: tf.Tensor) -> tf.Tensor:
    """Scales the loss in float16, whose small gradients would vanish."""
    return optimizer.get_scaled_loss(loss) if hasattr(optimizer, "get_scaled_loss") else loss


def _unscaled(optimizer: keras.optimizers.Optimizer, gradients: list[Gradient]) -> list[Gradient]:
    return optimizer.get_unscaled_gradients(gradients) if hasattr(optimizer, "get_unscaled_gradients") else gradients
