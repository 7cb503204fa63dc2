"""One training: the network built and compiled under its strategy, fitted, and left with its best weights."""

from __future__ import annotations

import gc
import hashlib
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tfclassify.data.batches import epoch_batches, one_batch, steps_per_epoch, training_batches
from tfclassify.data.corpus import Corpus
from tfclassify.data.pieces import Pieces
from tfclassify.data.rows import Rows, some_rows
from tfclassify.data.token_store import let_go
from tfclassify.display import Display
from tfclassify.learning.course import Course, Orders
from tfclassify.learning.features import encoder_of
from tfclassify.learning.feeding import fed
from tfclassify.learning.fitting import fit
from tfclassify.learning.learnt_rows import learnt_rows
from tfclassify.learning.memory import in_more_parts, largest_bucket, note_plan, try_step
from tfclassify.learning.networks import compiled, folding_of
from tfclassify.learning.prediction import forward, logits_of, quickest
from tfclassify.learning.preflight import Finding, before_training, refuse
from tfclassify.learning.score_calibration import BY_VALIDATION
from tfclassify.learning.settling import Settled, settle
from tfclassify.learning.step import Folding
from tfclassify.learning.strategies import POLICIES, STRATEGIES, set_precision
from tfclassify.learning.trained import Trained, limits_of, predict_split
from tfclassify.learning.workers import agreed_number
from tfclassify.model.classifier import BertClassifier, answering
from tfclassify.model.weights import Found, encoder_size
from tfclassify.planning.facts import Decision
from tfclassify.planning.planner import Plan
from tfclassify.quality.metrics import watch
from tfclassify.quality.thresholds import HALF, tuned
from tfclassify.runs import Run
from tfclassify.settings import Settings, binding, changed


@dataclass(frozen=True)
class Learned:
    """A trained classifier, the network behind it, what the training went through, and the plan as it was in the end.

    The plan is another than before where a batch had to be computed in more parts, and in the reasons of what was
    settled on validation rows; ``settled`` are the numbers behind these, by settings key.
    """

    trained: Trained
    model: BertClassifier
    course: Course
    plan: Plan
    settled: Mapping[str, Any] = field(default_factory=dict)


