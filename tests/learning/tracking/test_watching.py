"""What trackers are fed: of each step what it was like, and not what the epoch was like so far."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from small_networks import batch_of, network, small_files

from tfclassify.display import SILENT, Display
from tfclassify.learning.fitting import Orders, fit
from tfclassify.learning.objectives import choose
from tfclassify.learning.optimizers import AdamW, WarmupLinearDecay
from tfclassify.learning.step import training_step
from tfclassify.learning.tracking.background import Background
from tfclassify.learning.tracking.tracker import Ending, Figures, Say, Tracker
from tfclassify.learning.tracking.watching import Watching
from tfclassify.model.classifier import BertClassifier

Given = list[tuple[str, int, Figures]]


def kept(given: Given) -> Background:
    def begin(say: Say) -> Tracker:
        return Tracker(
            step=lambda steps, figures: given.append(("step", steps, figures)),
            epoch=lambda steps, figures: given.append(("epoch", steps, figures)),
            end=lambda steps, ending: None,
        )

    return Background("kept", begin)


def watched(model: BertClassifier, folder: Path, data: tf.data.Dataset, *, steps: int, epochs: int = 2) -> Given:
    """Fits, and returns what a tracker was given."""
    given: Given = []
    tracker = kept(given)
    orders = Orders(
        epochs=epochs,
        steps_per_epoch=steps,
        total_steps=epochs * steps,
        rows_per_epoch=4 * steps,
        metric="accuracy",
        patience=0,
        weights=folder / "best.safetensors",
        history=folder / "metrics.jsonl",
    )
    measured = iter([{"accuracy": 0.5, "mcc": None}] * epochs)
    watching = Watching([tracker], SILENT)
    fit(model, data, orders=orders, judge=lambda: next(measured), display=SILENT, callbacks=[watching])
    tracker.end(watching.steps, Ending("finished"))
    return given


def steps_of(given: Given) -> list[Figures]:
    return [figures for kind, _, figures in given if kind == "step"]


@pytest.fixture
def counting(tmp_path: Path) -> tuple[BertClassifier, tf.data.Dataset]:
    """A network whose steps have the losses and the rows of the data, and learn nothing."""

    def step(model: BertClassifier, batch: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        model.optimizer.iterations.assign_add(1)
        return batch["loss"], batch["rows"]

    model = network(small_files(tmp_path / "model"))
    model.compile(optimizer=keras.optimizers.SGD(0.25), step=step)
    rows = {"loss": np.float32([1, 2, 6]), "rows": np.float32([2, 2, 1])}
    return model, tf.data.Dataset.from_tensor_slices(rows).repeat()


def test_the_loss_is_that_of_the_step(counting: tuple[BertClassifier, tf.data.Dataset], tmp_path: Path) -> None:
    given = watched(*counting[:1], tmp_path, counting[1], steps=3)
    assert [figures["train/loss"] for figures in steps_of(given)] == pytest.approx([1, 2, 6, 1, 2, 6], abs=1e-5)
    assert [steps for kind, steps, _ in given if kind == "step"] == [1, 2, 3, 4, 5, 6]
    epochs = [(steps, figures) for kind, steps, figures in given if kind == "epoch"]
    loss = pytest.approx((2 * 1 + 2 * 2 + 1 * 6) / 5)
    assert epochs == [
        (3, {"epoch": 1.0, "epoch/loss": loss, "validation/accuracy": 0.5}),
        (6, {"epoch": 2.0, "epoch/loss": loss, "validation/accuracy": 0.5}),
    ]


def test_steps_are_those_of_the_whole_training(
    counting: tuple[BertClassifier, tf.data.Dataset], tmp_path: Path
) -> None:
    """One that goes on in a new process begins where the optimizer is."""
    counting[0].optimizer.iterations.assign(40)
    given = watched(*counting[:1], tmp_path, counting[1], steps=3, epochs=1)
    assert [steps for kind, steps, _ in given] == [41, 42, 43, 43]


def test_the_loss_of_the_first_step_of_one_that_goes_on(
    counting: tuple[BertClassifier, tf.data.Dataset], tmp_path: Path
) -> None:
    """The mean of the epoch then holds what was there before."""
    model, _ = counting
    watching = Watching([], SILENT)
    watching.set_model(model)
    model.metrics[0].update_state(9.0, sample_weight=5.0)
    watching.on_train_batch_begin(7)
    model.metrics[0].update_state(1.5, sample_weight=2.0)
    assert watching._loss() == pytest.approx(1.5)


@pytest.mark.parametrize("clip_norm", [0.01, 1e6, 0.0])
def test_learning_rate_and_gradient_norm(tmp_path: Path, clip_norm: float) -> None:
    model = network(small_files(tmp_path / "model"))
    rate = WarmupLinearDecay(1e-2, warmup_steps=2, total_steps=4)
    optimizer = AdamW(rate, clip_norm=clip_norm)
    model.compile(optimizer=optimizer, step=training_step(choose(["cross_entropy"])))
    optimizer.build(model.trainable_variables)
    batch = batch_of(4, 6)
    with tf.GradientTape() as tape:
        inputs = {name: batch[name] for name in ("input_ids", "attention_mask", "token_type_ids")}
        logits = model(inputs, training=True).logits
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(batch["labels"], logits)
        loss = tf.reduce_mean(losses)
    gradients = [tf.convert_to_tensor(each) for each in tape.gradient(loss, model.trainable_variables)]
    given = steps_of(watched(model, tmp_path, tf.data.Dataset.from_tensors(batch).repeat(), steps=4, epochs=1))
    assert [figures["train/learning_rate"] for figures in given] == pytest.approx([5e-3, 1e-2, 1e-2, 5e-3])
    assert given[0]["train/loss"] == pytest.approx(float(loss), rel=1e-5)
    if not clip_norm:
        # Where nothing is clipped the norm is not computed.
        assert all("train/gradient_norm" not in figures for figures in given)
        return
    # Before it is clipped.
    assert given[0]["train/gradient_norm"] == pytest.approx(float(tf.linalg.global_norm(gradients)), rel=1e-4)
    assert given[3]["train/gradient_norm"] != given[0]["train/gradient_norm"]


def test_the_optimizer_inside_of_one_that_scales_the_loss(tmp_path: Path) -> None:
    model = network(small_files(tmp_path / "model"))
    inner = AdamW(1e-3, clip_norm=1.0)
    optimizer = keras.mixed_precision.LossScaleOptimizer(inner, dynamic=False, initial_scale=8.0)
    model.compile(optimizer=optimizer, step=training_step(choose(["cross_entropy"])))
    optimizer.build(model.trainable_variables)
    given = steps_of(watched(model, tmp_path, tf.data.Dataset.from_tensors(batch_of(4, 6)).repeat(), steps=1))
    assert 0 < given[0]["train/gradient_norm"] < 100


def test_what_trackers_say_is_shown_by_the_thread_that_trains(
    counting: tuple[BertClassifier, tf.data.Dataset], tmp_path: Path
) -> None:
    said: list[Any] = []

    def begin(say: Say) -> Tracker:
        raise RuntimeError("no such host")

    watching = Watching([Background("x", begin)], Display(say=said.append))
    watching.trackers[0].end(0, Ending("failed"))
    watching.tell()
    watching.tell()
    assert said == ["track=x could not begin, and gets nothing of this run: RuntimeError: no such host"]
