"""What trackers are fed: of each step what it was like, and not what the epoch was like so far."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from small_networks import batch_of, network, small_files

from tfclassify.display import SILENT, Display
from tfclassify.learning.course import Course, Orders
from tfclassify.learning.fitting import fit
from tfclassify.learning.objectives import choose
from tfclassify.learning.optimizers import AdamW, WarmupLinearDecay
from tfclassify.learning.step import training_step
from tfclassify.learning.strategies import set_precision
from tfclassify.learning.tracking.background import Background
from tfclassify.learning.tracking.tracker import Ending, Figures, Say, Tracker
from tfclassify.learning.tracking.watching import Watching
from tfclassify.model.classifier import BertClassifier

Given = list[tuple[str, int, Figures]]
Counting = tuple[BertClassifier, tf.data.Dataset]
# The mean loss of the rows of an epoch of the network that only counts.
MEAN = pytest.approx((2 * 1 + 2 * 2 + 1 * 6) / 5)


def kept(given: Given) -> Background:
    def begin(say: Say) -> Tracker:
        return Tracker(
            step=lambda steps, figures: given.append(("step", steps, figures)),
            epoch=lambda steps, figures: given.append(("epoch", steps, figures)),
            end=lambda steps, ending: None,
        )

    return Background("kept", begin)


def orders(folder: Path, *, steps: int, epochs: int, **more: Any) -> Orders:
    return Orders(
        epochs=epochs,
        steps_per_epoch=steps,
        total_steps=epochs * steps,
        rows_per_epoch=4 * steps,
        metric="accuracy",
        patience=0,
        weights=folder / "best.safetensors",
        history=folder / "metrics.jsonl",
        **more,
    )


def watched(
    model: BertClassifier, data: tf.data.Dataset, told: Orders, *, display: Display = SILENT
) -> tuple[Given, Course]:
    """Fits, and returns what a tracker was given, and how it went."""
    given: Given = []
    tracker = kept(given)
    watching = Watching([tracker], SILENT)
    course = fit(
        model,
        lambda epoch, step: data.skip(step),
        orders=told,
        judge=lambda: {"accuracy": 0.5, "mcc": None},
        display=display,
        callbacks=[watching],
    )
    tracker.end(watching.steps, Ending("finished"))
    return given, course


def steps_of(given: Given) -> list[Figures]:
    return [figures for kind, _, figures in given if kind == "step"]


@pytest.fixture
def counting(tmp_path: Path) -> Counting:
    """A network whose steps have the losses and the rows of the data, and learn nothing."""

    def step(model: BertClassifier, batch: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        model.optimizer.iterations.assign_add(1)
        return batch["loss"], batch["rows"]

    model = network(small_files(tmp_path / "model"))
    model.compile(optimizer=keras.optimizers.SGD(0.25), step=step)
    rows = {"loss": np.float32([1, 2, 6]), "rows": np.float32([2, 2, 1])}
    return model, tf.data.Dataset.from_tensor_slices(rows).repeat()


def test_the_loss_is_that_of_the_step(counting: Counting, tmp_path: Path) -> None:
    given, _ = watched(*counting, orders(tmp_path, steps=3, epochs=2))
    assert [figures["train/loss"] for figures in steps_of(given)] == pytest.approx([1, 2, 6, 1, 2, 6], abs=1e-5)
    assert [steps for kind, steps, _ in given if kind == "step"] == [1, 2, 3, 4, 5, 6]
    epochs = [(steps, figures) for kind, steps, figures in given if kind == "epoch"]
    assert epochs == [
        (3, {"epoch": 1.0, "epoch/loss": MEAN, "validation/accuracy": 0.5}),
        (6, {"epoch": 2.0, "epoch/loss": MEAN, "validation/accuracy": 0.5}),
    ]


def test_steps_are_those_of_the_whole_training(counting: Counting, tmp_path: Path) -> None:
    """One that goes on in a new process begins where the optimizer is."""
    counting[0].optimizer.iterations.assign(40)
    given, _ = watched(*counting, orders(tmp_path, steps=3, epochs=1))
    assert [steps for kind, steps, _ in given] == [41, 42, 43, 43]


@pytest.mark.parametrize("stop", [1, 2, 3, 4])
def test_one_that_stops_and_goes_on(counting: Counting, tmp_path: Path, stop: int) -> None:
    """Each step and each epoch is told once: an epoch that was not judged in the first process by the second."""
    told = orders(tmp_path, steps=3, epochs=2, checkpoints=tmp_path / "checkpoints")
    made: list[int] = []

    def advance(units: int, note: str) -> None:
        made.append(units)
        if len(made) == stop:
            signal.raise_signal(signal.SIGINT)

    first, course = watched(*counting, told, display=Display(advance=advance))
    assert course.stopped == "signal"
    # Another process, which has none of it in memory.
    counting[0].optimizer.iterations.assign(0)
    second, course = watched(*counting, told)
    assert course.done
    both = [*first, *second]
    assert len(steps_of(first)) in (stop, stop + 1)
    assert [steps for kind, steps, _ in both if kind == "step"] == [1, 2, 3, 4, 5, 6]
    assert [figures["train/loss"] for figures in steps_of(both)] == pytest.approx([1, 2, 6, 1, 2, 6], abs=1e-5)
    epochs = [(steps, figures) for kind, steps, figures in both if kind == "epoch"]
    assert epochs == [
        (3, {"epoch": 1.0, "epoch/loss": MEAN, "validation/accuracy": 0.5}),
        (6, {"epoch": 2.0, "epoch/loss": MEAN, "validation/accuracy": 0.5}),
    ]


def test_a_step_that_came_to_nothing(counting: Counting, tmp_path: Path) -> None:
    model, _ = counting
    rows = {"loss": np.float32([1, np.nan, 6]), "rows": np.float32([2, 2, 1])}
    given, _ = watched(
        model, tf.data.Dataset.from_tensor_slices(rows).repeat(), orders(tmp_path, steps=3, epochs=1, skips=3)
    )
    assert [figures["train/loss"] for figures in steps_of(given)] == pytest.approx([1, np.nan, 6], nan_ok=True)


def test_the_loss_of_the_first_step_of_one_that_goes_on(counting: Counting) -> None:
    """The mean of the epoch then holds what was there before."""
    model, _ = counting
    watching = Watching([], SILENT)
    watching.set_model(model)
    model.mean_loss.update_state(9.0, sample_weight=5.0)
    watching.on_train_batch_begin(7)
    model.mean_loss.update_state(1.5, sample_weight=2.0)
    assert watching._loss() == pytest.approx(1.5)


@pytest.mark.parametrize("clip_norm", [0.01, 0.0])
def test_learning_rate_and_gradient_norm(tmp_path: Path, clip_norm: float) -> None:
    # Trainings before this one may have left the products in another format.
    set_precision("float32")
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
    data = tf.data.Dataset.from_tensors(batch).repeat()
    given = steps_of(watched(model, data, orders(tmp_path, steps=4, epochs=1))[0])
    assert [figures["train/learning_rate"] for figures in given] == pytest.approx([5e-3, 1e-2, 1e-2, 5e-3])
    assert given[0]["train/loss"] == pytest.approx(float(loss), rel=1e-5)
    # Before it is clipped.
    assert given[0]["train/gradient_norm"] == pytest.approx(float(tf.linalg.global_norm(gradients)), rel=1e-4)
    assert given[3]["train/gradient_norm"] != given[0]["train/gradient_norm"]


def test_the_optimizer_inside_of_one_that_scales_the_loss(tmp_path: Path) -> None:
    model = network(small_files(tmp_path / "model"))
    inner = AdamW(WarmupLinearDecay(1e-3, warmup_steps=1, total_steps=9), clip_norm=1.0)
    optimizer = keras.mixed_precision.LossScaleOptimizer(inner, dynamic=False, initial_scale=8.0)
    model.compile(optimizer=optimizer, step=training_step(choose(["cross_entropy"])))
    optimizer.build(model.trainable_variables)
    data = tf.data.Dataset.from_tensors(batch_of(4, 6)).repeat()
    given = steps_of(watched(model, data, orders(tmp_path, steps=1, epochs=2))[0])
    assert 0 < given[0]["train/gradient_norm"] < 100


@pytest.mark.slow
def test_two_devices_are_watched_as_one(tmp_path: Path) -> None:
    """How many devices there are has to be said before TensorFlow does anything, which a test cannot."""
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, str(here / "watched_replicas.py"), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(here.parents[1]), str(here.parents[2])])},
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found["one"]) == len(found["mirrored"]) == 4
    for alone, together in zip(found["one"], found["mirrored"], strict=True):
        assert set(alone) == {"train/loss", "train/learning_rate", "train/gradient_norm"}
        assert together == pytest.approx(alone, rel=1e-4)


def test_what_trackers_say_is_shown_by_the_thread_that_trains() -> None:
    said: list[Any] = []

    def begin(say: Say) -> Tracker:
        raise RuntimeError("no such host")

    watching = Watching([Background("x", begin)], Display(say=said.append))
    watching.trackers[0].end(0, Ending("failed"))
    watching.tell()
    watching.tell()
    assert said == ["track=x could not begin, and gets nothing of this run: RuntimeError: no such host"]
