"""The one training step: a forward pass, the weighted sum of the objectives, one update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import tensorflow as tf
import tf_keras as keras

from tfclassify.data.batches import Bucket
from tfclassify.learning.accumulation import NUMBER, Gradient, accumulated
from tfclassify.learning.folding import by_bucket
from tfclassify.learning.objectives import Objective
from tfclassify.learning.strategies import accelerators
from tfclassify.model.classifier import BertClassifier, Step, learning, outputs
from tfclassify.model.dropout import drawn_from
from tfclassify.model.training_pass import Learnt
from tfclassify.model.windowing import IMITATION


@dataclass(frozen=True)
class Folding:
    """The shapes [rows, length] of a replica's batches, each of which has a static graph, by XLA where ``compiled``.

    ``rows`` says whether the optimizer moves only those rows of a table that were looked up.
    """

    shapes: Sequence[Bucket]
    compiled: bool
    rows: bool = False


def training_step(
    objectives: Sequence[tuple[float, Objective]],
    *,
    accumulation_steps: int = 1,
    folding: Folding | None = None,
    seed: int = 0,
    updates: bool = True,
    layers: bool = False,
) -> Step:
    """Makes the step that ``BertClassifier.compile`` takes.

    A row's loss counts by its weight; rows that only fill a batch have weight 0. The sum is divided by the
    number of rows with a weight, over all parts and replicas, because their gradients are added. What a scorer of
    windows learns by is added for the gradients, not for the loss that is told.

    Args:
        objectives: terms of the loss with their weights.
        accumulation_steps: in how many parts a replica computes its batch, one after the other, before the one
            update; what the update is does not depend on it.
        folding: of elements that have one constant shape; None takes batches of any shape in one graph.
        updates: False leaves the weights alone and returns the gradients as well, for programs that are only read.
        layers: True computes by the network's own layers even where there is a faster way, as accelerators do.
        seed: of dropout; which units are dropped is a function of it, the step, the replica and the part.
    """

    def step(model: BertClassifier, batch: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, Any]:
        rows = _over_replicas(tf.math.count_nonzero(batch["weights"], dtype=tf.float32))
        everywhere = tf.maximum(rows, 1.0)
        variables = model.trainable_variables
        forward = _forward(model, layers=layers or folding is not None)

        def differentiated(part: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, list[Gradient]]:
            with tf.GradientTape() as tape, drawn_from(seed, model.optimizer.iterations, part[NUMBER]):
                result = forward(part)
                losses = tf.add_n([weight * _of_rows(term(result, part, model)) for weight, term in objectives])
                total = tf.reduce_sum(losses * part["weights"])
                beside = tf.reduce_sum(result.get(IMITATION, 0.0) * part["weights"])
                loss = _scaled(model.optimizer, (total + beside) / everywhere)
            return total, tape.gradient(loss, variables)

        def whole(given: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, list[Gradient]]:
            return accumulated(differentiated, given, variables, parts=accumulation_steps)

        if folding is None:
            total, gradients = whole(batch)
        else:
            total, gradients = by_bucket(whole, batch, variables, **vars(folding))
        gradients = _doubted(_unscaled(model.optimizer, gradients), total)
        if not updates:
            return total, [tf.convert_to_tensor(each) for each in gradients]
        model.optimizer.apply_gradients(zip(gradients, variables, strict=True), skip_gradients_aggregation=_is_alone())
        return _over_replicas(total) / everywhere, rows

    return step


def _forward(model: BertClassifier, *, layers: bool) -> Learnt:
    """Returns the forward pass: one of our own on a processor, where it fits, else the network's layers.

    Its shapes are those of the tokens that there are, which what is compiled for static ones cannot take.
    """
    own = None if layers or accelerators() else learning(model)
    return own or partial(outputs, model, training=True)


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


def _is_alone() -> bool:
    """Says whether there is one replica: a sum over it alone would keep its graph as long as the process lives.

    TensorFlow registers the gradient of such a sum, and the gradient holds the graph with all its variables.
    """
    return bool(tf.distribute.get_strategy().num_replicas_in_sync == 1)


def _over_replicas(value: tf.Tensor) -> tf.Tensor:
    if _is_alone():
        return value
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, value)


def _scaled(optimizer: keras.optimizers.Optimizer, loss: tf.Tensor) -> tf.Tensor:
    """Scales the loss in float16, whose small gradients would vanish."""
    return optimizer.get_scaled_loss(loss) if hasattr(optimizer, "get_scaled_loss") else loss


def _unscaled(optimizer: keras.optimizers.Optimizer, gradients: list[Gradient]) -> list[Gradient]:
    return optimizer.get_unscaled_gradients(gradients) if hasattr(optimizer, "get_unscaled_gradients") else gradients
