"""The run directory: one training and everything later made from it."""

from __future__ import annotations

import errno
import json
import os
import platform
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from tfclassify.errors import UsageError, closest
from tfclassify.hardware import usable_cores

PACKAGES = ("tfclassify", "tensorflow", "tf-keras", "tensorflow-text", "transformers", "numpy", "scikit-learn")
LOCK = "lock"
GO_ON = "python -m tfclassify.train run="


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
    def features(self) -> Path:
        """What was measured of the features, where rows have any."""
        return self.folder / "features.json"

    @property
    def history(self) -> Path:
        """One line of metrics per epoch."""
        return self.folder / "metrics.jsonl"

    @property
    def weights(self) -> Path:
        """The weights of the best epoch."""
        return self.folder / "weights" / "best" / "model.safetensors"

    @property
    def baseline(self) -> Path:
        """The weights of the in-graph baseline, where answers use one."""
        return self.folder / "weights" / "baseline" / "model.safetensors"

    @property
    def settled(self) -> Path:
        """The numbers behind what validation rows settled, by settings key."""
        return self.folder / "settled.json"

    @property
    def checkpoints(self) -> Path:
        """What an unfinished training goes on from; gone when it is finished."""
        return self.folder / "checkpoints"

    @property
    def huggingface(self) -> Path:
        """The same in the files that other libraries read."""
        return self.folder / "huggingface"

    @property
    def report(self) -> Path:
        """The report as JSON; the page lies beside it."""
        return self.folder / "report.json"


def create(asked: str | None, name: str) -> Run:
    """Makes the directory of a new run: the one asked for, or runs/<name>-<time>, which no other process takes.

    Raises:
        UsageError: the directory already holds a run, or cannot be made.
    """
    folder = Path(os.path.expanduser(asked)) if asked else Path("runs", f"{name}-{time.strftime('%Y%m%d-%H%M%S')}")
    try:
        run = Run(folder if asked else claimed(folder))
        refuse_taken(str(run.folder))
        run.weights.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"run={folder} cannot be made: {error.strerror}") from error
    return run


def named_run(folder: str) -> Run:
    """Returns the run of a directory, whether there is one or not."""
    return Run(Path(os.path.expanduser(folder)))


def refuse_taken(folder: str) -> None:
    """Raises UsageError if the directory already holds a run."""
    run = named_run(folder)
    if run.manifest.exists():
        raise UsageError(f"run={folder} already holds a {state_of(run)} run; give the name of a new directory")


