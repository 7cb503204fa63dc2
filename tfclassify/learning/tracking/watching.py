"""The one callback of the fit that trackers are fed by: it reads five numbers a step, and waits for nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
import tf_keras as keras

from tfclassify.display import Display
from tfclassify.learning.tracking.background import Background
from tfclassify.learning.tracking.tracker import Figures

VALIDATION = "val_"
# Is taken out of the figures of an epoch when it is judged.
SKIPPED = "skipped"


class Watching(keras.callbacks.Callback):
    """Gives trackers the loss, the learning rate and the norm of the gradients of each step, and what epochs measure.

    ``steps`` are those that the optimizer has made, of earlier processes as well.
    """

    def __init__(self, trackers: Sequence[Background], display: Display) -> None:
        """Watches the fit that it is given to as a callback."""
        super().__init__()
        self.trackers, self.display = trackers, display
        self.steps = 0
        self._before: tuple[float, float] | None = None

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Forgets the sums of the epoch before, which the network forgets too."""
        self._before = None

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Notes where the sums of an epoch begin: not at zero, where a training goes on in the middle of one."""
        if self._before is None:
            self._before = self._sums()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Hands over what a step was like; of several that were one call, the mean loss and the last of the rest."""
        optimizer = self._optimizer()
        figures = {"train/loss": self._loss(), "train/learning_rate": _number(optimizer.learning_rate)}
        norm = getattr(optimizer, "gradient_norm", None)
        if norm is not None:
            figures["train/gradient_norm"] = _number(norm)
        for tracker in self.trackers:
            tracker.step(self.steps, figures)
        self.tell()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Hands over what the epoch's validation measured, and its mean loss, if all its steps were made."""
        if SKIPPED in (logs or {}):
            return
        self._optimizer()
        figures = _epoch_figures(logs or {})
        for tracker in self.trackers:
            tracker.epoch(self.steps, {"epoch": float(epoch + 1), **figures})
        self.tell()

    def tell(self) -> None:
        """Shows what trackers had to say; here, because only this thread owns the display."""
        for tracker in self.trackers:
            for line in tracker.news():
                self.display.say(line)

    def _optimizer(self) -> keras.optimizers.Optimizer:
        """Returns the optimizer, and takes note of how many steps it has made."""
        optimizer = _inner(self.model.optimizer)
        self.steps = int(_number(optimizer.iterations))
        return optimizer

    def _sums(self) -> tuple[float, float]:
        """Returns the weighted sum of losses, and of rows, over the replicas of this machine.

        Those of other machines would have to be there to be asked, and only the first machine tracks.
        """
        mean, local = self.model.mean_loss, self.model.distribute_strategy.experimental_local_results
        return sum(map(_number, local(mean.total))), sum(map(_number, local(mean.count)))

    def _loss(self) -> float:
        """Returns the mean loss of the rows since the last call: what the network logs is the mean of the epoch."""
        before, now = self._before or (0.0, 0.0), self._sums()
        self._before = now
        rows = now[1] - before[1]
        return (now[0] - before[0]) / rows if rows else float("nan")


def _epoch_figures(logs: Mapping[str, Any]) -> Figures:
    measured = {
        f"validation/{name.removeprefix(VALIDATION)}": float(value)
        for name, value in logs.items()
        if name.startswith(VALIDATION)
    }
    return {"epoch/loss": float(logs["loss"]), **measured}


def _inner(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Returns the optimizer itself, which in float16 has one around it that scales the loss."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def _number(variable: tf.Variable) -> float:
    # On several replicas it is a variable of each, of which no float can be made at once.
    return float(tf.convert_to_tensor(variable))
