"""The fit: ``model.fit`` from wherever the training is, a judge after each epoch, and an end that loses nothing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import tensorflow as tf
import tf_keras as keras

from tfclassify.display import Display
from tfclassify.errors import UsageError
from tfclassify.hardware import peak_memory_bytes, reset_peak_memory
from tfclassify.learning.averages import has_averages
from tfclassify.learning.checkpoint_folders import Checkpoint, newest_checkpoint
from tfclassify.learning.checkpoints import Saver, forget_later, put_values
from tfclassify.learning.course import ON_REQUEST, Course, Orders, course_of, steps_made, total_steps
from tfclassify.learning.optimizers import follow
from tfclassify.learning.stopping import asked_to_stop
from tfclassify.learning.watchers import Judge, Keeper, Pace, Session, end_epoch, note_time, save, say_failures
from tfclassify.model.classifier import BertClassifier, load_weights, save_weights
from tfclassify.runs import write_text

# The batches from a step of an epoch on, both counted from 0.
Batches = Callable[[int, int], tf.data.Dataset]

SLOWER = 0.5
ROWS_NAMED = 20


def fit(
    model: BertClassifier,
    batches: Batches,
    *,
    orders: Orders,
    judge: Judge,
    display: Display,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Course:
    """Fits the model from the newest checkpoint on, or from the start, and leaves it with the best weights.

    Args:
        model: compiled with the training step.
        batches: those from a step on, one after the other.
        orders: how to fit.
        judge: measures the validation rows with the model as it stands; called after each epoch.
        display: gets the progress.
        callbacks: Keras's, called after those of the fit itself; an epoch that was judged ends without ``skipped``.

    Raises:
        UsageError: loss or gradient is no finite number again and again, or the checkpoints are of another network.
        tf.errors.ResourceExhaustedError: a step takes more memory than there is.
    """
    reset_peak_memory()
    with asked_to_stop() as asked, _saver(orders) as saver:
        session = Session(model, orders, judge, display, asked, saver)
        _go_on(session)
        ended = session.course.done
        while not session.course.done and session.course.stopped is None:
            _stretch(session, batches, callbacks)
        if not ended and (orders.checkpoint_steps or session.course.stopped in ON_REQUEST):
            save(session)
    course = session.course
    note_time(session)
    course.peak_memory_bytes = max(course.peak_memory_bytes, peak_memory_bytes())
    _count_checkpoints(session)
    _leave_best(session)
    return course


@contextmanager
def _saver(orders: Orders) -> Iterator[Saver | None]:
    if orders.checkpoints is None:
        yield None
        return
    saver = Saver(orders.checkpoints)
    try:
        yield saver
    finally:
        saver.close()


def _stretch(session: Session, batches: Batches, callbacks: Sequence[keras.callbacks.Callback]) -> None:
    """Fits to the end of an epoch that is gone on with in its middle, or else to the last one."""
    course, orders = session.course, session.orders
    if course.step == orders.steps_per_epoch:
        # Stopped right before it was judged.
        told = {"loss": float(session.model.mean_loss.result())}
        end_epoch(session, told)
        for each in callbacks:
            each.set_model(session.model)
            each.on_epoch_end(course.epoch - 1, told)
        return
    session.model.fit(
        batches(course.epoch, course.step),
        initial_epoch=course.epoch,
        epochs=course.epoch + 1 if course.step else orders.epochs,
        steps_per_epoch=orders.steps_per_epoch - course.step,
        callbacks=[Pace(session), Keeper(session), *callbacks],
        verbose=0,
    )
    if session.goes_back:
        _go_back(session)


def _go_on(session: Session) -> None:
    """Takes everything from the newest valid checkpoint, if there is one."""
    if session.saver is None:
        return
    found = _restore(session)
    session.seconds_before = session.course.elapsed_seconds
    made = steps_made(session.course, session.orders)
    if found is None:
        # Something to go back to in the first steps.
        if session.orders.checkpoint_steps:
            save(session)
    elif not session.course.done:
        at = f"step {made} of {total_steps(session.course, session.orders)}"
        session.display.say(f"going on at {at}, in epoch {session.course.epoch + 1}")


def _restore(session: Session) -> Checkpoint | None:
    orders, saver = session.orders, session.saver
    if saver is None:
        return None
    found, broken = newest_checkpoint(saver.folder)
    for name, why in broken.items():
        session.display.say(f"the checkpoint {name} is damaged and left out: {why}")
    forget_later(saver.folder, found)
    if found is None:
        return None
    session.course = _course(found, orders)
    follow(session.model.optimizer, session.course.pieces)
    put_values(session.model, found.values)
    session.saved_at = steps_made(session.course, orders)
    session.mean_loss = [variable.numpy() for variable in session.model.mean_loss.variables]
    write_text(orders.history, "".join(json.dumps(entry) + "\n" for entry in session.course.history))
    if found.best is not None:
        _bring_back(found, orders)
    return found


def _course(found: Checkpoint, orders: Orders) -> Course:
    try:
        return course_of(found.state, orders)
    except (ValueError, LookupError, TypeError) as error:
        raise UsageError(f"{found.folder} cannot be gone on from: {error}; train anew in another run=DIR") from error


def _bring_back(found: Checkpoint, orders: Orders) -> None:
    """Puts the best weights of a checkpoint in their place: those that lie there may be of a later epoch."""
    aside = orders.weights.with_name(f".{orders.weights.name}.{os.getpid()}")
    shutil.copyfile(str(found.best), aside)
    aside.replace(orders.weights)


def _go_back(session: Session) -> None:
    """Goes back to the newest checkpoint with half the learning rate, unless that was done often enough.

    Raises:
        UsageError: it was, or there is none.
    """
    before = session.course
    if session.saver is not None:
        session.saver.wait()
    if session.saver is None or before.returns == session.orders.returns or _restore(session) is None:
        raise UsageError(_diverged(before, session.orders, session.skipped_in_row))
    session.course.returns, session.course.skipped = before.returns + 1, before.skipped
    optimizer: Any = getattr(session.model.optimizer, "inner_optimizer", session.model.optimizer)
    optimizer.rate_factor.assign(optimizer.rate_factor * SLOWER)
    optimizer.skipped_in_row.assign(0)
    session.skipped_in_row = 0
    # So that whoever goes on from here knows of it.
    save(session)
    made, factor = steps_made(session.course, session.orders), float(tf.convert_to_tensor(optimizer.rate_factor))
    session.display.say(f"going back to step {made}, on with {factor:g} times the planned learning rate")


def _count_checkpoints(session: Session) -> None:
    if session.saver is None:
        return
    say_failures(session)
    session.course.saved += session.saver.saved
    session.course.lost += session.saver.lost
    session.course.saving_seconds += session.saver.blocked_seconds


def _leave_best(session: Session) -> None:
    course, orders = session.course, session.orders
    if course.best_epoch is None:
        # Stopped in the first epoch: what there is, so that the run answers.
        save_weights(session.model, orders.weights)
    elif course.best_epoch != len(course.history) or course.stopped in ON_REQUEST or has_averages(session.model):
        # Whoever stops in the middle of an epoch has gone past the best weights, though no epoch came after them.
        load_weights(session.model, orders.weights)


def _diverged(course: Course, orders: Orders, in_row: int) -> str:
    return (
        f"loss or gradient is no finite number in step {steps_made(course, orders)}{_rows(course, orders)}, as in the "
        f"{in_row - 1} before it, after going back {course.returns} times to half the learning rate; "
        "lower train.learning_rate, raise train.warmup_share, or set train.precision=float32"
    )


def _rows(course: Course, orders: Orders) -> str:
    if orders.rows_at is None:
        return ""
    rows = [int(row) for row in orders.rows_at(course.epoch, course.step - 1)]
    more = f" and {len(rows) - ROWS_NAMED} more" if len(rows) > ROWS_NAMED else ""
    return f" (training rows {', '.join(map(str, rows[:ROWS_NAMED]))}{more})"
