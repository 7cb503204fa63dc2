"""One training: what the plan says is what is done, and nothing of one training is left in the next."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from made_calibrations import made_calibration
from made_stores import UNKNOWN, split_of, store
from safetensors.numpy import load_file
from small_networks import letter_files

from tfclassify.data.batches import epoch_batches
from tfclassify.data.corpus import Corpus
from tfclassify.data.describing import statistics_of
from tfclassify.data.labelling import LabelMap, Split
from tfclassify.data.pieces import Pieces
from tfclassify.data.rows import Limits, rows_of
from tfclassify.data.sources import Columns
from tfclassify.display import SILENT
from tfclassify.errors import UsageError
from tfclassify.hardware import Hardware
from tfclassify.learning import learnt_rows, training
from tfclassify.learning.optimizers import AdamW, WarmupLinearDecay
from tfclassify.learning.strategies import set_precision
from tfclassify.learning.trained import predict_split
from tfclassify.learning.training import Learned, learn
from tfclassify.model.weights import Found, encoder_size
from tfclassify.planning.facts import Facts
from tfclassify.planning.planner import Plan, make_plan
from tfclassify.quality.metrics import METRICS
from tfclassify.quality.predictions import Predictions
from tfclassify.quality.temperature import fit_temperature
from tfclassify.runs import Run
from tfclassify.settings import Settings, parse

LABELS = LabelMap(("a", "b"), multilabel=False)
ASKED = {
    "text.max_length": 12,
    "train.epochs": 4,
    "train.learning_rate": 0.05,
    "train.metric": "log_loss",
    "train.early_stopping": 0,
    "train.batch_size": 8,
    "train.max_shapes": 1,
    "train.precision": "float32",
    "model.dropout": 0.0,
}
COLUMNS = {f"data.{name}": ("text" if name == "text" else None, "") for name in ("text", "text_b", "label", "labels")}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return letter_files(tmp_path_factory.mktemp("model"))


@pytest.fixture(autouse=True)
def precision() -> Iterator[None]:
    yield
    set_precision("float32")


def pieces_of(found: Found) -> Pieces:
    return Pieces(lambda texts: tf.strings.unicode_decode(texts, "UTF-8"), found.vocabulary, True, UNKNOWN)


def made_split(rows: int, *, weights: Sequence[float] | None = None) -> Split:
    """Rows of a label that is one of the letters of the text; three times as many of the first."""
    truth = [int(row % 4 == 3) for row in range(rows)]
    return split_of(store(["ab"[label] * 3 for label in truth], weights=weights), range(rows), truth)


def made_corpus(*, weights: Sequence[float] | None = None, validation: bool = True) -> Corpus:
    splits = {"train": made_split(40, weights=weights), "test": made_split(10)}
    if validation:
        splits["validation"] = made_split(20)
    return Corpus(splits, LABELS, Columns("text"), {}, statistics_of(splits, LABELS), 70, {}, (), {})


def made_plan(found: Found, corpus: Corpus, **asked: Any) -> Plan:
    hardware = Hardware(2, 8 << 30)
    facts = Facts(corpus.statistics, hardware, encoder_size(found), True, COLUMNS, made_calibration())
    told = {**ASKED, **{key.replace("__", "."): value for key, value in asked.items()}}
    return make_plan(parse({**told, "data.label": None}, Settings), facts)


def learned(found: Found, folder: Path, corpus: Corpus | None = None, **asked: Any) -> Learned:
    corpus = corpus or made_corpus()
    run = Run(folder)
    run.weights.parent.mkdir(parents=True)
    return learn(made_plan(found, corpus, **asked), corpus, found, pieces_of(found), run=run, display=SILENT)


@pytest.fixture(scope="module")
def one(found: Found, tmp_path_factory: pytest.TempPathFactory) -> tuple[Learned, Run]:
    folder = tmp_path_factory.mktemp("runs") / "one"
    return learned(found, folder), Run(folder)


# What a training does


def test_it_learns(one: tuple[Learned, Run]) -> None:
    made, run = one
    predictions = predict_split(made.trained, made_corpus().splits["test"])
    assert METRICS["accuracy"](predictions) == {"accuracy": 1.0}
    assert made.trained.labels == LABELS
    assert made.trained.limits == Limits(12, 2, 3)
    lines = run.history.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == made.course.history


def test_every_epoch_is_watched(one: tuple[Learned, Run]) -> None:
    history = one[0].course.history
    watched = {f"validation_{name}" for name in ("accuracy", "macro_f1", "micro_f1", "mcc", "log_loss")}
    assert [set(entry) - {"epoch", "loss", "learning_rate", "seconds"} for entry in history] == [watched] * 4
    # Of 20 steps two are for the rise; what is noted is the rate of an epoch's last step.
    rates = [0.05 * (20 - step) / 18 for step in (4, 9, 14, 19)]
    assert [entry["learning_rate"] for entry in history] == pytest.approx(rates, rel=1e-5)


def test_the_network_is_left_with_the_weights_that_are_kept(one: tuple[Learned, Run]) -> None:
    made, run = one
    saved = load_file(run.weights)
    np.testing.assert_array_equal(made.model.classifier.bias.numpy(), saved["classifier.bias"])
    words = made.model.bert.embeddings.weight.numpy()
    np.testing.assert_array_equal(words, saved["bert.embeddings.word_embeddings.weight"])


def test_scores_are_calibrated_on_the_validation_rows(one: tuple[Learned, Run]) -> None:
    made, _ = one
    predictions = predict_split(made.trained, made_corpus().splits["validation"])
    expected = fit_temperature(predictions.logits, predictions.truth, multilabel=False)
    assert made.trained.temperature == pytest.approx(expected, rel=1e-4)
    assert made.trained.temperature != 1.0


def test_a_seed_is_a_training(found: Found, one: tuple[Learned, Run], tmp_path: Path) -> None:
    again = learned(found, tmp_path / "run").model
    for before, same in zip(one[0].model.trainable_variables, again.trainable_variables, strict=True):
        np.testing.assert_array_equal(before.numpy(), same.numpy())


def test_without_validation_rows(found: Found, tmp_path: Path) -> None:
    made = learned(found, tmp_path / "run", made_corpus(validation=False), train__steps=7)
    assert [set(entry) for entry in made.course.history] == [{"epoch", "loss", "learning_rate", "seconds"}] * 2
    assert (made.course.best_epoch, made.trained.temperature) == (2, 1.0)
    assert made.course.steps + 1 == 7


@pytest.mark.parametrize("validation", [True, False])
def test_a_threshold_that_was_asked_for_counts_from_the_start(
    found: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, validation: bool
) -> None:
    seen: list[float] = []
    watch = training._watch
    monkeypatch.setattr(
        training, "_watch", lambda trained, corpus: seen.append(trained.threshold) or watch(trained, corpus)
    )
    corpus = made_corpus(validation=validation)
    made = learned(found, tmp_path / "run", corpus, answer__thresholds=0.25, train__steps=1)
    assert seen == [0.25]
    assert made.trained.threshold == 0.25


def last_share(predictions: Predictions) -> dict[str, float]:
    """A metric of one's own: of it only the first value chooses the epoch."""
    return {"last": float(predictions.scores[:, -1].mean()), "first": 0.0}


