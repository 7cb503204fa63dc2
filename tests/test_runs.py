"""Run directories: named, made once, opened, described; files whole or not at all."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify import runs
from tfclassify.errors import UsageError
from tfclassify.runs import (
    PACKAGES,
    Run,
    cache_folder,
    create,
    data_name,
    manifest,
    open_run,
    told_unended,
    write_json,
    write_text,
)

GIT = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@b",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@b",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "strftime", lambda *_: "20260102-120000")


def message(work: Any, *arguments: Any) -> str:
    with pytest.raises(UsageError) as caught:
        work(*arguments)
    return str(caught.value)


def finished(name: str) -> Run:
    run = create(name, "")
    for path in (run.plan, run.labels, run.weights):
        path.write_text("{}")
    return run


# Making


def test_a_run_that_was_asked_for() -> None:
    run = create("runs/mine", "reviews")
    assert run.folder == Path("runs/mine")
    assert run.weights == Path("runs/mine/weights/best/model.safetensors")
    assert run.weights.parent.is_dir()
    assert list(Path("runs/mine").iterdir()) == [Path("runs/mine/weights")]


def test_a_run_without_a_name_is_called_by_its_data_and_the_time() -> None:
    assert re.fullmatch(r"reviews-\d{8}-\d{6}", create(None, "reviews").folder.name)
    assert create(None, "reviews").folder.parent == Path("runs")


@pytest.mark.usefixtures("noon")
def test_runs_of_the_same_second_do_not_share_a_directory() -> None:
    names = [create(None, "reviews").folder.name for _ in range(3)]
    assert names == ["reviews-20260102-120000", "reviews-20260102-120000-2", "reviews-20260102-120000-3"]


def test_a_directory_without_a_run_may_be_used() -> None:
    Path("mine").mkdir()
    assert create("mine", "").folder == Path("mine")
    assert create("mine", "").folder == Path("mine")


@pytest.mark.parametrize(
    ("written", "state"),
    [
        ('{"state": "finished"}', "finished"),
        ("{}", "damaged"),
        ("[]", "damaged"),
        ("{", "damaged"),
        ("\x00", "damaged"),
    ],
)
def test_a_directory_with_a_run_is_refused(written: str, state: str) -> None:
    write_text(Run(Path("mine")).manifest, written)
    assert message(create, "mine", "x") == f"run=mine already holds a {state} run; give the name of a new directory"
    assert Path("mine/manifest.json").read_text() == written


def test_directories_that_cannot_be_made() -> None:
    Path("file").write_text("")
    Path("runs").write_text("")
    assert message(create, "file", "x") == "run=file cannot be made: Not a directory"
    assert message(create, "file/inner", "x") == "run=file/inner cannot be made: Not a directory"
    assert message(create, "x" * 300, "x") == f"run={'x' * 300} cannot be made: File name too long"
    assert re.fullmatch(r"run=runs/x-\d{8}-\d{6} cannot be made: File exists", message(create, None, "x"))


def test_the_home_directory_is_meant_by_a_tilde(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder / "home"))
    assert create("~/mine", "").folder == folder / "home" / "mine"
    finished("~/other")
    assert open_run("~/other").folder == folder / "home" / "other"


# Opening


def test_a_finished_run_is_opened() -> None:
    run = finished("runs/mine")
    assert open_run("runs/mine") == run


def test_directories_that_hold_no_run() -> None:
    finished("runs/reviews")
    Path("runs/empty").mkdir()
    Path("runs/file").write_text("")
    assert message(open_run, "runs/reviws") == (
        "run=runs/reviws does not exist; expected the directory of a run; did you mean 'runs/reviews'?"
    )
    assert message(open_run, "no/where/at/all") == "run=no/where/at/all does not exist; expected the directory of a run"
    assert message(open_run, "x" * 300) == f"run={'x' * 300} does not exist; expected the directory of a run"
    assert message(open_run, "runs/file").startswith("run=runs/file is a file; expected the directory of a run")
    assert message(open_run, "runs/empty") == (
        "run=runs/empty holds no trained classifier (no plan.yaml, labels.json, model.safetensors)"
    )


def test_a_run_that_was_stopped_before_its_first_weights() -> None:
    finished("mine").weights.unlink()
    assert message(open_run, "mine") == "run=mine holds no trained classifier (no model.safetensors)"
    Path("mine", "manifest.json").write_text('{"state": "stopped"}')
    assert message(open_run, "mine") == (
        "run=mine holds no trained classifier (no model.safetensors); its training has not ended, "
        "go on with: python -m tfclassify.train run=mine"
    )


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("finished", []),
        (
            "stopped",
            [
                "the training of run=mine has not ended, and what answers are its best weights so far; "
                "go on with: python -m tfclassify.train run=mine"
            ],
        ),
    ],
)
def test_weights_of_a_training_that_has_not_ended(state: str, told: list[str]) -> None:
    run = finished("mine")
    write_json(run.manifest, {"state": state})
    heard: list[str] = []
    told_unended(run, heard.append)
    assert heard == told


def test_everything_in_a_run_has_a_place_of_its_own() -> None:
    run = Run(Path("mine"))
    names = ("plan", "reasons", "manifest", "labels", "history", "weights", "huggingface", "report")
    places = [getattr(run, name) for name in names]
    assert len(set(places)) == len(names)
    assert all(Path("mine") in place.parents for place in places)


# Names


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("sample:support", "support"),
        ("tfds:imdb_reviews", "imdb_reviews"),
        ("tfds:glue/sst2:train", "glue-sst2-train"),
        ("reviews.csv", "reviews"),
        ("data/reviews.v2.csv.gz", "reviews"),
        ("data/banking77/train.csv", "banking77"),
        ("data/banking77/train.jsonl.gz", "banking77"),
        ("data/banking77/data.parquet", "banking77"),
        ("data/banking77/train/", "banking77"),
        ("data/banking77/../trec6/train.csv", "trec6"),
        ("reviews/", "reviews"),
        ("my reviews (new).csv", "my-reviews-new"),
        ("评论.csv", "data"),
        ("", "data"),
        (".", "data"),
        ("..", "data"),
        (".hidden.csv", "data"),
        ("-rf.csv", "rf"),
        ("my_sources:warehouse:table 1", "warehouse-table-1"),
    ],
)
def test_names_of_data(location: str, expected: str) -> None:
    assert data_name(location) == expected


def test_a_file_is_named_even_where_it_has_a_colon() -> None:
    Path("a:b.csv").write_text("")
    assert data_name("a:b.csv") == "a-b"


def test_training_rows_of_the_directory_of_work_are_named_after_it(folder: Path) -> None:
    (folder / "banking").mkdir()
    os.chdir(folder / "banking")
    assert data_name("train.csv") == "banking"


@given(st.text() | st.text("abc.:/\\~ -\x00é", max_size=400))
def test_any_location_has_a_name_that_a_file_system_takes(location: str) -> None:
    name = data_name(location)
    assert re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,58}[A-Za-z0-9_])?", name)


@given(st.from_regex(r"[a-z][a-z0-9_]{0,40}", fullmatch=True).filter(lambda name: name not in ("train", "data")))
def test_a_plain_name_is_kept(name: str) -> None:
    assert {data_name(f"{name}.csv"), data_name(f"x/{name}"), data_name(f"tfds:{name}")} == {name}


# Writing


def test_json_is_written_readable_and_in_order(folder: Path) -> None:
    path = folder / "deep" / "er" / "report.json"
    write_json(path, {"b": 1, "a": ["é", None, 0.5]})
    assert path.read_text(encoding="utf-8") == '{\n  "b": 1,\n  "a": [\n    "é",\n    null,\n    0.5\n  ]\n}\n'
    write_json(path, [])
    assert path.read_text(encoding="utf-8") == "[]\n"
    assert os.listdir(path.parent) == ["report.json"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_json_does_not_have_are_refused(folder: Path, value: float) -> None:
    path = folder / "report.json"
    path.write_text("old")
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"a": {"b": [value]}})
    assert path.read_text() == "old"
    assert os.listdir(folder) == ["report.json"]


def test_values_that_json_does_not_have_are_refused(folder: Path) -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_json(folder / "report.json", {"a": {1, 2}})
    assert os.listdir(folder) == []


def test_a_write_that_fails_leaves_the_old_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "report.json"
    write_json(path, {"a": 1})

    def full(descriptor: int) -> None:
        os.truncate(descriptor, 3)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_json(path, {"a": 2})
    assert json.loads(path.read_text()) == {"a": 1}


def test_readers_never_see_half_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "report.json"
    write_json(path, {"a": 1})
    seen = []
    replace = Path.replace

    def looking(self: Path, target: Path) -> Path:
        seen.append(json.loads(path.read_text()))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", looking)
    write_json(path, {"a": 2})
    assert seen == [{"a": 1}]
    assert json.loads(path.read_text()) == {"a": 2}


# Manifest


def test_a_manifest_says_what_made_a_run() -> None:
    found = manifest(state="finished", seed=7, data={"train": "sha256:1"}, epoch=3)
    json.dumps(found, allow_nan=False)
    assert (found["state"], found["seed"], found["data"], found["epoch"]) == ("finished", 7, {"train": "sha256:1"}, 3)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found["written"])
    assert set(found["versions"]) == {"python", *PACKAGES}
    assert found["versions"]["tensorflow"].startswith("2.")
    assert found["machine"]["cores"] == os.cpu_count()
    assert found["git"] is None or re.fullmatch(r"[0-9a-f]{40}(-changed)?", found["git"])


def test_a_package_that_is_missing_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "PACKAGES", ("numpy", "no-such-package"))
    assert manifest(state="", seed=0, data={})["versions"]["no-such-package"] == "not installed"


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
def test_the_commit_is_that_of_the_code_and_of_nothing_around_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GIT.items():
        monkeypatch.setenv(name, value)
    for name in ("code", "environment"):
        (folder / name).mkdir()
        (folder / name / "module.py").write_text("")
    assert commit(folder / "code") is None
    git(folder, "init", "-q")
    assert commit(folder / "code") is None
    (folder / ".gitignore").write_text("environment\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    first = commit(folder / "code")
    assert first is not None
    assert re.fullmatch(r"[0-9a-f]{40}", first)
    assert commit(folder / "environment") is None
    (folder / "code" / "module.py").write_text("changed")
    assert commit(folder / "code") == f"{first}-changed"
    git(folder, "commit", "-q", "-a", "-m", "second")
    assert commit(folder / "code") not in (None, first)


def test_without_git_there_is_no_commit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    assert manifest(state="", seed=0, data={})["git"] is None


def commit(folder: Path) -> str | None:
    return runs._commit(folder)


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)


# Cache


def test_the_cache_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFCLASSIFY_CACHE", "mine")
    monkeypatch.setenv("XDG_CACHE_HOME", "users")
    monkeypatch.setenv("HOME", str(folder))
    assert cache_folder() == Path("mine")
    monkeypatch.delenv("TFCLASSIFY_CACHE")
    assert cache_folder() == Path("users/tfclassify")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == folder / ".cache" / "tfclassify"
