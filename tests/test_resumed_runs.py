"""Trainings that are interrupted and gone on with: they end with what they would have ended with, to the bit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from safetensors.numpy import load_file
from small_networks import network, small_files
from toy import toy_rows

import tfclassify.train as train_module
from tfclassify.command_line.showing import show_run
from tfclassify.data import batches
from tfclassify.data.batches import EpochBatches
from tfclassify.display import Display
from tfclassify.errors import UsageError
from tfclassify.learning import watchers
from tfclassify.learning.checkpoint_folders import VALUES, by_step
from tfclassify.model.classifier import save_weights
from tfclassify.model.weights import WEIGHTS_FILE
from tfclassify.runs import Run, only_writer, state_of
from tfclassify.train import train

STEPS, EPOCHS = 6, 3
# Slow enough that the last epoch is the best one: all steps count.
ASKED: dict[str, Any] = {
    "train.epochs": EPOCHS,
    "train.learning_rate": 1e-4,
    "train.batch_size": 8,
    "train.metric": "log_loss",
    "train.early_stopping": 0,
    "train.checkpoint_steps": 2,
}


class DiedError(RuntimeError):
    """Stands for the end of a process that nobody has asked for."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Where rows and network are: one layer, with dropout, because the same is traced anew in each training."""
    folder = tmp_path_factory.mktemp("few")
    found = small_files(folder / "model", hidden_size=32, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1)
    save_weights(network(found), found.folder / WEIGHTS_FILE)
    for split, rows in (("train", 8 * STEPS - 3), ("validation", 10), ("test", 10)):
        (folder / f"{split}.csv").write_text(toy_rows(split, rows), encoding="utf-8")
    rows = {f"data.{split}": str(folder / f"{split}.csv") for split in ("train", "validation", "test")}
    return {**rows, "model.name": str(found.folder)}


