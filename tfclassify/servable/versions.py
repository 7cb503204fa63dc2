"""Version folders: numbered, whole or not there at all, and never written into again."""

from __future__ import annotations

import errno
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tfclassify.errors import UsageError

NUMBER = re.compile(r"\d+")
# What a disk says that takes no more.
REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)


@dataclass(frozen=True)
class Version:
    """A version that is being made: the folder it is written to, and the number that it will have."""

    folder: Path
    number: int


def newest(folder: Path) -> int:
    """Returns the highest number that a version has, 0 where there is none."""
    names = os.listdir(folder) if folder.is_dir() else []
    return max((int(name) for name in names if NUMBER.fullmatch(name)), default=0)


@contextmanager
def new_version(folder: Path) -> Iterator[Version]:
    """Gives a folder with a name that no server loads; if all goes well it is renamed to the next number.

    Raises:
        UsageError: the folder cannot be written to, or somebody else has taken the number meanwhile.
    """
    number = newest(folder) + 1
    aside = folder / f"writing-{uuid.uuid4().hex[:12]}"
    try:
        try:
            aside.mkdir(parents=True)
        except OSError as error:
            raise UsageError(f"output={folder} cannot be written: {error.strerror}") from error
        yield Version(aside, number)
        _publish(aside, folder / str(number))
    except Exception as error:
        reason = _refusal_of_the_disk(error)
        if reason is None:
            raise
        raise UsageError(f"output={folder} cannot be written: {reason}; make room and export again") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        with suppress(OSError):
            # Only if nothing else is in it: nothing was exported, nothing is left.
            folder.rmdir()


def _refusal_of_the_disk(error: Exception) -> str | None:
    """Returns why the disk did not take what was written, if that is what an error is about."""
    if isinstance(error, OSError):
        return error.strerror if error.errno in REFUSALS else None
    # TensorFlow has errors of its own, with the system's words after the file's name.
    return next((os.strerror(number) for number in REFUSALS if f"; {os.strerror(number)}" in str(error)), None)


def _publish(aside: Path, place: Path) -> None:
    _flush(aside)
    try:
        # Onto a folder with anything in it a rename fails; and no server ever sees a number with nothing behind it.
        os.rename(aside, place)
    except OSError as error:
        raise UsageError(f"{place} was taken while this export was written ({error.strerror}); export again") from error


def _flush(folder: Path) -> None:
    """Waits until the files are on the disk: after a power cut a version must not be there with half its bytes."""
    for path in folder.rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                os.fsync(file.fileno())
