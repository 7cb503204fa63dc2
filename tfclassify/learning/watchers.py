"""Who watches a fit from step to step: the pace, the guard against numbers that are none, the judge, the keeper."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray

from tfclassify.display import Display
from tfclassify.hardware import seconds_since_start
from tfclassify.learning.averages import averages_in_place
from tfclassify.learning.checkpoints import Saver
from tfclassify.learning.course import ON_REQUEST, Course, Orders, course_state, epochs_planned, steps_made, total_steps
from tfclassify.learning.optimizers import follow
from tfclassify.learning.pacing import is_to_be_replanned, replan, steps_that_fit
from tfclassify.learning.stopping import Asked, Why
from tfclassify.learning.workers import agreed, agreed_number, has_joined
from tfclassify.model.classifier import COUNTED, BertClassifier, save_weights

Judge = Callable[[], Mapping[str, float | None]]
LOWER_IS_BETTER = ("log_loss",)


@dataclass
class Session:
    """One process's part of a training.

    ``timed`` says whether a step has been traced already; ``skipped_in_row`` how many of the latest steps changed
    nothing; ``saved_at`` the step of the latest checkpoint; ``mean_loss`` the running mean of an epoch that is gone on
    with in its middle, as its variables hold it. The clock ``began`` when so many ``seconds_before`` had passed.
    """

    model: BertClassifier
    orders: Orders
    judge: Judge
    display: Display
    asked: Asked
    saver: Saver | None
    course: Course = field(default_factory=Course)
    timed: bool = False
    skipped_in_row: int = 0
    saved_at: int = 0
    mean_loss: Sequence[NDArray] = ()
    seconds_before: float = 0.0
    began: float = field(default_factory=lambda: time.monotonic())

    @property
    def goes_back(self) -> bool:
        """Whether too many steps in a row have come to nothing."""
        return self.skipped_in_row >= self.orders.skips


def note_time(session: Session) -> None:
    """Writes down how much time has passed, by a clock that nobody sets."""
    session.course.elapsed_seconds = session.seconds_before + time.monotonic() - session.began


def keep_time(session: Session) -> bool:
    """Plans the number of steps again where another tenth of the time limit is over, and says so.

    Returns:
        Whether there is another number of steps now. It is saved at once: who goes on from here has to know of it.
    """
    course, orders, strategy = session.course, session.orders, session.model.distribute_strategy
    note_time(session)
    if orders.time_limit_minutes is None or not agreed(strategy, is_to_be_replanned(course, orders)):
        return False
    blocked = 0.0 if session.saver is None else session.saver.blocked_seconds
    steps = agreed_number(strategy, steps_that_fit(course, orders, blocked_seconds=blocked))
    said = replan(course, orders, steps)
    if said is None:
        return False
    follow(session.model.optimizer, course.pieces)
    session.display.say(said)
    if session.saver is not None and orders.checkpoint_steps:
        session.saver.wait()
        say_failures(session)
        save(session)
    return True


def save(session: Session) -> None:
    """Saves a checkpoint of this place, unless there is one already, or the latest step came to nothing."""
    saver, made = session.saver, steps_made(session.course, session.orders)
    if saver is None or session.skipped_in_row:
        return
    best = session.orders.weights if session.course.best_epoch is not None else None
    saver.save(session.model, made, course_state(session.course, session.orders), best=best)
    session.saved_at = made


def say_failures(session: Session) -> None:
    """Says of each checkpoint that could not be written why, once."""
    saver = session.saver
    while saver is not None and saver.failed:
        step, why = saver.failed.popitem()
        saver.lost += 1
        session.display.say(
            f"the checkpoint of step {step} could not be written ({why}); the one before it stays, training goes on"
        )


class Pace(keras.callbacks.Callback):
    """Counts steps and time, moves the progress bar, saves, and ends the fit when it has to end."""

    def __init__(self, session: Session) -> None:
        """Begins at the step that comes next."""
        super().__init__()
        self.session, self.first = session, session.course.step
        self.begun = 0.0

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Opens the bar of the epoch, and gives the running mean of its loss the value that it had."""
        session, orders = self.session, self.session.orders
        session.display.start(f"epoch {epoch + 1}/{epochs_planned(session.course, orders)}", orders.steps_per_epoch)
        if self.first:
            session.display.advance(self.first, "")
            # Keras has set the mean to 0 by now.
            for variable, value in zip(self.model.mean_loss.variables, session.mean_loss, strict=True):
                variable.assign(value)
        self._allow()

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Starts the clock."""
        self.begun = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Counts the step, and looks whether to save, to go back or to end."""
        session, course, told = self.session, self.session.course, logs or {}
        made, before = self.first + batch + 1, course.step
        self._count(made - before)
        course.step = made
        note_time(session)
        session.display.advance(made - before, self._note(told))
        self._look(told, made - before)
        why = why_to_stop(session)
        if why is not None:
            course.stopped = why
            session.display.say(STOPPING[why])
        if course.stopped or session.goes_back or self._made() == total_steps(course, session.orders):
            self.model.stop_training = True
        # What is due in the last step of an epoch is planned and saved when that is judged.
        elif made < session.orders.steps_per_epoch and not keep_time(session) and is_due(session):
            save(session)
        self._allow()

    def _look(self, told: Mapping[str, Any], steps: int) -> None:
        """Counts the steps that changed nothing, of the latest ones."""
        session, skipped, left_out = self.session, int(told["skipped"]), int(told["left_out"])
        # Not every optimizer counts on.
        session.skipped_in_row = max(skipped, session.skipped_in_row + 1) if skipped else 0
        if not left_out:
            return
        session.course.skipped += left_out
        session.display.say(_left_out(left_out, self._made(), steps))
        optimizer: Any = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        if hasattr(optimizer, "left_out"):
            optimizer.left_out.assign(0)

    def _allow(self) -> None:
        """Says how many steps the next call makes: none that belongs to another epoch, or to no epoch at all."""
        course, orders = self.session.course, self.session.orders
        if orders.steps_at_once > 1:
            left = min(orders.steps_per_epoch - course.step, total_steps(course, orders) - self._made())
            self.model.steps_per_execution = max(1, min(orders.steps_at_once, left))

    def _made(self) -> int:
        return steps_made(self.session.course, self.session.orders)

    def _count(self, steps: int) -> None:
        course = self.session.course
        if self.session.timed:
            course.seconds += time.perf_counter() - self.begun
            course.steps += steps
        elif course.first_step_seconds is None:
            course.first_step_seconds = seconds_since_start()
        self.session.timed = True

    def _note(self, logs: Mapping[str, Any]) -> str:
        course, orders = self.session.course, self.session.orders
        rows = course.steps * orders.rows_per_epoch / orders.steps_per_epoch
        speed = f"  {rows / course.seconds:.0f} examples/s" if course.seconds else ""
        return f"loss {float(logs['loss']):.4f}{speed}"


