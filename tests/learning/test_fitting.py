"""The fit: which weights are left in the end, when it ends, and what it writes down, with steps that only count."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import tensorflow as tf
import tf_keras as keras
from safetensors.numpy import load_file
from small_networks import network, small_files

from tfclassify.display import SILENT, Display
from tfclassify.errors import UsageError
from tfclassify.hardware import seconds_since_start
from tfclassify.learning import fitting
from tfclassify.learning.course import Course, Orders
from tfclassify.learning.fitting import fit
from tfclassify.learning.watchers import Judge
from tfclassify.model.classifier import BertClassifier, load_weights, save_weights

Figures = Mapping[str, float | None]
STEPS = 3


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> BertClassifier:
    """A network whose training step adds 1 to the bias of its head, and to nothing else."""
    model = network(small_files(tmp_path_factory.mktemp("model")))

    def step(model: BertClassifier, batch: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        model.classifier.bias.assign_add(tf.ones([3]))
        model.optimizer.iterations.assign_add(1)
        return batch["loss"], batch["rows"]

    model.compile(optimizer=keras.optimizers.SGD(0.25), step=step)
    return model


@pytest.fixture
def model(counting: BertClassifier) -> Iterator[BertClassifier]:
    """The same network, with a bias of 0 and no signal handlers left behind."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    counting.classifier.bias.assign(tf.zeros([3]))
    yield counting
    assert {number: signal.getsignal(number) for number in before} == before


def steps_made(model: BertClassifier) -> int:
    return int(model.classifier.bias.numpy()[0])


