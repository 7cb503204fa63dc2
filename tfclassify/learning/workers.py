"""Machines that train together: which of them writes, and how they end a training in the same step."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import tensorflow as tf


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Says whether this process writes the run; of several machines one does."""
    if not _joined(strategy):
        return True
    resolver = strategy.cluster_resolver
    with_chief = "chief" in resolver.cluster_spec().jobs
    return resolver.task_type == "chief" or (not with_chief and resolver.task_id == 0)


def agreed(strategy: tf.distribute.Strategy, asked: bool) -> bool:
    """Says whether any machine was asked, and says the same on each; every machine has to call it in the same step.

    A machine that ended by itself would leave the others waiting for its gradients.
    """
    return bool(_any(strategy)(tf.constant(float(asked)))) if _joined(strategy) else asked


@contextmanager
def own_folder(strategy: tf.distribute.Strategy) -> Iterator[Path | None]:
    """Gives a folder for what a machine writes that is not the chief, as all do the same; None for the chief."""
    if is_chief(strategy):
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="tfclassify-worker-") as folder:
        yield Path(folder)


def _joined(strategy: tf.distribute.Strategy) -> bool:
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


@cache
def _any(strategy: tf.distribute.Strategy) -> Callable[[tf.Tensor], tf.Tensor]:
    def summed(own: tf.Tensor) -> tf.Tensor:
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, own)

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32)], autograph=False)
    def run(own: tf.Tensor) -> tf.Tensor:
        return strategy.experimental_local_results(strategy.run(summed, args=(own,)))[0] > 0.0

    return run
