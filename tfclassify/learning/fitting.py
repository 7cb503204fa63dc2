"""The fit: ``model.fit`` with a judge after each epoch, the best weights kept, and a clean end on request."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import psutil
import tensorflow as tf
import tf_keras as keras

from tfclassify.display import Display
from tfclassify.model.classifier import BertClassifier, load_weights, save_weights

Judge = Callable[[], Mapping[str, float]]
LOWER_IS_BETTER = ("log_loss",)


@dataclass
class Course:
    """What a fit has gone through so far.

    ``seconds`` are those of training steps alone; the first step, which also traces, counts in
    ``first_step_seconds`` (since the process started) only.
    """

    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int | None = None
    best_value: float | None = None
    steps: int = 0
    rows: int = 0
    tokens: int = 0
    seconds: float = 0.0
    first_step_seconds: float | None = None
    peak_memory_bytes: int = 0
    stopped: str | None = None


@dataclass(frozen=True)
class Orders:
    """How to fit: sizes, the metric that chooses the best epoch, and where things are kept."""

    epochs: int
    steps_per_epoch: int
    rows_per_step: float
    tokens_per_step: float
    metric: str
    patience: int
    weights: Path
    history: Path
    tensorboard: Path | None


def fit(model: BertClassifier, batches: tf.data.Dataset, *, orders: Orders, judge: Judge, display: Display) -> Course:
    """Fits the model and leaves it with the best weights.

    Args:
        model: compiled with the training step.
        batches: those of all epochs, one after the other.
        orders: how to fit.
        judge: measures the validation rows with the model as it stands; called after each epoch.
        display: gets the progress.

    Returns:
        The course of the training; ``stopped`` is ``"signal"`` when it was asked to end early.
    """
    course = Course()
    with _asked_to_stop() as asked:
        callbacks = [
            _Pace(course, orders, display, asked),
            _Keeper(course, orders, judge, display),
            *([keras.callbacks.TensorBoard(str(orders.tensorboard))] if orders.tensorboard else []),
        ]
        model.fit(
            batches,
            epochs=orders.epochs,
            steps_per_epoch=orders.steps_per_epoch,
            callbacks=callbacks,
            verbose=0,
        )
    if course.best_epoch is not None and course.best_epoch != len(course.history):
        load_weights(model, orders.weights)
    return course


class _Pace(keras.callbacks.Callback):
    """Counts steps, time and memory, moves the progress bar, and ends the fit when asked to."""

    def __init__(self, course: Course, orders: Orders, display: Display, asked: list[int]) -> None:
        super().__init__()
        self.course, self.orders, self.display, self.asked = course, orders, display, asked
        self.process = psutil.Process()
        self.started = 0.0

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.display.start(f"epoch {epoch + 1}/{self.orders.epochs}", self.orders.steps_per_epoch)

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.started = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        course = self.course
        if course.first_step_seconds is None:
            course.first_step_seconds = time.time() - self.process.create_time()
        else:
            course.seconds += time.perf_counter() - self.started
            course.steps += 1
        course.peak_memory_bytes = max(course.peak_memory_bytes, self.process.memory_info().rss)
        self.display.advance(1, self._note(logs or {}))
        if self.asked:
            course.stopped = "signal"
            self.model.stop_training = True

    def _note(self, logs: Mapping[str, Any]) -> str:
        speed = self.orders.rows_per_step * self.course.steps / self.course.seconds if self.course.seconds else 0
        return f"loss {float(logs.get('loss', float('nan'))):.4f}  {speed:.0f} examples/s"


class _Keeper(keras.callbacks.Callback):
    """Judges each epoch, keeps the best weights and stops when they no longer improve."""

    def __init__(self, course: Course, orders: Orders, judge: Judge, display: Display) -> None:
        super().__init__()
        self.course, self.orders, self.judge, self.display = course, orders, judge, display

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        values = self.judge()
        entry = {"epoch": epoch + 1, "loss": float((logs or {})["loss"])}
        entry |= {f"validation_{name}": value for name, value in values.items()}
        entry |= {"learning_rate": float(self.model.optimizer.learning_rate), "seconds": self.course.seconds}
        self.course.history.append(entry)
        with open(self.orders.history, "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        self.display.say(_line(entry, self.orders))
        self._keep(epoch, values[self.orders.metric])

    def _keep(self, epoch: int, value: float) -> None:
        course = self.course
        if course.best_value is None or _better(value, course.best_value, self.orders.metric):
            course.best_epoch, course.best_value = epoch + 1, value
            save_weights(self.model, self.orders.weights)
        elif self.orders.patience and epoch + 1 - (course.best_epoch or 0) >= self.orders.patience:
            course.stopped = course.stopped or "early"
            self.model.stop_training = True


def _better(value: float, best: float, metric: str) -> bool:
    return value < best if metric in LOWER_IS_BETTER else value > best


def _line(entry: Mapping[str, float], orders: Orders) -> str:
    measured = entry[f"validation_{orders.metric}"]
    return (
        f"epoch {entry['epoch']}/{orders.epochs}  loss {entry['loss']:.4f}  validation {orders.metric} {measured:.4f}"
    )


@contextmanager
def _asked_to_stop() -> Iterator[list[int]]:
    """Notes the first interrupt or termination signal, so that the step under way is finished; a second one ends."""
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
            signal.signal(number, handler)
