"""Checkpoints on disk: written whole or not at all, proven by their manifests, the newest valid one found again.

Everything is made in a hidden folder beside, and every file flushed to the disk before the manifest, with sizes and
SHA-256 of all others, is written; only then the folder gets its name. Whoever dies in between leaves no checkpoint, and
the one before it in its place.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

VALUES, STATE, BEST, MANIFEST = "values.safetensors", "state.json", "best.safetensors", "manifest.json"
PREFIX = "step-"
FIRST = f"{PREFIX}0"
# Of a disk that is as full as this nobody should take the rest.
SPARE_BYTES = 16_000_000

Values = Mapping[str, NDArray]


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint as read: its folder, the arrays by name, and the rest of the state as plain values."""

    folder: Path
    values: Values
    state: Mapping[str, Any]

    @property
    def best(self) -> Path | None:
        """The best weights as they were then, if there were any."""
        file = self.folder / BEST
        return file if file.is_file() else None


def write_checkpoint(parent: Path, step: int, values: Values, state: Mapping[str, Any], *, best: Path | None) -> Path:
    """Writes a checkpoint and returns its folder.

    Args:
        parent: the folder of all checkpoints; it is made.
        step: of the whole training; names the folder. A checkpoint of this name is replaced.
        values: arrays by name.
        state: values of JSON.
        best: the best weights so far; they are linked, or copied where there are no links.

    Raises:
        OSError: it could not be written; there is too little space, for one.
    """
    parent.mkdir(parents=True, exist_ok=True)
    _look_for_space(parent, sum(array.nbytes for array in values.values()))
    aside = parent / f".{PREFIX}{step}-{os.getpid()}"
    shutil.rmtree(aside, ignore_errors=True)
    try:
        aside.mkdir()
        _save(aside / VALUES, values)
        (aside / STATE).write_text(json.dumps(state, allow_nan=False), encoding="utf-8")
        if best is not None:
            _link(best, aside / BEST)
        _prove(aside)
        return _publish(aside, parent / f"{PREFIX}{step}")
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def read_checkpoint(folder: Path) -> Checkpoint:
    """Reads a checkpoint, every byte of it compared with its manifest.

    Raises:
        ValueError: it is not what was written.
        OSError: it cannot be read.
    """
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    for name, expected in manifest["files"].items():
        if _proof(folder / name) != expected:
            raise ValueError(f"{name} is not as it was written")
    try:
        values = load_file(folder / VALUES)
    except SafetensorError as error:
        raise ValueError(f"{VALUES}: {error}") from error
    return Checkpoint(folder, values, json.loads((folder / STATE).read_text(encoding="utf-8")))


def newest_checkpoint(parent: Path) -> tuple[Checkpoint | None, dict[str, str]]:
    """Finds the valid checkpoint of the latest step, whatever the clock says.

    Returns:
        The checkpoint, None where there is none, and what is wrong with each newer one, by the folder's name.
    """
    broken: dict[str, str] = {}
    for folder in reversed(by_step(parent)):
        try:
            return read_checkpoint(folder), broken
        except (ValueError, LookupError, TypeError, AttributeError, OSError) as error:
            broken[folder.name] = " ".join(str(error).split()) or type(error).__name__
    return None, broken


def by_step(parent: Path) -> list[Path]:
    """Returns the folders of all checkpoints, valid or not, by rising step."""
    found = [path for path in parent.glob(f"{PREFIX}*") if path.name.removeprefix(PREFIX).isdecimal()]
    return sorted(found, key=lambda path: int(path.name.removeprefix(PREFIX)))


def prune(parent: Path, *, keep: int) -> None:
    """Removes all but the latest checkpoints, and what dead processes have left."""
    for folder in [*by_step(parent)[:-keep], *parent.glob(f".{PREFIX}*")]:
        shutil.rmtree(folder, ignore_errors=True)


def flush(path: Path) -> None:
    """Makes a file, or the names in a folder, survive the machine's end."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _look_for_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + SPARE_BYTES:
        raise OSError(errno.ENOSPC, f"{free / 1e6:.0f} MB are free, it takes {needed / 1e6:.0f} MB and some to spare")


def _save(file: Path, values: Values) -> None:
    try:
        save_file({name: np.asarray(array, order="C") for name, array in values.items()}, file)
    except SafetensorError as error:
        # The library says what the system said, but not as the system says it.
        raise OSError(errno.EIO, str(error)) from error


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        # Not every file system has hard links.
        shutil.copyfile(source, target)


def _prove(folder: Path) -> None:
    """Flushes every file, and writes what they are; that is flushed as well, and after them."""
    files = sorted(folder.iterdir())
    for file in files:
        flush(file)
    manifest = folder / MANIFEST
    manifest.write_text(json.dumps({"files": {file.name: _proof(file) for file in files}}), encoding="utf-8")
    flush(manifest)
    flush(folder)


def _proof(file: Path) -> dict[str, Any]:
    with open(file, "rb") as opened:
        return {"bytes": file.stat().st_size, "sha256": hashlib.file_digest(opened, "sha256").hexdigest()}


def _publish(aside: Path, folder: Path) -> Path:
    """Gives a folder its name; a folder cannot take the place of a full one, which goes first."""
    if folder.exists():
        replaced = aside.with_name(f"{aside.name}-replaced")
        shutil.rmtree(replaced, ignore_errors=True)
        os.rename(folder, replaced)
        shutil.rmtree(replaced, ignore_errors=True)
    os.rename(aside, folder)
    flush(folder.parent)
    return folder