def test_a_metric_of_ones_own_chooses_the_epoch(found: Found, tmp_path: Path) -> None:
    name = f"{__name__}:last_share"
    made = learned(found, tmp_path / "run", train__metric=name)
    measured = [entry[f"validation_{name}"] for entry in made.course.history]
    assert made.course.best_value == max(measured)
    assert len(set(measured)) == 4


def test_float16(found: Found, tmp_path: Path) -> None:
    made = learned(found, tmp_path / "run", train__precision="float16")
    assert isinstance(made.model.optimizer, keras.mixed_precision.LossScaleOptimizer)
    assert [entry["learning_rate"] for entry in made.course.history][-1] == pytest.approx(0.05 / 18, rel=1e-3)
    predictions = predict_split(made.trained, made_corpus().splits["test"])
    assert METRICS["accuracy"](predictions) == {"accuracy": 1.0}
    saved = load_file(Run(tmp_path / "run").weights)
    assert {value.dtype for value in saved.values()} == {np.dtype(np.float32)}


# What the plan says


def weighted(found: Found, corpus: Corpus, **asked: Any) -> np.ndarray:
    rows = rows_of(corpus.splits["train"], Limits(12, 2, 3))
    return learnt_rows._weighted(rows, corpus, made_plan(found, corpus, **asked).settings).weights


def test_class_weights(found: Found) -> None:
    corpus = made_corpus(weights=[1.0, 1.0, 1.0, 3.0] * 10)
    np.testing.assert_allclose(weighted(found, made_corpus()), 1.0)
    np.testing.assert_allclose(weighted(found, corpus), np.tile([1, 1, 1, 3], 10) / 1.5, rtol=1e-6)
    balanced = np.tile([2 / 3, 2 / 3, 2 / 3, 2.0], 10)
    np.testing.assert_allclose(weighted(found, made_corpus(), train__class_weights="balanced"), balanced, rtol=1e-6)
    named = weighted(found, made_corpus(), train__class_weights={"b": 5.0})
    np.testing.assert_allclose(named, np.tile([0.5, 0.5, 0.5, 2.5], 10), rtol=1e-6)
    with pytest.raises(UsageError, match="names 'c', which is no label"):
        weighted(found, made_corpus(), train__class_weights={"c": 5.0})


@pytest.mark.parametrize(("updates", "row_wise"), [("rows", True), ("dense", False)])
def test_the_optimizer_is_as_planned(found: Found, updates: str, row_wise: bool) -> None:
    corpus = made_corpus()
    asked = {
        "train__weight_decay": 0.25,
        "train__clip_norm": 0.5,
        "train__warmup_share": 0.3,
        "train__embedding_updates": updates,
        "train__added_learning_rate": 0.15,
    }
    settings = made_plan(found, corpus, **asked).settings
    optimizer = training.compiled(found, corpus, settings, None, total_steps=20, folding=None).optimizer
    assert isinstance(optimizer, AdamW)
    rate = optimizer._learning_rate
    assert isinstance(rate, WarmupLinearDecay)
    assert rate.get_config() == {"peak": 0.05, "warmup_steps": 6, "total_steps": 20}
    assert (optimizer.decay, optimizer.clip_norm, optimizer.row_wise) == (0.25, 0.5, row_wise)
    assert optimizer.multiples == pytest.approx({"features": 3.0, "windows": 3.0})


