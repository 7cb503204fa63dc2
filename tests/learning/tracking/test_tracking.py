"""Trackers: found before anything is trained, begun and ended with it, and of no effect on what it learns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tf_keras as keras
from made_endings import made_plan, made_run
from toy import TOY_SETTINGS, toy_words

from tfclassify.display import SILENT, Display
from tfclassify.errors import UsageError
from tfclassify.learning import tracking
from tfclassify.learning.tracking.tracker import Ending, Tracker
from tfclassify.runs import Run, state_of
from tfclassify.train import train


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("name", tracking.TRACKERS)
def test_a_tracker_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, name: str, there: bool) -> None:
    monkeypatch.setattr(tracking, "find_spec", lambda name: object() if there else None)
    tracking.check([])
    if there:
        tracking.check([name])
        return
    with pytest.raises(UsageError) as caught:
        tracking.check([name])
    assert str(caught.value) == f"track={name} needs the package {name}; type: pip install {name}"


def kept(monkeypatch: pytest.MonkeyPatch, name: str) -> list[Any]:
    """Puts a tracker into the table that keeps what it is given."""
    given: list[Any] = []
    tracker = Tracker(*(lambda *what, kind=kind: given.append((kind, *what)) for kind in ("step", "epoch", "end")))
    monkeypatch.setitem(tracking.TRACKERS, name, lambda plan, run, say: given.append((plan, run)) or tracker)
    return given


def test_begun_and_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = kept(monkeypatch, "tensorboard")
    plan, run, ending = made_plan(track=["tensorboard"]), made_run(tmp_path), Ending("finished")
    with tracking.tracked(plan, run, display=SILENT) as made:
        (callback,) = made.callbacks
        assert isinstance(callback, keras.callbacks.Callback)
        made.ending = ending
    assert given == [(plan, run), ("end", 0, ending)]


@pytest.mark.parametrize(("error", "state"), [(KeyboardInterrupt, "stopped"), (UsageError, "failed")])
def test_ended_however_the_training_ends(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: type[BaseException], state: str
) -> None:
    given = kept(monkeypatch, "wandb")
    with (
        pytest.raises(error),
        tracking.tracked(made_plan(track=["wandb"]), made_run(tmp_path), display=SILENT),
    ):
        raise error("as asked")
    assert [(what[0], what[2].state) for what in given[1:]] == [("end", state)]


def test_nothing_to_track(tmp_path: Path) -> None:
    with tracking.tracked(made_plan(), made_run(tmp_path), display=SILENT) as made:
        assert made.callbacks == []


@pytest.mark.parametrize(
    ("jobs", "task", "expected"),
    [
        ({"worker": ["a:1", "b:1"]}, ("worker", 0), True),
        ({"worker": ["a:1", "b:1"]}, ("worker", 1), False),
        ({"chief": ["c:1"], "worker": ["a:1"]}, ("chief", 0), True),
        ({"chief": ["c:1"], "worker": ["a:1"]}, ("worker", 0), False),
    ],
)
def test_of_several_machines_one_tracks(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    jobs: dict[str, list[str]],
    task: tuple[str, int],
    expected: bool,
) -> None:
    given = kept(monkeypatch, "wandb")
    config = {"cluster": jobs, "task": {"type": task[0], "index": task[1]}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    for strategy in ("multi_worker", "one"):
        given.clear()
        plan = made_plan(**{"track": ["wandb"], "train.strategy": strategy})
        with tracking.tracked(plan, made_run(tmp_path), display=SILENT) as made:
            # What other variables say is nothing to one machine that trains alone.
            assert bool(made.callbacks) == (expected or strategy == "one")
        assert bool(given) == (expected or strategy == "one")


@pytest.fixture(scope="module")
def tracked_run(toy_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder, said = tmp_path_factory.mktemp("runs") / "toy", []
    asked = {**TOY_SETTINGS, **toy_words(toy_data), "run": str(folder), "track": ["tensorboard", "wandb"]}
    train(asked, display=Display(say=said.append))
    return folder, said


def test_it_changes_nothing_of_what_is_learnt(tracked_run: tuple[Path, list[str]], toy_run: Path) -> None:
    weights = [(folder / "weights/best/model.safetensors").read_bytes() for folder in (tracked_run[0], toy_run)]
    assert weights[0] == weights[1]


def test_a_tracked_run_holds_what_trackers_wrote_and_nothing_else(
    tracked_run: tuple[Path, list[str]], toy_run: Path
) -> None:
    folder, said = tracked_run
    held, known = ({str(path.relative_to(each)) for path in each.iterdir()} for each in (folder, toy_run))
    assert held - known == {"tensorboard", "wandb"}
    assert [line for line in said if line.startswith("track=")] == []


def test_every_step_and_every_epoch_is_there(tracked_run: tuple[Path, list[str]]) -> None:
    from test_tensorboard import points, read
    from test_weights_and_biases import files, history, records

    events = read(tracked_run[0])
    epochs = [step for step, _ in points(events, "validation/accuracy")]
    steps = [step for step, _ in points(events, "train/loss")]
    assert steps == [*range(1, epochs[-1] + 1)]
    assert [step for step, _ in points(events, "train/gradient_norm")] == steps
    assert {"plan", "reasons", "report/test/accuracy", "test/good/pr_curves"} <= set(events.Tags()["tensors"])
    # The network itself: its word embeddings are looked up somewhere.
    assert any("embeddings" in node.name for node in events.Graph().node) or len(events.Graph().library.function)
    vectors = (tracked_run[0] / "tensorboard/vectors.tsv").read_text(encoding="utf-8").splitlines()
    assert (len(vectors), len(vectors[0].split("\t"))) == (60, 32)
    (file,) = files(tracked_run[0])
    rows = history(records(file))
    assert [row["steps"] for row in rows if "train/loss" in row] == steps
    assert [row["steps"] for row in rows if "validation/accuracy" in row] == epochs


def test_a_tracker_that_fails_ends_no_training(monkeypatch: pytest.MonkeyPatch, toy_data: Path, tmp_path: Path) -> None:
    def fails(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setitem(tracking.TRACKERS, "wandb", lambda plan, run, say: Tracker(fails, fails, fails))
    said: list[str] = []
    asked = {**TOY_SETTINGS, **toy_words(toy_data), "run": str(tmp_path / "run"), "track": ["wandb"], "train.epochs": 1}
    run = train(asked, display=Display(say=said.append))
    assert state_of(Run(run.folder)) == "finished"
    assert [line for line in said if line.startswith("track=")] == [
        "track=wandb failed, and the training goes on: OSError: no space left",
        "track=wandb 32 of what it was given failed, and 0 steps were too fast for it",
    ]