def orders(folder: Path, *, epochs: int = 3, total_steps: int | None = None, **more: Any) -> Orders:
    told = {"metric": "accuracy", "patience": 0, "rows_per_epoch": 6, "steps_per_epoch": STEPS, **more}
    total = epochs * STEPS if total_steps is None else total_steps
    return Orders(
        epochs=-(-total // STEPS),
        total_steps=total,
        weights=folder / "best.safetensors",
        history=folder / "metrics.jsonl",
        **told,
    )


def batches(losses: Sequence[float] = (1.0, 2.0, 6.0), rows: Sequence[float] = (2.0, 2.0, 1.0)) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices(
        {"loss": np.array(losses, np.float32), "rows": np.array(rows, np.float32)}
    ).repeat()


def scripted(values: Sequence[Any], *, metric: str = "accuracy") -> Judge:
    """Measures what the script says, epoch by epoch."""
    left = iter(values)
    return lambda: {metric: next(left)}


def run(
    model: BertClassifier, folder: Path, judge: Judge, *, display: Display = SILENT, losses: Any = None, **told: Any
) -> Course:
    made = batches() if losses is None else batches(losses)
    return fit(model, lambda epoch, step: made.skip(step), orders=orders(folder, **told), judge=judge, display=display)


def history(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def saved_steps(folder: Path) -> int:
    return int(load_file(folder / "best.safetensors")["classifier.bias"][0])


# Which weights


@pytest.mark.parametrize(
    ("metric", "values", "best"),
    [
        ("accuracy", [0.1, 0.2, 0.3], 3),
        ("accuracy", [0.3, 0.2, 0.1], 1),
        ("accuracy", [0.1, 0.3, 0.2], 2),
        # Of equal ones the first: it has seen least.
        ("accuracy", [0.1, 0.3, 0.3], 2),
        ("accuracy", [0.2, 0.2, 0.2], 1),
        ("mcc", [-0.5, -0.1, -0.3], 2),
        ("log_loss", [0.9, 0.2, 0.3], 2),
        ("log_loss", [0.1, 0.2, 0.3], 1),
        # Where nothing was measured, what is latest is the best that is known.
        ("accuracy", [None, None, None], 3),
        ("accuracy", [None, 0.1, 0.0], 2),
        ("accuracy", [0.1, None, 0.05], 1),
        ("log_loss", [0.5, None, 0.6], 1),
    ],
)
def test_the_best_weights_are_left(
    model: BertClassifier, tmp_path: Path, metric: str, values: list[float | None], best: int
) -> None:
    course = run(model, tmp_path, scripted(values, metric=metric), metric=metric)
    assert (course.best_epoch, course.best_value) == (best, values[best - 1])
    assert steps_made(model) == saved_steps(tmp_path) == best * STEPS
    assert course.stopped is None


def test_another_metric_is_not_what_counts(model: BertClassifier, tmp_path: Path) -> None:
    left = iter([{"accuracy": 0.1, "mcc": 0.9}, {"accuracy": 0.2, "mcc": 0.1}, {"accuracy": 0.1, "mcc": 0.95}])
    assert run(model, tmp_path, lambda: next(left)).best_epoch == 2


def test_nothing_is_measured_without_validation_rows(model: BertClassifier, tmp_path: Path) -> None:
    course = run(model, tmp_path, dict)
    assert (course.best_epoch, course.best_value, steps_made(model)) == (3, None, 9)
    assert [set(entry) for entry in course.history] == [{"epoch", "loss", "learning_rate", "seconds"}] * 3


def test_the_judge_sees_the_weights_of_its_epoch(model: BertClassifier, tmp_path: Path) -> None:
    seen: list[float | None] = []

    def judge() -> Figures:
        seen.append(float(steps_made(model)))
        return {"accuracy": seen[-1]}

    run(model, tmp_path, judge)
    assert seen == [3.0, 6.0, 9.0]


# When it ends


@pytest.mark.parametrize(
    ("patience", "values", "epochs", "best"),
    [
        (1, [0.2, 0.1, 0.9, 0.9, 0.9], 2, 1),
        (2, [0.2, 0.1, 0.2, 0.9, 0.9], 3, 1),
        (2, [0.2, 0.1, 0.3, 0.1, 0.1], 5, 3),
        (3, [0.2, 0.1, 0.1, 0.1, 0.9], 4, 1),
        (0, [0.9, 0.1, 0.1, 0.1, 0.1], 5, 1),
        (1, [None, None, None, None, None], 5, 5),
        (2, [0.5, None, None, 0.9, 0.9], 3, 1),
    ],
)
def test_patience(
    model: BertClassifier, tmp_path: Path, patience: int, values: list[float | None], epochs: int, best: int
) -> None:
    course = run(model, tmp_path, scripted(values), patience=patience, epochs=5)
    assert len(course.history) == epochs
    assert course.best_epoch == best
    assert steps_made(model) == best * STEPS
    ran_out = patience and values[best - 1] is not None and epochs - best >= patience
    assert course.stopped == ("early" if ran_out else None)


@pytest.mark.parametrize(("total", "epochs"), [(1, 1), (2, 1), (3, 1), (4, 2), (7, 3)])
def test_a_limit_of_steps(model: BertClassifier, tmp_path: Path, total: int, epochs: int) -> None:
    course = run(model, tmp_path, scripted([0.1, 0.2, 0.3]), total_steps=total)
    # The last epoch is judged, however short it is.
    assert len(course.history) == epochs
    assert steps_made(model) == total
    assert course.stopped is None


# What is written down


def test_history(model: BertClassifier, tmp_path: Path) -> None:
    left = iter([{"accuracy": 0.1, "mcc": None}, {"accuracy": 0.25, "mcc": 0.5}])
    course = run(model, tmp_path, lambda: next(left), epochs=2)
    assert history(tmp_path) == course.history
    first, second = course.history
    # The mean over rows, not over steps.
    assert first == {
        "epoch": 1,
        "loss": pytest.approx((2 * 1 + 2 * 2 + 1 * 6) / 5),
        "validation_accuracy": 0.1,
        "validation_mcc": None,
        "learning_rate": 0.25,
        "seconds": first["seconds"],
    }
    assert (second["epoch"], second["validation_accuracy"], second["validation_mcc"]) == (2, 0.25, 0.5)
    assert 0 <= first["seconds"] < second["seconds"] == course.seconds


def test_history_is_there_as_soon_as_it_is_known(model: BertClassifier, tmp_path: Path) -> None:
    lines: list[int] = []

    def judge() -> Figures:
        lines.append(len(history(tmp_path)) if (tmp_path / "metrics.jsonl").exists() else 0)
        return {"accuracy": 0.5}

    run(model, tmp_path, judge)
    assert lines == [0, 1, 2]


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_losses_that_are_no_numbers_end_the_training(model: BertClassifier, tmp_path: Path, loss: float) -> None:
    with pytest.raises(UsageError) as told:
        run(
            model,
            tmp_path,
            scripted([0.5]),
            losses=(loss, loss, loss),
            rows_at=lambda epoch, step: range(step, 30),
        )
    assert str(told.value) == (
        "loss or gradient is no finite number in step 3 (training rows 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, "
        "16, 17, 18, 19, 20, 21 and 8 more), as in the 2 before it, after going back 0 times to half the learning "
        "rate; "
        "lower train.learning_rate, raise train.warmup_share, or set train.precision=float32"
    )
    assert not (tmp_path / "metrics.jsonl").exists()


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_single_loss_that_is_no_number_is_left_out(model: BertClassifier, tmp_path: Path, loss: float) -> None:
    said: list[str] = []
    course = run(model, tmp_path, scripted([0.5]), epochs=1, losses=(1.0, loss, 2.0), display=Display(say=said.append))
    assert said[0] == "step 2 is left out: its loss or gradient is no finite number"
    assert (course.skipped, course.returns) == (1, 0)
    # Two rows and one.
    assert course.history[0]["loss"] == pytest.approx((2 * 1 + 1 * 2) / 3)


def test_what_is_shown(model: BertClassifier, tmp_path: Path) -> None:
    shown: list[tuple[Any, ...]] = []
    display = Display(
        start=lambda title, total: shown.append((title, total)),
        advance=lambda units, note: shown.append((units, note.split("  ")[0])),
        say=lambda line: shown.append((line,)),
    )
    run(model, tmp_path, scripted([0.5, None]), epochs=2, display=display)
    assert shown == [
        ("epoch 1/2", STEPS),
        (1, "loss 1.0000"),
        (1, "loss 1.5000"),
        (1, "loss 2.4000"),
        ("epoch 1/2  loss 2.4000  validation accuracy 0.5000",),
        ("epoch 2/2", STEPS),
        (1, "loss 1.0000"),
        (1, "loss 1.5000"),
        (1, "loss 2.4000"),
        ("epoch 2/2  loss 2.4000",),
    ]


def test_time_and_memory(model: BertClassifier, tmp_path: Path) -> None:
    pause, notes = 0.02, []
    display = Display(advance=lambda units, note: notes.append(note))

    def judge() -> Figures:
        time.sleep(5 * pause)
        return {"accuracy": 0.5}

    began, before = time.perf_counter(), seconds_since_start()
    course = run(model, tmp_path, judge, display=display)
    elapsed = time.perf_counter() - began
    # The first step is traced, and counts apart; validation does not count.
    assert course.steps == 3 * STEPS - 1
    assert 0 < course.seconds < elapsed - 3 * 5 * pause
    assert course.first_step_seconds is not None
    assert before < course.first_step_seconds < before + elapsed
    assert 0.5 * psutil.Process().memory_info().rss < course.peak_memory_bytes < 50e9
    assert not notes[0].endswith("examples/s")
    # Two rows a step.
    assert float(notes[-1].split()[2]) == pytest.approx(2 * course.steps / course.seconds, rel=0.5)


def test_a_tracker_gets_what_was_measured(
    model: BertClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    class Tracker(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
            given.append((epoch, dict(logs or {})))

    def tracker(folder: Path) -> Tracker:
        given.append(folder)
        return Tracker()

    monkeypatch.setattr(fitting, "tensorboard", tracker)
    run(model, tmp_path, scripted([0.25, None]), epochs=2, tensorboard=tmp_path / "board")
    loss = pytest.approx(2.4)
    # As Keras calls what it validates itself.
    assert given == [tmp_path / "board", (0, {"loss": loss, "val_accuracy": 0.25}), (1, {"loss": loss})]


# Signals


def send(number: int = signal.SIGINT, *, at: Sequence[int]) -> Display:
    """Sends a signal to this process when so many steps have been shown."""
    steps: list[int] = []

    def advance(units: int, note: str) -> None:
        steps.append(units)
        for _ in range(list(at).count(len(steps))):
            os.kill(os.getpid(), number)

    return Display(advance=advance)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_the_best_weights(model: BertClassifier, tmp_path: Path, number: int) -> None:
    course = run(model, tmp_path, scripted([0.5, 0.4]), epochs=9, display=send(number, at=[7]))
    assert course.stopped == "signal"
    assert (course.best_epoch, len(course.history)) == (1, 2)
    assert steps_made(model) == saved_steps(tmp_path) == STEPS


def test_a_signal_right_after_the_best_epoch_leaves_its_weights(model: BertClassifier, tmp_path: Path) -> None:
    """The step that was under way has moved the network on from them."""
    course = run(model, tmp_path, scripted([0.4, 0.5]), epochs=9, display=send(at=[7]))
    assert (course.stopped, course.best_epoch, len(course.history)) == ("signal", 2, 2)
    assert steps_made(model) == saved_steps(tmp_path) == 2 * STEPS


def test_a_signal_in_the_first_epoch_leaves_what_there_is(model: BertClassifier, tmp_path: Path) -> None:
    course = run(model, tmp_path, scripted([0.5]), epochs=9, display=send(at=[1]))
    assert (course.stopped, course.best_epoch, course.history) == ("signal", None, [])
    assert 1 <= steps_made(model) == saved_steps(tmp_path) <= 2


def test_a_signal_while_it_judges(model: BertClassifier, tmp_path: Path) -> None:
    left = iter([0.5, 0.6, 0.7])

    def judge() -> Figures:
        value = next(left)
        if value == 0.6:
            os.kill(os.getpid(), signal.SIGINT)
        return {"accuracy": value}

    course = run(model, tmp_path, judge)
    assert (course.stopped, course.best_epoch) == ("signal", 2)
    assert steps_made(model) == 2 * STEPS


def test_a_signal_while_it_judges_the_last_epoch(model: BertClassifier, tmp_path: Path) -> None:
    def judge() -> Figures:
        os.kill(os.getpid(), signal.SIGINT)
        return {"accuracy": 0.5}

    course = run(model, tmp_path, judge, epochs=1)
    assert (course.stopped, course.best_epoch) == ("signal", 1)


def test_a_second_signal_ends_it_at_once(model: BertClassifier, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(model, tmp_path, scripted([0.5] * 9), epochs=9, display=send(at=[4, 4]))
    assert steps_made(model) == 4
    # What was best until then is there.
    assert saved_steps(tmp_path) == STEPS


def test_handlers_are_as_before_whatever_happens(model: BertClassifier, tmp_path: Path) -> None:
    def fails() -> Figures:
        raise ValueError("mine")

    def mine(number: int, frame: Any) -> None: ...

    before = signal.signal(signal.SIGTERM, mine)
    try:
        with pytest.raises(ValueError, match="mine"):
            run(model, tmp_path, fails)
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_handler_that_python_does_not_know(
    model: BertClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one that another language has set, Python only says that there is one."""
    given: list[tuple[int, Any]] = []

    def setting(number: int, handler: Any) -> Any:
        given.append((number, handler))
        return None

    monkeypatch.setattr(signal, "signal", setting)
    run(model, tmp_path, scripted([0.5]), epochs=1)
    assert given[2:] == [(signal.SIGINT, signal.SIG_DFL), (signal.SIGTERM, signal.SIG_DFL)]


def test_it_works_beside_the_main_thread(model: BertClassifier, tmp_path: Path) -> None:
    courses: list[Course] = []
    thread = threading.Thread(target=lambda: courses.append(run(model, tmp_path, scripted([0.1, 0.3, 0.2]))))
    thread.start()
    thread.join()
    assert (courses[0].best_epoch, steps_made(model)) == (2, 2 * STEPS)


def test_weights_that_were_there_before_are_replaced(model: BertClassifier, tmp_path: Path) -> None:
    save_weights(model, tmp_path / "best.safetensors")
    run(model, tmp_path, scripted([0.1, 0.2, 0.1]))
    load_weights(model, tmp_path / "best.safetensors", complete=True)
    assert steps_made(model) == 2 * STEPS