class Keeper(keras.callbacks.Callback):
    """Judges each epoch, keeps the best weights and ends the fit when they no longer improve."""

    def __init__(self, session: Session) -> None:
        """Watches this session."""
        super().__init__()
        self.session = session

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Judges the epoch if all its steps are made."""
        session = self.session
        # Whoever asked to stop does not want to wait for a judgement; it is made when the training goes on.
        if session.course.stopped in ON_REQUEST or session.goes_back:
            return
        end_epoch(session, logs if isinstance(logs, dict) else {})
        # The next epoch has all its steps before it.
        self.model.stop_training = session.course.done or session.course.stopped is not None


def is_due(session: Session) -> bool:
    """Says whether it is time for a checkpoint, and nothing is being written."""
    made = steps_made(session.course, session.orders)
    every = session.orders.checkpoint_steps
    if session.saver is None or not every or made - session.saved_at < every:
        return False
    if has_joined(session.model.distribute_strategy):
        # Values are read together, so that it is nobody's own affair when.
        session.saver.wait()
    ready = session.saver.ready()
    say_failures(session)
    return ready


def why_to_stop(session: Session) -> Why | None:
    """Returns what asks for the end, on this machine or on one that trains together with it."""
    own = session.asked.why()
    if agreed(session.model.distribute_strategy, own is not None):
        return own or "signal"
    return None


def end_epoch(session: Session, told: dict[str, Any]) -> None:
    """Judges the epoch whose steps are made, writes its line, keeps the weights if they are the best so far."""
    course, orders = session.course, session.orders
    last = steps_made(course, orders) == total_steps(course, orders)
    begun = time.monotonic()
    # What is judged and kept are the averages, where there are any; training goes on with the weights.
    with averages_in_place(session.model):
        _judge(session, told)
    course.judging_seconds += time.monotonic() - begun
    course.epoch, course.step = course.epoch + 1, 0
    course.done = last or course.stopped == "early"
    note_time(session)
    # It may have been asked for while it was judged.
    course.stopped = why_to_stop(session) or course.stopped
    if not course.stopped and not (not course.done and keep_time(session)) and is_due(session):
        save(session)


def _judge(session: Session, told: dict[str, Any]) -> None:
    course, orders = session.course, session.orders
    values = session.judge()
    entry = {
        "epoch": course.epoch + 1,
        "loss": float(told["loss"]),
        **{f"validation_{name}": value for name, value in values.items()},
        # On several replicas it is a variable of each, of which no float can be made at once.
        "learning_rate": float(tf.convert_to_tensor(session.model.optimizer.learning_rate)),
        "seconds": course.seconds,
    }
    course.history.append(entry)
    with open(orders.history, "a", encoding="utf-8") as file:
        file.write(json.dumps(entry, allow_nan=False) + "\n")
    # Callbacks after this one, such as that of the trackers, know by this what was measured, and that it was.
    for name in COUNTED:
        told.pop(name, None)
    told.update({f"val_{name}": value for name, value in values.items() if value is not None})
    session.display.say(_line(entry, orders, epochs_planned(course, orders)))
    _keep(session, values.get(orders.metric))


def _keep(session: Session, value: float | None) -> None:
    course, orders = session.course, session.orders
    if _better(value, course.best_value, orders.metric):
        course.best_epoch, course.best_value = course.epoch + 1, value
        if session.saver is not None:
            # A checkpoint that is being written holds the weights that were the best ones until now.
            session.saver.wait()
        save_weights(session.model, orders.weights)
    elif orders.patience and course.epoch + 1 - (course.best_epoch or 0) >= orders.patience:
        course.stopped = "early"
        session.display.say(f"no better epoch since {course.best_epoch}: the training ends early")


def _left_out(number: int, made: int, steps: int) -> str:
    if steps == 1:
        return f"step {made} is left out: its loss or gradient is no finite number"
    return f"{number} of the steps {made - steps + 1} to {made} left out: loss or gradient is no finite number"


def _better(value: float | None, best: float | None, metric: str) -> bool:
    # Without a measure the latest weights are the best that is known.
    if value is None or best is None:
        return best is None
    return value < best if metric in LOWER_IS_BETTER else value > best


def _line(entry: Mapping[str, Any], orders: Orders, epochs: int) -> str:
    line = f"epoch {entry['epoch']}/{epochs}  loss {entry['loss']:.4f}"
    measured = entry.get(f"validation_{orders.metric}")
    return line if measured is None else f"{line}  validation {orders.metric} {measured:.4f}"


STOPPING = {
    "signal": "stopping as asked; what is done is saved, and the training can go on; asked again, it ends at once",
}
