"""Weights & Biases, with the real package, offline: what it would send is read from the file it keeps it in."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made_endings import made_plan, made_run
from wandb.proto.wandb_internal_pb2 import Record

from tfclassify.learning.tracking.tracker import Ending
from tfclassify.learning.tracking.weights_and_biases import begin

BLOCK, HEADER = 32768, 7


def blocks(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Cuts a file of LevelDB's log format into its pieces: checksum, length and kind before each."""
    place = HEADER
    while place + HEADER <= len(data):
        _, length, kind = struct.unpack("<IHB", data[place : place + HEADER])
        if not kind:
            return
        yield kind, data[place + HEADER : place + HEADER + length]
        place += HEADER + length
        if BLOCK - place % BLOCK < HEADER:
            place += BLOCK - place % BLOCK


def records(file: Path, *, seconds: float = 60.0) -> list[Record]:
    """Reads a file of W&B when it is whole: its own process goes on writing after a run has been finished."""
    end = time.monotonic() + seconds
    while True:
        made = records_so_far(file)
        if any(record.WhichOneof("record_type") == "exit" for record in made):
            return made
        assert time.monotonic() < end, "the file has no end"
        time.sleep(0.1)


def records_so_far(file: Path) -> list[Record]:
    """Whole records are of kind 1, others begin with 2 and end with 4."""
    made, whole = [], b""
    for kind, piece in blocks(file.read_bytes()):
        whole += piece
        if kind in (1, 4):
            made.append(Record.FromString(whole))
            whole = b""
    return made


def files(folder: Path) -> list[Path]:
    return sorted((folder / "wandb").glob("offline-run-*/run-*.wandb"))


def history(found: list[Record]) -> list[dict[str, Any]]:
    rows = [record.history.item for record in found if record.WhichOneof("record_type") == "history"]
    return [{item.key or item.nested_key[0]: json.loads(item.value_json) for item in row} for row in rows]


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that stopped after two steps, and went on in the same process."""
    folder = tmp_path_factory.mktemp("runs") / "letters"
    run, plan = made_run(folder), made_plan()
    first = begin(plan, run, pytest.fail)
    for steps in (1, 2):
        first.step(steps, {"train/loss": 1.0 / steps})
    first.end(2, Ending("stopped"))
    second = begin(plan, run, pytest.fail)
    second.step(2, {"train/loss": 0.25})
    second.epoch(2, {"validation/accuracy": 0.5})
    second.end(2, Ending("finished", {"splits": {"test": {"accuracy": 0.75}}}))
    return folder


def test_a_run_is_one_run_however_often_it_goes_on(tracked: Path) -> None:
    first, second = files(tracked)
    name = (tracked / "wandb" / "run_id").read_text(encoding="utf-8").strip()
    assert {file.stem for file in (first, second)} == {f"run-{name}"}
    for file in (first, second):
        runs = [record.run for record in records(file) if record.WhichOneof("record_type") == "run"]
        assert (runs[0].run_id, runs[0].project, runs[0].display_name) == (name, "tfclassify", "letters")


def test_the_plan_is_its_configuration(tracked: Path) -> None:
    runs = [record.run for record in records(files(tracked)[0]) if record.WhichOneof("record_type") == "run"]
    config = {item.key: json.loads(item.value_json) for item in runs[0].config.update}
    assert (config["seed"], config["model"]["name"]) == (7, "random-tiny")
    assert config["predicted"] == {"seconds_per_epoch": 2.0, "peak_memory_bytes": 1000, "padding_share": 0.25}


def test_figures(tracked: Path) -> None:
    first, second = (history(records(file)) for file in files(tracked))
    assert [(row["steps"], row["train/loss"]) for row in first] == [(1, 1.0), (2, 0.5)]
    assert [(row["steps"], row.get("train/loss"), row.get("validation/accuracy")) for row in second] == [
        (2, 0.25, None),
        (2, None, 0.5),
    ]


def test_the_page_is_an_artefact(tracked: Path) -> None:
    first, second = (
        [record.artifact for record in records(file) if record.WhichOneof("record_type") == "artifact"]
        or [
            record.request.log_artifact.artifact
            for record in records(file)
            if record.request.WhichOneof("request_type") == "log_artifact"
        ]
        for file in files(tracked)
    )
    # One that stopped has no report.
    assert first == []
    assert [artifact.type for artifact in second] == ["report"]
    assert {entry.path for entry in second[0].manifest.contents} == {"report.html", "report.json", "plan.yaml"}


def test_how_it_ended(tracked: Path) -> None:
    ended = [
        [record.exit.exit_code for record in records(file) if record.WhichOneof("record_type") == "exit"]
        for file in files(tracked)
    ]
    assert ended == [[75], [0]]


def test_a_run_of_ones_own_is_left_alone(tmp_path: Path) -> None:
    import wandb

    own = wandb.init(project="own", dir=str(tmp_path), settings=wandb.Settings(console="off", silent=True))
    tracker = begin(made_plan(), made_run(tmp_path / "run"), pytest.fail)
    tracker.step(1, {"train/loss": 1.0})
    tracker.end(1, Ending("finished"))
    assert wandb.run is own
    own.log({"mine": 1})
    own.finish()
    (theirs,), (ours,) = files(tmp_path), files(tmp_path / "run")
    assert ["mine" in row for row in history(records(theirs))] == [True]
    assert [row["steps"] for row in history(records(ours))] == [1]


def run_python(code: str, folder: Path, **environment: str) -> str:
    """Runs it in a process of its own: W&B looks at its environment only once."""
    here = Path(__file__).parent
    told = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")} | {
        "WANDB_ERROR_REPORTING": "false",
        "WANDB_DATA_DIR": str(folder),
        "WANDB_CACHE_DIR": str(folder),
        "WANDB_CONFIG_DIR": str(folder),
        "NETRC": str(folder / "netrc"),
        "PYTHONPATH": os.pathsep.join([str(here), str(here.parents[2])]),
        **environment,
    }
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=told, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


CODE = """
import sys
from pathlib import Path
from made_endings import made_plan, made_run
from tfclassify.learning.tracking import weights_and_biases
from tfclassify.learning.tracking.background import Background
from tfclassify.learning.tracking.tracker import Ending
weights_and_biases.CONNECT_SECONDS = 2
run = made_run(Path({folder!r}))
tracker = Background("wandb", lambda say: weights_and_biases.begin(made_plan(), run, say))
for steps in range(1, 4):
    tracker.step(steps, {{"train/loss": 1.0}})
