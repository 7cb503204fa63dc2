"""The lines for a Cloud TPU VM: sound shell, and what they ask of gcloud; nobody here has a TPU."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

FILE = Path(__file__).parents[2] / "deploy" / "tpu_vm.sh"
SAYS = '#!/bin/sh\nfor word in "$@"; do printf "%s\\n" "$word"; done >> "$NOTES"\nprintf -- "--\\n" >> "$NOTES"\n'


def called(folder: Path, *words: str, **environment: str) -> tuple[subprocess.CompletedProcess[str], list[list[str]]]:
    """Runs the script with a gcloud that only notes what it is asked."""
    (folder / "gcloud").write_text(SAYS, encoding="utf-8")
    (folder / "gcloud").chmod(0o755)
    notes = folder / "notes"
    told = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "NOTES": str(notes), **environment}
    done = subprocess.run([str(FILE), *words], env=told, cwd=folder, capture_output=True, text=True, check=False)
    calls = notes.read_text("utf-8").split("--\n")[:-1] if notes.exists() else []
    return done, [call.splitlines() for call in calls]


PLACE = {"TPU": "mine", "ZONE": "europe-west4-b", "BUCKET": "gs://bucket/runs"}


def test_the_shell_is_sound() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    done = subprocess.run(["shellcheck", str(FILE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_usage(tmp_path: Path) -> None:
    done, calls = called(tmp_path, **PLACE)
    assert (done.returncode, calls) == (2, [])
    assert done.stderr.endswith("create | install | train SETTINGS... | delete\n")


@pytest.mark.parametrize("missing", ["TPU", "ZONE"])
def test_it_says_what_it_has_to_know(tmp_path: Path, missing: str) -> None:
    done, calls = called(tmp_path, "create", **{name: value for name, value in PLACE.items() if name != missing})
    assert done.returncode != 0
    assert calls == []
    assert f"{missing}: {'name' if missing == 'TPU' else 'zone'}" in done.stderr


def test_create_and_delete(tmp_path: Path) -> None:
    called(tmp_path, "create", **PLACE)
    _, calls = called(tmp_path, "delete", **PLACE)
    verb = ["compute", "tpus", "tpu-vm"]
    kind = ["--accelerator-type=v5litepod-8", "--version=v2-alpha-tpuv5-lite", "--spot"]
    assert calls == [
        [*verb, "create", "mine", "--zone=europe-west4-b", *kind],
        [*verb, "delete", "mine", "--zone=europe-west4-b", "--quiet"],
    ]


def test_what_is_trained_there(tmp_path: Path) -> None:
    (tmp_path / "it's.csv").write_text("text,label\n", encoding="utf-8")
    done, calls = called(tmp_path, "train", "run=runs/a", "data.train=it's.csv", "data.test=sample:x", **PLACE)
    assert done.returncode == 0, done.stderr
    assert calls[0] == ["compute", "tpus", "tpu-vm", "scp", "it's.csv", "mine:", "--zone=europe-west4-b"]
    assert len(calls) == 2
    remote = "\n".join(calls[1])
    assert r"-m tfclassify.train run=runs/a data.train=it\'s.csv data.test=sample:x train.strategy=tpu" in remote
    assert "gcloud storage rsync --recursive gs://bucket/runs runs" in remote


def test_what_runs_there_is_sound_too(tmp_path: Path) -> None:
    """It goes through two shells: what the second one gets is read by it without running it."""
    _, calls = called(tmp_path, "train", "run=runs/a b", **PLACE)
    remote = "\n".join(calls[0]).partition("--command=")[2]
    done = subprocess.run(["bash", "-n", "-c", remote], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert r"run=runs/a\ b" in remote


def test_its_status_is_that_of_the_training(tmp_path: Path) -> None:
    """75 says: the same line again."""
    _, calls = called(tmp_path, "train", "run=runs/a", EVERY_SECONDS="1", **PLACE)
    remote = "\n".join(calls[0]).partition("--command=")[2]
    python = tmp_path / "environment" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 75\n", encoding="utf-8")
    python.chmod(0o755)
    told = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "NOTES": str(tmp_path / "there")}
    done = subprocess.run(["bash", "-c", remote], env=told, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 75, done.stderr
    assert (tmp_path / "there").read_text("utf-8").count("rsync") == 2