@pytest.fixture(scope="module")
def whole(data: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run that nothing has interrupted."""
    return train({**ASKED, **data, "run": str(tmp_path_factory.mktemp("whole") / "run")})


def ended(run: Run) -> tuple[bytes, list[dict[str, Any]]]:
    """What a run ends with: the best weights, and the lines of all epochs but for the time that they took."""
    lines = [json.loads(line) for line in run.history.read_text(encoding="utf-8").splitlines()]
    return run.weights.read_bytes(), [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def at_step(step: int, act: Callable[[], None]) -> Display:
    """Does something right after a step, counted from 1 in this process."""
    steps: list[int] = []

    def advance(units: int, note: str) -> None:
        if note.startswith("loss"):
            steps.append(units)
            if len(steps) == step:
                act()

    return Display(advance=advance)


def die() -> None:
    raise DiedError


def interrupted(asked: dict[str, Any], run: Path, *, at: int) -> None:
    with pytest.raises(DiedError):
        train({**asked, "run": str(run)}, display=at_step(at, die))


def files_of(run: Run) -> set[str]:
    return {str(path.relative_to(run.folder)) for path in run.folder.rglob("*") if path.is_file()}


# The same to the bit


def test_the_run_that_is_compared_with_depends_on_all_its_steps(whole: Run) -> None:
    losses = [line["validation_log_loss"] for line in ended(whole)[1]]
    assert losses == sorted(losses, reverse=True)
    assert len(losses) == EPOCHS


# One in the middle and the last of all; the first step, the last ones of an epoch and the first one of the next are
# looked at in each run of the tests where a fit takes less time, in learning/test_resumed_fits.py.
@pytest.mark.parametrize(
    "at",
    [
        4,
        EPOCHS * STEPS,
        *(pytest.param(at, marks=[pytest.mark.slow, pytest.mark.long]) for at in (1, STEPS, STEPS + 1, 2 * STEPS - 1)),
    ],
)
def test_wherever_it_dies(whole: Run, data: dict[str, Any], tmp_path: Path, at: int) -> None:
    interrupted({**ASKED, **data}, tmp_path / "run", at=at)
    assert state_of(Run(tmp_path / "run")) == "training"
    run = train({"run": str(tmp_path / "run")})
    assert ended(run) == ended(whole)
    assert files_of(run) == files_of(whole)


def test_however_often_it_dies(whole: Run, data: dict[str, Any], tmp_path: Path) -> None:
    for _ in range(3):
        interrupted({**ASKED, **data}, tmp_path / "run", at=4)
    run = train({**ASKED, **data, "run": str(tmp_path / "run")})
    assert ended(run) == ended(whole)
    assert json.loads(run.manifest.read_text(encoding="utf-8"))["processes"] == 4


def test_everything_that_moves_is_the_same(
    data: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Moments, counters and the running loss as well, and not only the weights."""
    monkeypatch.setattr(train_module, "_report", lambda *_: die())
    for name, deaths in (("straight", 0), ("dying", 2)):
        for _ in range(deaths):
            interrupted({**ASKED, **data}, tmp_path / name, at=5)
        with pytest.raises(DiedError):
            train({**ASKED, **data, "run": str(tmp_path / name)})
    last = [by_step(tmp_path / name / "checkpoints")[-1] for name in ("straight", "dying")]
    assert [folder.name for folder in last] == [f"step-{EPOCHS * STEPS}"] * 2
    straight, dying = (load_file(folder / VALUES) for folder in last)
    # By name, so that whoever sees them differ sees in what.
    assert {name: (each.dtype, each.shape, each.tobytes()) for name, each in straight.items()} == {
        name: (each.dtype, each.shape, each.tobytes()) for name, each in dying.items()
    }


def test_with_averages_and_parts_of_batches(data: dict[str, Any], tmp_path: Path) -> None:
    asked = {**ASKED, **data, "train.average": "ema", "train.accumulation_steps": 2}
    straight = train({**asked, "run": str(tmp_path / "straight")})
    interrupted(asked, tmp_path / "run", at=2 * STEPS + 1)
    assert ended(train({"run": str(tmp_path / "run")})) == ended(straight)


def test_the_wrong_place_in_the_data_would_be_noticed(
    whole: Run, data: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted({**ASKED, **data}, tmp_path / "run", at=4)
    monkeypatch.setattr(batches.EpochBatches, "since", lambda dealt, step: dealt.since_start())
    monkeypatch.setattr(EpochBatches, "since_start", in_order, raising=False)
    weights, _ = ended(train({"run": str(tmp_path / "run")}))
    assert weights != ended(whole)[0]


def in_order(dealt: EpochBatches) -> Any:
    for number in dealt.order:
        rows = dealt.rows[dealt.ends[number] : dealt.ends[number + 1]]
        yield batches.Batch(rows, dealt.buckets[dealt.places[number]])


def test_every_row_is_seen_once_an_epoch(data: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those count whose step was made and is not made again; none is made ahead here, as the pipeline else does."""
    monkeypatch.setattr(tf.data.Dataset, "prefetch", lambda batches, size: batches)
    made: list[list[int]] = []
    fill = batches.fill

    def noted(rows: Any, batch: Any, **more: Any) -> Any:
        made.append(sorted(batch.rows.tolist()))
        return fill(rows, batch, **more)

    monkeypatch.setattr(batches, "fill", noted)
    train({**ASKED, **data, "run": str(tmp_path / "straight")})
    # The first one is tried, and not trained on.
    straight = made[1:]
    made.clear()
    interrupted({**ASKED, **data}, tmp_path / "run", at=STEPS + 3)
    first = made[1:]
    made.clear()
    said: list[str] = []
    train({"run": str(tmp_path / "run")}, display=Display(say=said.append))
    (going_on,) = [line for line in said if line.startswith("going on at step")]
    resumed_at = int(going_on.split()[4])
    assert STEPS <= resumed_at <= STEPS + 3
    # At the end of an epoch that was begun by another process a new pipeline begins with what was pulled ahead.
    seen = [batch for batch, following in pairwise([*made[1:], []]) if batch != following]
    assert first[:resumed_at] + seen == straight
    for epoch in range(EPOCHS):
        rows = [row for batch in straight[epoch * STEPS : (epoch + 1) * STEPS] for row in batch]
        assert sorted(rows) == list(range(8 * STEPS - 3))


# Asked to stop


def test_a_stop_on_request_is_gone_on_with(whole: Run, data: dict[str, Any], tmp_path: Path) -> None:
    asked = {**ASKED, **data, "train.checkpoint_steps": 0, "run": str(tmp_path / "run")}
    for _ in range(2):
        run = train(asked, display=at_step(4, lambda: os.kill(os.getpid(), signal.SIGTERM)))
        assert state_of(run) == "stopped"
        assert show_run(run).status == 75
        assert run.weights.is_file()
    assert [path.name for path in by_step(run.checkpoints)][-1] == "step-8"
    run = train({"run": str(tmp_path / "run")})
    assert ended(run) == ended(whole)
    assert state_of(run) == "finished"


def test_a_stop_in_the_last_step_of_an_epoch_is_judged_later(whole: Run, data: dict[str, Any], tmp_path: Path) -> None:
    asked = {**ASKED, **data, "run": str(tmp_path / "run")}
    run = train(asked, display=at_step(STEPS, lambda: os.kill(os.getpid(), signal.SIGTERM)))
    assert not run.history.exists()
    assert ended(train({"run": str(tmp_path / "run")})) == ended(whole)


def test_a_limit_of_no_time_leaves_a_finished_run(data: dict[str, Any], tmp_path: Path) -> None:
    said = list[str]()
    asked = {**ASKED, **data, "run": str(tmp_path / "run"), "train.time_limit_minutes": 1e-9}
    run = train(asked, display=Display(say=said.append))
    assert state_of(run) == "finished"
    assert "train.scheduled_steps" in run.plan.read_text(
        encoding="utf-8"
    ) or "scheduled_steps: 1 " in run.plan.read_text(encoding="utf-8")
    training = json.loads(run.manifest.read_text(encoding="utf-8"))["training"]
    assert training["elapsed_seconds"] > 0
    # One step, and with it the judgement of what that has learnt.
    assert len(run.history.read_text(encoding="utf-8").splitlines()) == 1
    assert sum(line.startswith("train.time_limit_minutes=1e-09 is too short for one epoch, ") for line in said) == 1


def test_a_clock_that_jumps(whole: Run, data: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time
    jumps = iter([0, 3600 * 24 * 365, -3600 * 24 * 365] * 10_000)
    monkeypatch.setattr(time, "time", lambda: now() + next(jumps))
    asked = {**ASKED, **data, "train.time_limit_minutes": 60}
    interrupted(asked, tmp_path / "run", at=9)
    assert ended(train({"run": str(tmp_path / "run")})) == ended(whole)


@pytest.mark.parametrize("place", ["judge_splits", "write_facts", "write_report"])
def test_who_interrupts_what_comes_after_the_fit(
    whole: Run, data: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1.0)

    with monkeypatch.context() as patched:
        patched.setattr(train_module, place, interrupt)
        run = train({**ASKED, **data, "run": str(tmp_path / "run")})
    assert state_of(run) == "stopped"
    steps: list[int] = []
    run = train(
        {"run": str(run.folder)}, display=Display(advance=lambda units, note: steps.append(note.startswith("loss")))
    )
    assert not any(steps)
    assert ended(run) == ended(whole)
    assert files_of(run) == files_of(whole)


# What is not gone on with


def test_a_finished_run_is_left_as_it_is(whole: Run, data: dict[str, Any]) -> None:
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in whole.folder.rglob("*") if path.is_file()}
    for asked in ({}, {**ASKED, **data}):
        said: list[str] = []
        run = train({**asked, "run": str(whole.folder)}, display=Display(say=said.append))
        assert said == [f"run={whole.folder} is finished; there is nothing to do"]
        assert show_run(run).status == 0
    after = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in whole.folder.rglob("*") if path.is_file()}
    assert after == before


def test_other_settings_are_refused(whole: Run, data: dict[str, Any], tmp_path: Path) -> None:
    interrupted({**ASKED, **data}, tmp_path / "run", at=3)
    for folder, state in ((tmp_path / "run", "training"), (whole.folder, "finished")):
        with pytest.raises(UsageError) as told:
            train({"run": str(folder), "train.epochs": 9})
        assert str(told.value) == (
            f"run={folder} holds a {state} run with train.epochs=3, and train.epochs=9 is asked for; "
            "leave train.epochs out, or train anew in another run=DIR"
        )


def test_other_data_are_refused(data: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "train.csv"
    rows = Path(data["data.train"]).read_text(encoding="utf-8")
    file.write_text(rows, encoding="utf-8")
    interrupted({**ASKED, **data, "data.train": str(file)}, tmp_path / "run", at=3)
    file.write_text(rows.replace("0,bad", "0,good"), encoding="utf-8")
    with pytest.raises(UsageError) as told:
        train({"run": str(tmp_path / "run")})
    assert str(told.value) == (
        f"data.train={file} has changed since run={tmp_path / 'run'} began; "
        "bring back what it was, or train anew in another run=DIR"
    )
    file.write_text(rows, encoding="utf-8")
    assert state_of(train({"run": str(tmp_path / "run")})) == "finished"


def test_two_processes_do_not_train_one_run(data: dict[str, Any], tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    interrupted({**ASKED, **data}, run.folder, at=3)
    code = f"""
from pathlib import Path
from tfclassify.runs import Run, only_writer
with only_writer(Run(Path({str(run.folder)!r}))):
    print("mine", flush=True)
    input()
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "mine\n"
    try:
        with pytest.raises(UsageError) as told:
            train({"run": str(run.folder)})
    finally:
        # The lock of a process that is killed is nobody's.
        process.kill()
        process.communicate()
    assert str(told.value) == (
        f"run={run.folder} is being trained by another process; wait for its end, or give another run=DIR"
    )
    with only_writer(run):
        assert state_of(run) == "training"


# Disks


def test_a_checkpoint_that_cannot_be_written_is_counted(
    whole: Run, data: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, said = watchers.Saver._write, list[str]()

    def full(saver: Any, step: int, *given: Any) -> Any:
        if step == 8:
            raise OSError(28, "No space left on device")
        return write(saver, step, *given)

    monkeypatch.setattr(watchers.Saver, "_write", full)
    run = train({**ASKED, **data, "run": str(tmp_path / "run")}, display=Display(say=said.append))
    counted = json.loads(run.manifest.read_text(encoding="utf-8"))["training"]
    lost = [line for line in said if "could not be written" in line]
    # Where the one before it is still being written, none is due in step 8.
    assert counted["lost"] == len(lost) <= 1
    for line in lost:
        assert line == (
            "the checkpoint of step 8 could not be written (No space left on device); "
            "the one before it stays, training goes on"
        )
    assert ended(run) == ended(whole)


def test_a_damaged_checkpoint_is_left_out(whole: Run, data: dict[str, Any], tmp_path: Path) -> None:
    interrupted({**ASKED, **data}, tmp_path / "run", at=12)
    folders = by_step(tmp_path / "run" / "checkpoints")
    assert len(folders) == 2
    with open(folders[-1] / VALUES, "r+b") as file:
        file.truncate(1000)
    said: list[str] = []
    run = train({"run": str(tmp_path / "run")}, display=Display(say=said.append))
    damaged = f"the checkpoint {folders[-1].name} is damaged and left out: {VALUES} is not as it was written"
    assert damaged in said
    assert ended(run) == ended(whole)


def test_a_folder_that_cannot_be_written_to(
    data: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted({**ASKED, **data}, tmp_path / "run", at=3)

    def refuses(*_: Any) -> None:
        raise OSError(30, "Read-only file system", str(tmp_path / "run" / "manifest.json"))

    monkeypatch.setattr(train_module, "write_json", refuses)
    with pytest.raises(UsageError) as told:
        train({"run": str(tmp_path / "run")})
    assert str(told.value) == (
        f"{tmp_path / 'run' / 'manifest.json'} cannot be written: Read-only file system; "
        f"mend that, and go on with run={tmp_path / 'run'}"
    )


# Processes that are killed


def started(words: dict[str, Any], run: Path) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "tfclassify.train",
        *(f"{key}={value}" for key, value in words.items()),
        f"run={run}",
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_a_process_that_is_killed(whole: Run, data: dict[str, Any], tmp_path: Path) -> None:
    run, words = Run(tmp_path / "run"), {**ASKED, **data}
    process = started(words, run.folder)
    while process.poll() is None and len(by_step(run.checkpoints)) < 2:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    process = started({}, run.folder)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert ended(run) == ended(whole)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(("model", "kills"), [("random-tiny", 30), ("minilm", 3)])
def test_killed_at_random_moments(data: dict[str, Any], model: str, kills: int) -> None:
    script = Path(__file__).parents[1] / "benchmarks" / "resuming.py"
    words = ["--model", model, "--kills", str(kills), "--data", data["data.train"]]
    done = subprocess.run([sys.executable, str(script), "kills", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    assert last == {"model": model, "kills": kills, "all_the_same": True}
