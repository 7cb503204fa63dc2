"""The fit: ``model.fit`` with a judge after each epoch, the best weights kept, and a clean end on request."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import tensorflow as tf
import tf_keras as keras

from tfclassify.display import Display
from tfclassify.errors import UsageError
from tfclassify.hardware import peak_memory_bytes, reset_peak_memory, seconds_since_start
from tfclassify.model.classifier import BertClassifier, load_weights, save_weights

Judge = Callable[[], Mapping[str, float | None]]
LOWER_IS_BETTER = ("log_loss",)


@dataclass
class Course:
    """What a fit has gone through.

    ``seconds`` are those of ``steps`` training steps; the first one, which is traced as well, counts in neither, but
    in ``first_step_seconds``, which begin with the process. ``stopped`` says why the fit ended before its time.
    """

    history: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int | None = None
    best_value: float | None = None
    steps: int = 0
    seconds: float = 0.0
    first_step_seconds: float | None = None
    peak_memory_bytes: int = 0
    stopped: Literal["signal", "early", "diverged"] | None = None


@dataclass(frozen=True)
class Orders:
    """How to fit: sizes, the metric that chooses the best epoch, and where things are kept."""

    epochs: int
    steps_per_epoch: int
    total_steps: int
    rows_per_epoch: int
    metric: str
    patience: int
    weights: Path
    history: Path


def fit(
    model: BertClassifier,
    batches: tf.data.Dataset,
    *,
    orders: Orders,
    judge: Judge,
    display: Display,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Course:
    """Fits the model and leaves it with the best weights.

    Args:
        model: compiled with the training step.
        batches: those of all epochs, one after the other.
        orders: how to fit.
        judge: measures the validation rows with the model as it stands; called after each epoch.
        display: gets the progress.
        callbacks: Keras's, called after those of the fit itself.

    Raises:
        UsageError: the loss is no longer a finite number, and neither are the weights.
    """
    course = Course()
    reset_peak_memory()
    with _stop_signals() as asked:
        model.fit(
            batches,
            epochs=orders.epochs,
            steps_per_epoch=orders.steps_per_epoch,
            callbacks=[_Pace(course, orders, display, asked), _Keeper(course, orders, judge, display), *callbacks],
            verbose=0,
        )
        if asked:
            # It may have come after the last step.
            course.stopped = "signal"
    if course.stopped == "diverged":
        raise UsageError(_diverged(course))
    course.peak_memory_bytes = peak_memory_bytes()
    # Whoever stops in the middle of an epoch has gone past the best weights, though no epoch came after them.
    if course.best_epoch != len(course.history) or course.stopped == "signal":
        load_weights(model, orders.weights)
    return course


class _Pace(keras.callbacks.Callback):
    """Counts steps and time, moves the progress bar, and ends the fit when it is asked to or has made its steps."""

    def __init__(self, course: Course, orders: Orders, display: Display, asked: list[int]) -> None:
        super().__init__()
        self.course, self.orders, self.display, self.asked = course, orders, display, asked
        self.begun = 0.0

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.display.start(f"epoch {epoch + 1}/{self.orders.epochs}", self.orders.steps_per_epoch)

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.begun = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        course = self.course
        if course.first_step_seconds is None:
            course.first_step_seconds = seconds_since_start()
        else:
            course.seconds += time.perf_counter() - self.begun
            course.steps += 1
        self.display.advance(1, self._note(logs or {}))
        if self.asked:
            course.stopped = "signal"
            self.display.say("stopping as asked, with the best weights so far; asked again, at once and with none")
        if not isfinite(float((logs or {})["loss"])):
            course.stopped = "diverged"
        if course.stopped or course.steps + 1 == self.orders.total_steps:
            self.model.stop_training = True

    def _note(self, logs: Mapping[str, Any]) -> str:
        course, orders = self.course, self.orders
        rows = course.steps * orders.rows_per_epoch / orders.steps_per_epoch
        speed = f"  {rows / course.seconds:.0f} examples/s" if course.seconds else ""
        return f"loss {float(logs['loss']):.4f}{speed}"


class _Keeper(keras.callbacks.Callback):
    """Judges each epoch, keeps the best weights and ends the fit when they no longer improve."""

    def __init__(self, course: Course, orders: Orders, judge: Judge, display: Display) -> None:
        super().__init__()
        self.course, self.orders, self.judge, self.display = course, orders, judge, display

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        if self.course.stopped == "diverged":
            return
        # Whoever asked to stop does not want to wait for a judgement, unless there are no weights yet.
        if self.course.stopped == "signal" and self.course.best_epoch is not None:
            return
        values, told = self.judge(), logs if isinstance(logs, dict) else {}
        entry = {
            "epoch": epoch + 1,
            "loss": float(told["loss"]),
            **{f"validation_{name}": value for name, value in values.items()},
            # On several replicas it is a variable of each, of which no float can be made at once.
            "learning_rate": float(tf.convert_to_tensor(self.model.optimizer.learning_rate)),
            "seconds": self.course.seconds,
        }
        self.course.history.append(entry)
        with open(self.orders.history, "a", encoding="utf-8") as file:
            file.write(json.dumps(entry, allow_nan=False) + "\n")
        # Callbacks after this one, such as that of the trackers, know what was measured by these names.
        told.update({f"val_{name}": value for name, value in values.items() if value is not None})
        self.display.say(_line(entry, self.orders))
        self._keep(epoch + 1, values.get(self.orders.metric))

    def _keep(self, epoch: int, value: float | None) -> None:
        course = self.course
        if _better(value, course.best_value, self.orders.metric):
            course.best_epoch, course.best_value = epoch, value
            save_weights(self.model, self.orders.weights)
        elif self.orders.patience and epoch - (course.best_epoch or 0) >= self.orders.patience:
            course.stopped = course.stopped or "early"
            self.model.stop_training = True
            self.display.say(f"no better epoch since {course.best_epoch}: the training ends early")


def _better(value: float | None, best: float | None, metric: str) -> bool:
    # Without a measure the latest weights are the best that is known.
    if value is None or best is None:
        return best is None
    return value < best if metric in LOWER_IS_BETTER else value > best


def _diverged(course: Course) -> str:
    return (
        f"the loss is no longer a finite number in step {course.steps + 1}, and the weights are lost; "
        "lower train.learning_rate, raise train.warmup_share, or set train.precision=float32"
    )


def _line(entry: Mapping[str, Any], orders: Orders) -> str:
    line = f"epoch {entry['epoch']}/{orders.epochs}  loss {entry['loss']:.4f}"
    measured = entry.get(f"validation_{orders.metric}")
    return line if measured is None else f"{line}  validation {orders.metric} {measured:.4f}"


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """Notes the first interrupt or termination, so that the step under way is finished; a second one ends at once."""
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    # Only the main thread may set handlers; elsewhere (a notebook's worker, a server) the caller's stay.
    try:
        before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:
        before = {}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            # A handler that was not set from Python is None, and cannot be set again.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
