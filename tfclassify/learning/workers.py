"""Machines that train together: which of them writes, and how they end a training in the same step."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import tensorflow as tf

from tfclassify.errors import UsageError


def agreed(strategy: tf.distribute.Strategy, asked: bool) -> bool:
    """Says whether any machine was asked, and says the same on each; every machine has to call it in the same step.

    A machine that ended by itself would leave the others waiting for its gradients.
    """
    return bool(_sum(strategy)(tf.constant(float(asked))) > 0.0) if has_joined(strategy) else asked


def agreed_number(strategy: tf.distribute.Strategy, own: int) -> int:
    """Returns the mean of each machine's number, the same on each; every machine has to call it in the same step."""
    if not has_joined(strategy):
        return own
    return int(_sum(strategy)(tf.constant(float(own)))) // strategy.num_replicas_in_sync


def own_run(folder: str | None) -> str | None:
    """Returns where this process writes a run: the folder that was asked for, or one of its own.

    A machine that is not the chief does all that the chief does, beginning with the chief's checkpoints where there
    are any, and what it writes goes when its process ends. Which one it is, ``TF_CONFIG`` says before TensorFlow is
    at work.
    """
    if is_chief_by(os.environ.get("TF_CONFIG")):
        return folder
    own = Path(tempfile.mkdtemp(prefix="tfclassify-worker-"))
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    if folder is not None and (Path(folder) / "manifest.json").is_file():
        shutil.copytree(folder, own / "run")
    return str(own / "run")


def is_chief_by(config: str | None) -> bool:
    """Says whether the machine that ``TF_CONFIG`` describes is the one that writes.

    Raises:
        UsageError: it is no JSON of a cluster and a task.
    """
    try:
        read = json.loads(config or "{}")
        task, cluster = read.get("task", {}), read.get("cluster", {})
        return task.get("type") in (None, "chief") or ("chief" not in cluster and int(task["index"]) == 0)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        expected = '{"cluster": {"worker": ["HOST:PORT", …]}, "task": {"type": "worker", "index": 0}}'
        raise UsageError(f"TF_CONFIG is {config!r}; expected {expected}") from error


def has_joined(strategy: tf.distribute.Strategy) -> bool:
    """Says whether other processes take part, which have to do the same in the same order."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


@cache
def _sum(strategy: tf.distribute.Strategy) -> Callable[[tf.Tensor], tf.Tensor]:
    def summed(own: tf.Tensor) -> tf.Tensor:
        # Only what was made on a device of the strategy can be summed.
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(own))

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32)], autograph=False)
    def run(own: tf.Tensor) -> tf.Tensor:
        return strategy.experimental_local_results(strategy.run(summed, args=(own,)))[0]

    return run