tracker.end(3, Ending("finished"))
for line in tracker.news():
    print(line)
print("keras" in sys.modules, "tensorflow.keras" in sys.modules)
"""


@pytest.mark.slow
def test_no_network(tmp_path: Path) -> None:
    """Nobody listens where W&B should be: a second says so, and what it would get is kept."""
    environment = {"WANDB_API_KEY": "a" * 40, "WANDB_BASE_URL": "http://127.0.0.1:9"}
    first, *rest = run_python(CODE.format(folder=str(tmp_path / "run")), tmp_path, **environment).splitlines()
    assert first.startswith("track=wandb cannot reach W&B (")
    assert first.endswith(f"); what it would get is in {tmp_path / 'run' / 'wandb'}, for 'wandb sync'")
    # It has touched no Keras, of which two are installed.
    assert rest == ["False False"]
    (file,) = files(tmp_path / "run")
    assert [row["steps"] for row in history(records(file))] == [1, 2, 3]


@pytest.mark.slow
def test_no_key(tmp_path: Path) -> None:
    """It would ask for one on the terminal."""
    lines = run_python(CODE.format(folder=str(tmp_path / "run")), tmp_path).splitlines()
    assert lines == [
        f"track=wandb has no key, so that nothing is sent; what it would get is in {tmp_path / 'run' / 'wandb'}, "
        "for 'wandb sync'",
        "False False",
    ]
    assert len(history(records(files(tmp_path / "run")[0]))) == 3


def test_an_agent_of_theirs_chooses_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tfclassify.learning.tracking.weights_and_biases import _identity

    monkeypatch.setenv("WANDB_RUN_ID", "theirs")
    assert _identity(tmp_path / "run_id") == "theirs"
    monkeypatch.delenv("WANDB_RUN_ID")
    made = _identity(tmp_path / "run_id")
    assert made != _identity(tmp_path / "other")
    assert made == _identity(tmp_path / "run_id")
