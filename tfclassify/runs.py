"""The run directory: one training and everything later made from it."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from tfclassify.errors import UsageError, nearest

PACKAGES = ("tfclassify", "tensorflow", "tf-keras", "tensorflow-text", "transformers", "numpy", "scikit-learn")


@dataclass(frozen=True)
class Run:
    """A directory and the names of what is in it."""

    folder: Path

    @property
    def plan(self) -> Path:
        """The resolved settings."""
        return self.folder / "plan.yaml"

    @property
    def reasons(self) -> Path:
        """Why each value was chosen, and what it was expected to cost."""
        return self.folder / "reasons.md"

    @property
    def manifest(self) -> Path:
        """Versions, seed, fingerprints of the data, state."""
        return self.folder / "manifest.json"

    @property
    def labels(self) -> Path:
        """Label names, kind of task, calibration."""
        return self.folder / "labels.json"

    @property
    def history(self) -> Path:
        """One line of metrics per epoch."""
        return self.folder / "metrics.jsonl"

    @property
    def weights(self) -> Path:
        """The weights of the best epoch."""
        return self.folder / "weights" / "best" / "model.safetensors"

    @property
    def huggingface(self) -> Path:
        """The same in the files that other libraries read."""
        return self.folder / "huggingface"

    @property
    def report(self) -> Path:
        """The report as JSON; the page lies beside it."""
        return self.folder / "report.json"


def create(asked: str | None, name: str) -> Run:
    """Makes the directory of a new run: the one asked for, or runs/<name>-<time>.

    Raises:
        UsageError: the directory already holds a run.
    """
    run = Run(Path(asked) if asked else _unused(Path("runs"), name))
    if run.manifest.exists():
        state = json.loads(run.manifest.read_text(encoding="utf-8"))["state"]
        raise UsageError(f"run={run.folder} already holds a {state} run; give the name of a new directory")
    run.weights.parent.mkdir(parents=True, exist_ok=True)
    return run


def open_run(folder: str) -> Run:
    """Opens a run that has been trained.

    Raises:
        UsageError: there is no such directory, or it holds no trained classifier.
    """
    run = Run(Path(folder))
    if not run.folder.is_dir():
        raise UsageError(f"run={folder} does not exist{_near(run.folder)}")
    missing = [path.name for path in (run.plan, run.labels, run.weights) if not path.is_file()]
    if missing:
        raise UsageError(f"run={folder} holds no trained classifier (no {', '.join(missing)})")
    return run


def data_name(location: str) -> str:
    """Returns the name of a data set: the sample's, or that of the file's folder or of the file."""
    if ":" in location and not Path(location).exists():
        return _plain(location.partition(":")[2])
    path = Path(location)
    stem = path.name.split(".")[0]
    return _plain(path.resolve().parent.name if stem in ("train", "data") else stem)


def write_json(path: Path, values: Any) -> None:
    """Writes values as indented JSON, whole or not at all."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    aside.write_text(json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    aside.replace(path)


def manifest(*, state: str, seed: int, data: Mapping[str, Any], **facts: Any) -> dict[str, Any]:
    """Describes what made a run: versions, machine, seed, data, and what the caller adds."""
    return {
        "state": state,
        "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seed": seed,
        "versions": {"python": platform.python_version(), **_versions()},
        "machine": {"system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count()},
        "git": _commit(),
        "data": dict(data),
        **facts,
    }


def cache_folder() -> Path:
    """Returns the folder for what can be made again: ``TFCLASSIFY_CACHE``, or tfclassify in the user's cache."""
    given = os.environ.get("TFCLASSIFY_CACHE")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tfclassify"


def _unused(parent: Path, name: str) -> Path:
    stamp = f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    candidates = [parent / stamp, *(parent / f"{stamp}-{number}" for number in range(2, 1000))]
    return next(folder for folder in candidates if not folder.exists())


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "data"


def _near(folder: Path) -> str:
    beside = [str(other) for other in folder.parent.iterdir()] if folder.parent.is_dir() else []
    return nearest(str(folder), beside)


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def _commit() -> str | None:
    """Returns the commit of the code that runs, where it is a checkout."""
    folder = Path(sys.modules["tfclassify"].__file__ or ".").parent
    try:
        asked = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return asked.stdout.strip() or None