def test_the_head_begins_as_planned(found: Found) -> None:
    corpus = made_corpus()
    for choice, expected in [("zeros", [0.0, 0.0]), ("shares", np.log([30.5 / 41, 10.5 / 41]))]:
        settings = made_plan(found, corpus, model__head_bias=choice).settings
        model = training.compiled(found, corpus, settings, None, total_steps=20, folding=None)
        np.testing.assert_allclose(model.classifier.bias.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("asked", "epochs", "total"),
    [({}, 4, 20), ({"train__steps": 7}, 2, 7), ({"train__steps": 1}, 1, 1), ({"train__steps": 99}, 4, 20)],
)
def test_orders(
    found: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any], epochs: int, total: int
) -> None:
    given: dict[str, Any] = {}

    def stops(model: Any, batches: Any, **more: Any) -> None:
        given.update(more, batches=batches)
        raise UsageError("far enough")

    monkeypatch.setattr(training, "fit", stops)
    monkeypatch.setattr(training, "try_step", lambda model, batch: None)

    def made(*_: Any, total_steps: int, folding: Any) -> Any:
        given.update(steps=total_steps)
        return SimpleNamespace(join=None, config=SimpleNamespace(hidden_act="relu", position_embedding_type="absolute"))

    monkeypatch.setattr(training, "compiled", made)
    monkeypatch.setattr(training, "before_training", lambda *_, **more: ())
    told = {"train__metric": "mcc", "train__early_stopping": 4, **asked}
    with pytest.raises(UsageError, match="far enough"):
        learned(found, tmp_path / "run", **told)
    orders, run = given["orders"], Run(tmp_path / "run")
    assert (orders.epochs, orders.steps_per_epoch, orders.total_steps, given["steps"]) == (epochs, 5, total, total)
    assert (orders.rows_per_epoch, orders.metric, orders.patience) == (40, "mcc", 4)
    assert (orders.weights, orders.history) == (run.weights, run.history)
    # As many batches as are dealt, however many are made.
    rows = rows_of(made_corpus().splits["train"], Limits(12, 2, 3))
    buckets = made_plan(found, made_corpus()).settings.train.buckets
    dealt = epoch_batches(rows.lengths, buckets, seed=0, epoch=0, shuffle=True)
    first, made = next(iter(dealt)), next(given["batches"](0, 0).as_numpy_iterator())
    assert made["input_ids"][: len(first.rows), 1].tolist() == [
        ord("ab"[made_corpus().splits["train"].truth[row]]) for row in first.rows
    ]


@pytest.mark.parametrize("asked", [True, False])
def test_determinism_is_asked_for(monkeypatch: pytest.MonkeyPatch, asked: bool) -> None:
    enabled: list[bool] = []
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: enabled.append(True))
    with training.seeded(parse({"deterministic": asked, "seed": 3}, Settings)):
        assert enabled == [True] * asked


def test_the_random_numbers_of_the_caller_stay(found: Found, tmp_path: Path) -> None:
    random.seed(5)
    np.random.seed(5)
    expected = random.random(), np.random.rand()
    random.seed(5)
    np.random.seed(5)
    learned(found, tmp_path / "run", train__steps=1)
    assert (random.random(), np.random.rand()) == expected


# In a process of its own


def started(plan: Path, run: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tfclassify.train", str(plan), f"run={run}", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_a_training_is_the_same_in_a_process_of_its_own(toy_run: Path, tmp_path: Path) -> None:
    """Nothing of the trainings before it in this process has changed it."""
    process = started(toy_run / "plan.yaml", tmp_path / "run")
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert Run(tmp_path / "run").weights.read_bytes() == Run(toy_run).weights.read_bytes()


def waiting_for(path: Path, there: Callable[[Path], bool], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 300
    while not there(path):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)


# What Ctrl-C does is in test_end_to_end.py.
@pytest.mark.slow
def test_a_signal_from_outside_keeps_the_best_weights(toy_run: Path, tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    process = started(toy_run / "plan.yaml", run.folder, "train.epochs=2000", "train.early_stopping=0")
    waiting_for(run.history, lambda path: path.is_file() and path.read_text().count("\n") >= 2, process)
    os.kill(process.pid, signal.SIGTERM)
    _, errors = process.communicate()
    assert process.returncode == 75, errors
    assert json.loads(run.manifest.read_text(encoding="utf-8"))["state"] == "stopped"
    epochs = run.history.read_text(encoding="utf-8").splitlines()
    assert 2 <= len(epochs) < 2000
    assert load_file(run.weights).keys() == load_file(Run(toy_run).weights).keys()
    assert (run.huggingface / "config.json").is_file()
