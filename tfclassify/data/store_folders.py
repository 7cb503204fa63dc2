"""Folders of files that are written once: found only when whole, written aside, synced and renamed; held while in use.

A process holds a folder by a lock on its facts, which the system lets go of when the process ends, however it ends:
what nobody holds and is not whole was left behind by one that was killed.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from errno import EDQUOT, ENOSPC
from pathlib import Path
from typing import Any

from tfclassify.errors import UsageError

FACTS = "store.json"
DAY_SECONDS = 24 * 60 * 60

Facts = dict[str, Any]


@dataclass(frozen=True)
class Held:
    """A folder that is not removed as long as the descriptor is open, and what is written down in it."""

    facts: Facts
    descriptor: int


def hold(folder: Path) -> Held | None:
    """Holds a folder; None where it is not there, or a file has not the size it had."""
    path = folder / FACTS
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        # While this waited, the folder may have been removed, or another put in its place.
        if os.path.samestat(os.fstat(descriptor), path.stat()) and (facts := _whole(folder)) is not None:
            os.utime(path)
            return Held(facts, descriptor)
    except OSError:
        pass
    os.close(descriptor)
    return None


def write_folder(folder: Path, fill: Callable[[Path], Facts]) -> Held:
    """Makes a folder whose files ``fill`` writes, and with them what it returns; whole or not at all, and holds it.

    Raises:
        UsageError: the folder's place cannot be written to, or is full.
    """
    _sweep(folder.parent)
    aside = folder.with_name(f".{folder.name.strip('.')}.{uuid.uuid4().hex}")
    try:
        with _making(aside) as descriptor:
            facts = fill(aside)
            facts["bytes"] = {path.name: path.stat().st_size for path in aside.iterdir() if path.name != FACTS}
            os.write(descriptor, json.dumps(facts).encode())
            # A name must not be there before what it stands for is on disk.
            _sync(*aside.iterdir(), aside)
            if _rename(aside, folder):
                fcntl.flock(descriptor, fcntl.LOCK_SH)
                return Held(facts, os.dup(descriptor))
    except OSError as error:
        if error.errno in (ENOSPC, EDQUOT):
            raise UsageError(
                f"{folder.parent} is full; make room, or set TFCLASSIFY_CACHE to another folder"
            ) from error
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    held = hold(folder)
    if held is None:
        raise UsageError(f"{folder} was removed while it was opened; start again")
    return held


def size_of(facts: Facts) -> int:
    """Returns the bytes of the files of a folder."""
    return sum(facts["bytes"].values())


def evict(parent: Path, *, most_bytes: int) -> int:
    """Removes the folders used longest ago until what is left takes no more than so many bytes; none that is held.

    Returns:
        The bytes that are left.
    """
    found = [(folder, facts) for folder in parent.glob("[!.]*") if (facts := _whole(folder)) is not None]
    left = sum(size_of(facts) for _, facts in found)
    for folder, facts in sorted(found, key=lambda each: _last_used(each[0])):
        if left <= most_bytes:
            break
        left -= size_of(facts) if _remove(folder) else 0
    return left


def _whole(folder: Path) -> Facts | None:
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        whole = all((folder / name).stat().st_size == size for name, size in facts["bytes"].items())
    except (OSError, ValueError):
        return None
    return facts if whole else None


@contextmanager
def _making(folder: Path) -> Iterator[int]:
    """Makes a folder whose facts are empty yet, and holds it for oneself alone."""
    unnamed = folder / f"{FACTS}.new"
    try:
        folder.mkdir(parents=True)
        descriptor = os.open(unnamed, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise UsageError(
            f"{folder.parent} cannot be written to ({error.strerror}); set TFCLASSIFY_CACHE to another folder"
        ) from error
    try:
        # Locked before anybody can take it for one that nobody holds.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        unnamed.rename(folder / FACTS)
        yield descriptor
    finally:
        os.close(descriptor)


def _sync(*paths: Path) -> None:
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _rename(aside: Path, folder: Path) -> bool:
    """Gives a folder its name, unless another process was faster: what that wrote is as good."""
    if _whole(folder) is None:
        _remove(folder, damaged=True)
    try:
        aside.rename(folder)
    except OSError:
        if _whole(folder) is None:
            raise
        return False
    _sync(folder.parent)
    return True


def _remove(folder: Path, *, damaged: bool = False) -> bool:
    """Removes a folder unless somebody holds it, or it should be damaged and is not; says whether it is gone."""
    try:
        descriptor = os.open(folder / FACTS, os.O_RDONLY)
    except FileNotFoundError:
        # Without facts nobody can hold it.
        shutil.rmtree(folder, ignore_errors=True)
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if damaged and _whole(folder) is not None:
            return False
        trash = folder.with_name(f".{folder.name.strip('.')}.{uuid.uuid4().hex}")
        folder.rename(trash)
        shutil.rmtree(trash, ignore_errors=True)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _last_used(folder: Path) -> float:
    try:
        return (folder / FACTS).stat().st_mtime
    except OSError:
        return 0.0


def _sweep(parent: Path) -> None:
    """Removes what processes that were killed have left aside; without facts, a day after they last wrote."""
    for aside in parent.glob(".*"):
        # Its owner may remove it at any moment.
        with suppress(OSError):
            last_seconds = max(path.stat().st_mtime for path in (aside, *aside.iterdir()))
            if (aside / FACTS).exists() or time.time() - last_seconds > DAY_SECONDS:
                _remove(aside)