def learn(
    plan: Plan,
    corpus: Corpus,
    found: Found,
    pieces: Pieces,
    *,
    run: Run,
    display: Display,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Learned:
    """Trains what the plan says on the training rows, and calibrates it on the validation rows.

    Args:
        plan: complete settings.
        corpus: the data.
        found: the model's files.
        pieces: the tokenizer.
        run: where the best weights and the history go.
        display: gets the progress.
        callbacks: watch the fit, such as those that trackers are fed by.

    Raises:
        UsageError: an objective is unknown, or a class weight is for no label.
    """
    while True:
        try:
            # A network that has to be built again is the same one then.
            with seeded(plan.settings):
                return _learn(plan, corpus, found, pieces, run=run, display=display, callbacks=callbacks)
        except tf.errors.ResourceExhaustedError as error:
            plan = in_more_parts(plan, error)
        gc.collect()
        note_plan(run, plan, display)


def _learn(
    plan: Plan,
    corpus: Corpus,
    found: Found,
    pieces: Pieces,
    *,
    run: Run,
    display: Display,
    callbacks: Sequence[keras.callbacks.Callback],
) -> Learned:
    settings, train = plan.settings, plan.settings.train
    set_precision(train.precision)
    limits = limits_of(pieces, settings.text)
    features = encoder_of(corpus.splits["train"], settings)
    rows = learnt_rows(corpus, settings, limits, features)
    steps = steps_per_epoch(rows.lengths, train.buckets)
    most_steps = min(steps * train.epochs, train.steps or steps * train.epochs)
    strategy = STRATEGIES[train.strategy]()
    # Each machine has planned by its own speed.
    total_steps = agreed_number(strategy, min(most_steps, train.scheduled_steps or most_steps))
    folding = folding_of(train, strategy.num_replicas_in_sync)
    with strategy.scope():
        model = compiled(found, corpus, settings, features, total_steps=total_steps, folding=folding)
    findings = before_training(
        model,
        settings,
        rows.targets,
        _batches(rows, settings, 1, 0, 0).element_spec,
        replicas=strategy.num_replicas_in_sync,
    )
    refuse(findings, say=display.say)
    fixed = HALF if settings.answer.thresholds == BY_VALIDATION else float(settings.answer.thresholds)
    # What the network learns, and is judged by, is what it says itself; rules come before it when it answers.
    alone = changed(settings, {"answer.rules": ()})
    passes = forward(model), answering(model)
    trained = Trained(
        alone, corpus.labels, pieces, limits, passes[0], threshold=fixed, answering=passes[1], features=features
    )
    for split in corpus.splits.values():
        # What was read to count and to split has been read.
        let_go(split.store)
    parts = strategy.num_replicas_in_sync * train.accumulation_steps
    largest = largest_bucket(train.buckets, encoder_size(found), settings.text)
    try_step(model, _shared(partial(one_batch, rows, largest, multiple=parts), strategy, folding))
    if train.time_limit_minutes is not None:
        # The first judgement would make this graph, which steps that fit into the time know nothing of.
        first = some_rows(rows, np.arange(1))
        logits_of(quickest(*passes), first, train.buckets, classes=len(corpus.labels.names))
    course = fit(
        model,
        partial(fed_batches, rows, settings, strategy, folding),
        orders=_orders(plan, run, rows, steps=steps, total_steps=total_steps, most_steps=most_steps),
        judge=lambda: _watch(trained, corpus),
        display=display,
        callbacks=callbacks,
    )
    settled = settle(trained, corpus, model, display=display)
    plan = replace(plan, decisions={**plan.decisions, **_decided(plan, settled)})
    return Learned(replace(settled.trained, settings=settings), model, course, plan, settled.numbers)


def rehearse(plan: Plan, corpus: Corpus, found: Found, pieces: Pieces) -> list[Finding]:
    """Looks at everything that devices would meet in a training, without making a step of it.

    The step of each bucket is compiled by XLA in static shape, also where the plan, made for a processor, does not.

    Args:
        plan: complete settings.
        corpus: the data.
        found: the model's files.
        pieces: the tokenizer.

    Raises:
        UsageError: an objective is unknown, or a class weight is for no label.
    """
    shapes = "compiled" if plan.settings.train.shapes == "dynamic" else plan.settings.train.shapes
    settings = changed(plan.settings, {"train.shapes": shapes, "train.embedding_updates": "dense"})
    # As an accelerator multiplies: on a processor, bfloat16 is a rewriting of the graph, which XLA does not see.
    keras.mixed_precision.set_global_policy(POLICIES.get(settings.train.precision, "float32"))
    features = encoder_of(corpus.splits["train"], settings)
    rows = learnt_rows(corpus, settings, limits_of(pieces, settings.text), features)
    strategy = STRATEGIES[settings.train.strategy]()
    with strategy.scope():
        model = compiled(found, corpus, settings, features, total_steps=1, folding=None)
    spec, replicas = _batches(rows, settings, 1, 0, 0).element_spec, strategy.num_replicas_in_sync
    try:
        return before_training(model, settings, rows.targets, spec, replicas=replicas, optimise=True)
    finally:
        set_precision(settings.train.precision)


def _decided(plan: Plan, settled: Settled) -> Mapping[str, Decision]:
    """Puts what validation rows settled behind the reason why they were asked."""
    return {
        key: replace(plan.decisions[key], reason=f"{plan.decisions[key].reason}; {each.reason}")
        if key in plan.decisions
        else each
        for key, each in settled.decisions.items()
    }


@contextmanager
def seeded(settings: Settings) -> Iterator[None]:
    """Seeds every source of chance, and leaves Python's and NumPy's to the caller as they were.

    Deterministic operations cannot be taken back; they stay for the whole process.
    """
    python, numpy = random.getstate(), np.random.get_state()
    keras.utils.set_random_seed(settings.seed)
    if settings.deterministic:
        tf.config.experimental.enable_op_determinism()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def fed_batches(
    rows: Rows, settings: Settings, strategy: tf.distribute.Strategy, folding: Folding | None, epoch: int, step: int
) -> Any:
    """Returns the batches from a step of an epoch on, both counted from 0, as the strategy takes them."""
    multiple = strategy.num_replicas_in_sync * settings.train.accumulation_steps
    return _shared(partial(_batches, rows, settings, multiple, epoch, step), strategy, folding)


def _shared(make: Callable[[], tf.data.Dataset], strategy: tf.distribute.Strategy, folding: Folding | None) -> Any:
    return fed(make, strategy, shapes=None if folding is None else folding.shapes)


def _batches(rows: Rows, settings: Settings, multiple: int, epoch: int, step: int) -> tf.data.Dataset:
    train = settings.train
    return training_batches(
        rows,
        train.buckets,
        seed=settings.seed,
        epochs=train.epochs,
        first_epoch=epoch,
        first_step=step,
        multiple=multiple,
    )


def _rows_at(rows: Rows, settings: Settings, epoch: int, step: int) -> Sequence[int]:
    dealt = epoch_batches(rows.lengths, settings.train.buckets, seed=settings.seed, epoch=epoch, shuffle=True)
    return next(dealt.since(step)).rows.tolist()


def _orders(plan: Plan, run: Run, rows: Rows, *, steps: int, total_steps: int, most_steps: int) -> Orders:
    settings, train = plan.settings, plan.settings.train
    # Without a limit nothing is planned again, and what was planned first are all.
    most_steps = total_steps if train.time_limit_minutes is None else most_steps
    return Orders(
        epochs=-(-most_steps // steps),
        steps_per_epoch=steps,
        total_steps=total_steps,
        rows_per_epoch=len(rows),
        metric=train.metric,
        patience=train.early_stopping,
        weights=run.weights,
        history=run.history,
        checkpoints=run.checkpoints,
        checkpoint_steps=train.checkpoint_steps,
        fingerprint=_fingerprint(settings, rows),
        time_limit_minutes=train.time_limit_minutes,
        most_steps=most_steps,
        step_seconds=plan.costs.seconds_per_epoch / steps,
        judging_seconds=plan.judging_seconds,
        skips=train.skips,
        returns=train.returns,
        steps_at_once=train.steps_per_execution,
        rows_at=partial(_rows_at, rows, settings),
    )


def _fingerprint(settings: Settings, rows: Rows) -> str:
    """Returns what has to be the same for a training to go on: settings and rows."""
    digest = hashlib.sha256(json.dumps(binding(settings), sort_keys=True).encode())
    for array in (rows.lengths, rows.targets, rows.weights):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _watch(trained: Trained, corpus: Corpus) -> Mapping[str, float | None]:
    """Measures the validation rows with the network as it stands."""
    if "validation" not in corpus.splits:
        return {}
    predictions = predict_split(trained, corpus.splits["validation"])
    if trained.settings.answer.thresholds == BY_VALIDATION:
        predictions = tuned(predictions)
    return watch(predictions, trained.settings.train.metric)
