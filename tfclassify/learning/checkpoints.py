"""Checkpoints of a training: everything that moves, copied between two steps and written during the next ones."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfclassify.errors import UsageError
from tfclassify.learning.checkpoint_folders import Checkpoint, Values, by_step, prune, write_checkpoint
from tfclassify.model.classifier import BertClassifier

KEPT = 2


def moving_variables(model: BertClassifier) -> dict[str, Sequence[tf.Variable]]:
    """Returns every variable that training changes, by what it belongs to.

    These are the weights, what the optimizer has made (moments, counters, sums, averages, the scale of the loss) and
    the running mean of the epoch's loss.
    """
    optimizer = model.optimizer
    variables = optimizer.variables() if callable(optimizer.variables) else optimizer.variables
    scale = getattr(optimizer, "_loss_scale", None)
    return {
        "model": model.weights,
        "optimizer": list(variables),
        # Keras keeps the scale of the loss apart from the variables of the optimizer.
        "loss_scale": [] if scale is None else [scale.current_loss_scale, scale.counter],
        # The rate of the last step, for what is noted of an epoch.
        "rate": [optimizer.learning_rate],
        "mean_loss": model.mean_loss.variables,
    }


def take_values(model: BertClassifier) -> dict[str, NDArray]:
    """Copies everything that moves, as it is between two steps; names tell owner and place."""
    return {
        f"{owner}.{number:04d}": np.array(variable.numpy())
        for owner, variables in moving_variables(model).items()
        for number, variable in enumerate(variables)
    }


def put_values(model: BertClassifier, values: Values) -> None:
    """Gives everything that moves its value again.

    Raises:
        UsageError: the values are those of another network or optimizer.
    """
    named = {
        f"{owner}.{number:04d}": variable
        for owner, variables in moving_variables(model).items()
        for number, variable in enumerate(variables)
    }
    for name in sorted(named.keys() | values.keys()):
        found, expected = values.get(name), named.get(name)
        if found is None or expected is None or _kind(found) != _kind(expected):
            given, wanted = ("nothing" if each is None else _kind(each) for each in (found, expected))
            raise UsageError(f"the checkpoint has {given} as {name}, expected {wanted}; it is of another network")
    for name, variable in named.items():
        variable.assign(values[name])


def _kind(value: NDArray | tf.Variable) -> str:
    return f"{np.dtype(getattr(value.dtype, 'as_numpy_dtype', value.dtype))}{list(value.shape)}"


@dataclass
class Saver:
    """Writes checkpoints in the background, one at a time; what cannot be written is counted and said, and no more.

    ``saved`` and ``lost`` count them, ``blocked_seconds`` is how long the training stood still for it, and ``failed``
    says what went wrong, by step, until somebody has taken note of it.
    """

    folder: Path
    saved: int = 0
    lost: int = 0
    blocked_seconds: float = 0.0
    failed: dict[int, str] = field(default_factory=dict)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="checkpoint"))
    _under_way: tuple[int, Future[Path]] | None = None

    def ready(self) -> bool:
        """Says whether none is being written; raises what went wrong in the last one, if it was no lack of a disk."""
        if self._under_way is not None and self._under_way[1].done():
            self.wait()
        return self._under_way is None

    def save(self, model: BertClassifier, step: int, state: Mapping[str, Any], *, best: Path | None) -> None:
        """Copies the values now and writes them later; waits for the one before it."""
        begun = time.perf_counter()
        self.wait()
        values = take_values(model)
        self._under_way = step, self._pool.submit(self._write, step, values, dict(state), best)
        self.blocked_seconds += time.perf_counter() - begun

    def wait(self) -> None:
        """Waits until nothing is being written."""
        if self._under_way is None:
            return
        (step, written), self._under_way = self._under_way, None
        try:
            written.result()
            self.saved += 1
        except OSError as error:
            self.failed[step] = error.strerror or str(error)

    def close(self) -> None:
        """Waits, and ends the thread."""
        try:
            self.wait()
        finally:
            self._pool.shutdown()

    def _write(self, step: int, values: Values, state: Mapping[str, Any], best: Path | None) -> Path:
        written = write_checkpoint(self.folder, step, values, state, best=best)
        prune(self.folder, keep=KEPT)
        return written


def forget_later(folder: Path, kept: Checkpoint | None) -> None:
    """Removes what was broken, or is no longer the way that the training takes, and what dead processes have left."""
    folders = by_step(folder)
    prune(folder, keep=len(folders) + 1)
    for later in folders if kept is None else folders[folders.index(kept.folder) + 1 :]:
        shutil.rmtree(later, ignore_errors=True)