@contextmanager
def only_writer(run: Run) -> Iterator[None]:
    """Lets no other process train the same run, not even one on another machine where its file system tells.

    Raises:
        UsageError: another process does, or the directory cannot be written to.
    """
    run.checkpoints.mkdir(parents=True, exist_ok=True)
    lock = FileLock(run.checkpoints / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UsageError(
            f"run={run.folder} is being trained by another process; wait for its end, or give another run=DIR"
        ) from error
    try:
        yield
    finally:
        lock.release()


def open_run(folder: str) -> Run:
    """Opens a run that has been trained.

    Raises:
        UsageError: there is no such directory, or it holds no trained classifier.
    """
    run = Run(Path(os.path.expanduser(folder)))
    if not os.path.isdir(run.folder):
        known = "is a file" if os.path.isfile(run.folder) else "does not exist"
        raise UsageError(f"run={folder} {known}; expected the directory of a run{_near(run.folder)}")
    missing = [path.name for path in (run.plan, run.labels, run.weights) if not path.is_file()]
    if missing:
        begun = f"; its training has not ended, go on with: {GO_ON}{folder}" if run.manifest.is_file() else ""
        raise UsageError(f"run={folder} holds no trained classifier (no {', '.join(missing)}){begun}")
    return run


def told_unended(run: Run, tell: Callable[[str], None]) -> None:
    """Tells where what answers are the best weights so far of a training that has not ended."""
    if state_of(run) in ("training", "stopped", "failed"):
        tell(
            f"the training of run={run.folder} has not ended, and what answers are its best weights so far; "
            f"go on with: {GO_ON}{run.folder}"
        )


def claimed(folder: Path) -> Path:
    """Makes a new folder of this name, with a number behind it where there is one already; no other process gets it.

    Raises:
        OSError: it cannot be made.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    for name in (folder.name, *(f"{folder.name}-{number}" for number in range(2, 1000))):
        with suppress(FileExistsError):
            folder.with_name(name).mkdir()
            return folder.with_name(name)
    raise FileExistsError(errno.EEXIST, "a thousand runs of this second are there")


def data_name(location: str) -> str:
    """Returns a name for a data set in letters that any file system takes.

    It is what stands behind ``tfds:`` or ``sample:``, or the name of the file, or that of its folder where the
    file is only called train or data.
    """
    if ":" in location and not os.path.exists(location):
        return _plain(location.partition(":")[2])
    stem = Path(location).name.split(".")[0]
    return _plain(Path(os.path.abspath(location)).parent.name if stem in ("train", "data") else stem)


def write_text(path: Path, text: str) -> None:
    """Writes a file in UTF-8, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with open(aside, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        # Without it, what a machine leaves that dies may be an empty file of the right name.
        os.fsync(file.fileno())
    aside.replace(path)


def write_json(path: Path, values: Any) -> None:
    """Writes values as indented JSON, whole or not at all.

    Raises:
        ValueError: a number is not finite.
        TypeError: a value is not of JSON.
    """
    write_text(path, json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def manifest(*, state: str, seed: int, data: Mapping[str, Any], **facts: Any) -> dict[str, Any]:
    """Describes what made a run: versions, machine, seed, data, and what the caller adds."""
    return {
        "state": state,
        "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seed": seed,
        "versions": versions(),
        "machine": {"system": platform.system(), "processor": platform.machine(), "cores": usable_cores()},
        "git": _commit(Path(__file__).parent),
        "data": dict(data),
        **facts,
    }


def cache_folder() -> Path:
    """Returns the folder for what can be made again: ``TFCLASSIFY_CACHE``, or tfclassify in the user's cache."""
    given = os.environ.get("TFCLASSIFY_CACHE")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tfclassify"


def token_stores_bytes() -> int:
    """Returns how many bytes the token stores in the cache may take together: ``TFCLASSIFY_TOKEN_STORES_GB``, or 20 GB.

    Raises:
        UsageError: the variable is no number of at least 0.
    """
    given = os.environ.get("TFCLASSIFY_TOKEN_STORES_GB", "20")
    try:
        gigabytes = float(given)
    except ValueError:
        gigabytes = -1.0
    if not 0 <= gigabytes < float("inf"):
        raise UsageError(f"TFCLASSIFY_TOKEN_STORES_GB={given}; expected a number of gigabytes, such as 20")
    return int(gigabytes * 1e9)


def state_of(run: Run) -> str:
    """Returns what the manifest says: ``training``, ``stopped``, ``failed`` or ``finished``; else ``damaged``."""
    try:
        return str(json.loads(run.manifest.read_text(encoding="utf-8"))["state"])
    except (OSError, ValueError, LookupError, TypeError):
        return "damaged"


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:60].strip("-.") or "data"


def _near(folder: Path) -> str:
    beside = folder.parent.iterdir() if os.path.isdir(folder.parent) else ()
    # Whole paths would all be like each other.
    match = closest(folder.name, [other.name for other in beside if other.is_dir()])
    return "" if match is None else f"; did you mean '{folder.with_name(match)}'?"


def versions() -> dict[str, str]:
    """Returns the versions of Python and of the packages that a training depends on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def _commit(folder: Path) -> str | None:
    """Returns the last commit of the code in a folder, where it is part of a checkout and not only lies in one."""
    commit = _git(folder, "log", "-1", "--format=%H", "--", ".")
    return f"{commit}-changed" if commit and _git(folder, "status", "--porcelain", "--", ".") else commit or None


def _git(folder: Path, *words: str) -> str:
    try:
        asked = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.strip()
