"""Fits with a time limit: they end when it is over, at a rate of 0, and go on as they were planned."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from small_networks import network, small_files

from tfclassify.display import Display
from tfclassify.learning import checkpoints, watchers
from tfclassify.learning.checkpoint_folders import Values
from tfclassify.learning.checkpoints import put_values, take_values
from tfclassify.learning.course import Course, Orders
from tfclassify.learning.fitting import fit
from tfclassify.learning.optimizers import AdamW, WarmupLinearDecay, follow
from tfclassify.learning.step import training_step
from tfclassify.model.classifier import BertClassifier

LIMIT_SECONDS, PER_EPOCH, PLANNED, MOST = 60.0, 10, 40, 100
PEAK, WARMUP = 0.01, 4
Seconds = Callable[[int], float]


class StoppedError(RuntimeError):
    """Stands for the end of a process."""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[BertClassifier, Values]:
    """A network that learns to say nothing, and what it began with."""
    model = network(small_files(tmp_path_factory.mktemp("model")))
    optimizer = AdamW(WarmupLinearDecay(PEAK, warmup_steps=WARMUP, total_steps=PLANNED))

    def loss(outputs: Mapping[str, tf.Tensor], batch: Mapping[str, tf.Tensor], model: keras.Model) -> tf.Tensor:
        return tf.reduce_sum(outputs["logits"] ** 2, axis=1)

    model.compile(optimizer=optimizer, step=training_step([(1.0, loss)]))
    optimizer.build(model.trainable_variables)
    return model, take_values(model)


@pytest.fixture
def model(compiled: tuple[BertClassifier, Values]) -> BertClassifier:
    """The network as it began."""
    return begun(compiled)


def begun(compiled: tuple[BertClassifier, Values]) -> BertClassifier:
    model, values = compiled
    put_values(model, values)
    follow(model.optimizer, [])
    return model


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that only the steps move."""
    now = SimpleNamespace(seconds=0.0)
    told = SimpleNamespace(monotonic=lambda: now.seconds, perf_counter=lambda: now.seconds, time=time.time)
    for module in (watchers, checkpoints):
        monkeypatch.setattr(module, "time", told)
    return now


def batches(epoch: int, step: int) -> tf.data.Dataset:
    ids = np.full((2, 3), 5, np.int32)
    batch = {
        "input_ids": ids,
        "attention_mask": np.ones_like(ids),
        "token_type_ids": np.zeros_like(ids),
        "labels": np.zeros(2, np.int32),
        "weights": np.ones(2, np.float32),
    }
    return tf.data.Dataset.from_tensors(batch).repeat()


def timed(
    model: BertClassifier, folder: Path, clock: SimpleNamespace, seconds: Seconds, *, dies_at: int = 0, **told: Any
) -> tuple[Course, list[float], list[str]]:
    """Fits with steps that take so many seconds, by their number; returns the rates and what was said."""
    rates: list[float] = []
    said: list[str] = []

    class Slow(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
            clock.seconds += seconds(int(self.model.optimizer.iterations.numpy()))

        def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
            rates.append(float(self.model.optimizer.learning_rate.numpy()))
            if len(rates) == dies_at:
                raise StoppedError

    orders = Orders(
        epochs=MOST // PER_EPOCH,
        steps_per_epoch=PER_EPOCH,
        total_steps=PLANNED,
        most_steps=MOST,
        rows_per_epoch=20,
        metric="accuracy",
        patience=0,
        weights=folder / "best.safetensors",
        history=folder / "metrics.jsonl",
        checkpoints=folder / "checkpoints",
        checkpoint_steps=7,
        time_limit_minutes=LIMIT_SECONDS / 60,
        step_seconds=1.5,
        judging_seconds=0.0,
        **told,
    )
    display = Display(say=said.append)

    def judge() -> dict[str, float]:
        return {"accuracy": 0.5}

    course = fit(model, batches, orders=orders, judge=judge, display=display, callbacks=[Slow()])
    return course, rates, said


@pytest.mark.parametrize(
    ("seconds", "steps"),
    [
        pytest.param(lambda step: 1.5, 40, id="as predicted"),
        pytest.param(lambda step: 1.0, 60, id="faster"),
        pytest.param(lambda step: 3.0, 20, id="slower"),
        pytest.param(lambda step: 0.5, 100, id="so fast that all is done before"),
        pytest.param(lambda step: 1.0 if step < 20 else 2.0, 40, id="slower later on"),
    ],
)
def test_the_time_limit_is_kept(
    model: BertClassifier, tmp_path: Path, clock: SimpleNamespace, seconds: Seconds, steps: int
) -> None:
    course, rates, _ = timed(model, tmp_path, clock, seconds)
    assert course.done
    assert course.stopped is None
    assert len(rates) == course.history[-1]["epoch"] * PER_EPOCH - (-len(rates)) % PER_EPOCH
    assert len(rates) == pytest.approx(steps, abs=3)
    if steps < MOST:
        assert clock.seconds == pytest.approx(LIMIT_SECONDS, rel=0.1)
    # It ends at the last rate above 0, and has only fallen since the warm-up.
    assert 0 < rates[-1] < PEAK / 4
    assert all(before >= after for before, after in pairwise(rates[4:]))


def test_a_training_of_the_predicted_speed_is_never_planned_again(
    model: BertClassifier, tmp_path: Path, clock: SimpleNamespace
) -> None:
    course, rates, said = timed(model, tmp_path, clock, lambda step: 1.5)
    assert course.pieces == []
    schedule = WarmupLinearDecay(PEAK, warmup_steps=WARMUP, total_steps=PLANNED)
    expected = [float(schedule(tf.constant(step, tf.int64))) for step in range(PLANNED)]
    np.testing.assert_allclose(rates, expected, rtol=1e-6)
    assert not any("tenths" in line for line in said)


def test_who_goes_on_follows_what_was_planned(
    compiled: tuple[BertClassifier, Values], tmp_path: Path, clock: SimpleNamespace
) -> None:
    whole, rates, said = timed(begun(compiled), tmp_path / "whole", clock, lambda step: 2.0)
    assert len(whole.pieces) == 1
    assert whole.pieces[0][0] < 8
    assert any(line.startswith("1 tenths of train.time_limit_minutes=1 are over: ") for line in said)
    clock.seconds = 0.0
    with pytest.raises(StoppedError):
        timed(begun(compiled), tmp_path / "broken", clock, lambda step: 2.0, dies_at=17)
    # The clock of another process; what passed is in the checkpoint.
    clock.seconds = 1e6
    course, later, _ = timed(begun(compiled), tmp_path / "broken", clock, lambda step: 2.0)
    assert course.pieces == whole.pieces
    assert 0 < len(later) < len(rates)
    assert later == rates[-len(later) :]
