"""Averages of the weights: by hand, and in the place of the weights where these are judged and kept."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from safetensors.numpy import load_file
from small_networks import batch_of, network, small_files, values

from tfclassify.display import SILENT
from tfclassify.learning.averages import Average, averages_in_place, has_averages, share
from tfclassify.learning.fitting import Orders, fit
from tfclassify.learning.objectives import choose
from tfclassify.learning.optimizers import AdamW
from tfclassify.learning.step import training_step
from tfclassify.model.classifier import BertClassifier
from tfclassify.model.weights import Found

START = np.random.default_rng(0).normal(0, 1, (6, 3)).astype(np.float32)
KINDS = [Average("swa", start=3, every=2), Average("ema", start=2, every=3, decay=0.9)]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return small_files(tmp_path_factory.mktemp("model"))


def by_hand(average: Average, weights: list[np.ndarray]) -> np.ndarray:
    """The average of the weights after each step, the first of which is that after step 1."""
    counted = weights[average.start - 1 :: average.every]
    if average.kind == "swa":
        return np.mean(counted, axis=0)
    found = counted[0]
    for number, each in enumerate(counted[1:], 2):
        part = max(1 / number, 1 - average.decay**average.every)
        found = found + part * (each - found)
    return found


@pytest.mark.parametrize("steps", [3, 4, 5, 24])
@pytest.mark.parametrize("average", KINDS, ids=lambda average: average.kind)
def test_the_average_is_that_of_the_steps_that_count(average: Average, steps: int) -> None:
    optimizer, variable = AdamW(0.1, average=average), tf.Variable(START, name="kernel")
    optimizer.build([variable])
    step = tf.function(lambda gradient: optimizer.apply_gradients([(gradient, variable)]))
    weights = []
    for number in range(steps):
        step(tf.constant(np.random.default_rng(number).normal(0, 1, (6, 3)), tf.float32))
        weights.append(variable.numpy())
    np.testing.assert_allclose(optimizer.averages[0].numpy(), by_hand(average, weights), atol=1e-6)


def test_an_average_that_is_asked_for_changes_no_weight(small: Found) -> None:
    alone, averaged = (trained(small, average)[0] for average in (None, KINDS[1]))
    for name, value in values(alone).items():
        np.testing.assert_array_equal(value, values(averaged)[name])


def test_the_first_weights_that_count_are_the_average() -> None:
    for average in KINDS:
        assert float(share(average, tf.constant(average.start, tf.int64))) == 1.0


@cache
def trained(found: Found, average: Average | None, *, wrapped: bool = False) -> tuple[Any, AdamW]:
    """Six steps of a network, which several tests look at and leave as it is."""
    model, optimizer = network(found), AdamW(0.01, average=average)
    outer = keras.mixed_precision.LossScaleOptimizer(optimizer) if wrapped else optimizer
    model.compile(optimizer=outer, step=training_step(choose(["cross_entropy"])))
    outer.build(model.trainable_variables)
    step = tf.function(lambda batch: model._step(model, batch)[0])
    for _ in range(6):
        step(batch_of(4, 6))
    return model, optimizer


@pytest.mark.parametrize("wrapped", [False, True])
def test_averages_are_in_the_place_of_the_weights_for_a_while(small: Found, wrapped: bool) -> None:
    model, optimizer = trained(small, KINDS[0], wrapped=wrapped)
    before = values(model)
    with averages_in_place(model):
        for average, value in zip(optimizer.averages, values(model).values(), strict=True):
            np.testing.assert_array_equal(value, average.numpy())
    after = values(model)
    assert all((after[name] == value).all() for name, value in before.items())
    assert has_averages(model)


def test_weights_come_back_when_the_judge_fails(small: Found) -> None:
    model, _ = trained(small, KINDS[0])
    before = values(model)["classifier/bias:0"]
    with pytest.raises(ZeroDivisionError), averages_in_place(model):
        _ = 1 / 0
    np.testing.assert_array_equal(values(model)["classifier/bias:0"], before)


@pytest.mark.parametrize("average", [None, Average("swa", start=100, every=1)])
def test_before_its_start_there_is_no_average(small: Found, average: Average | None) -> None:
    model, _ = trained(small, average)
    before = values(model)
    assert not has_averages(model)
    with averages_in_place(model):
        assert all((values(model)[name] == value).all() for name, value in before.items())


def test_every_variable_of_an_average_is_the_optimizers(small: Found) -> None:
    """A checkpoint of the weights and of these is complete."""
    _, optimizer = trained(small, KINDS[0])
    held = {id(variable) for variable in optimizer.variables}
    assert all(id(average) in held for average in optimizer.averages)


def test_averages_are_judged_and_kept(small: Found, tmp_path: Path) -> None:
    """After each of two epochs the judge sees the average; what is left in the end are the better epoch's."""
    model, average = network(small), Average("swa", start=1, every=1)
    optimizer = AdamW(0.01, average=average)
    model.compile(optimizer=optimizer, step=training_step(choose(["cross_entropy"])))
    optimizer.build(model.trainable_variables)
    judged: list[np.ndarray] = []
    going_on: list[np.ndarray] = []

    def judge() -> dict[str, float | None]:
        judged.append(model.classifier.kernel.numpy())
        return {"accuracy": float(len(judged))}

    class Watcher(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            going_on.append(self.model.classifier.kernel.numpy())

    fitted(model, tmp_path, judge, Watcher())
    for epoch in (0, 1):
        np.testing.assert_allclose(judged[epoch], np.mean(going_on[: 3 * epoch + 3], axis=0), atol=1e-6)
    np.testing.assert_array_equal(model.classifier.kernel.numpy(), judged[1])
    np.testing.assert_array_equal(load_file(tmp_path / "best.safetensors")["classifier.weight"].T, judged[1])
    # Nobody goes on from an average.
    assert np.abs(going_on[3] - judged[0]).max() > np.abs(going_on[3] - going_on[2]).max()


def fitted(model: BertClassifier, folder: Path, judge: Any, watcher: Any) -> None:
    orders = Orders(
        epochs=2,
        steps_per_epoch=3,
        total_steps=6,
        rows_per_epoch=12,
        metric="accuracy",
        patience=0,
        weights=folder / "best.safetensors",
        history=folder / "metrics.jsonl",
    )
    data = tf.data.Dataset.from_tensors(batch_of(4, 6)).repeat()
    usual = model.fit
    model.fit = lambda given, callbacks, **more: usual(given, callbacks=[watcher, *callbacks], **more)
    fit(model, lambda epoch, step: data, orders=orders, judge=judge, display=SILENT)
