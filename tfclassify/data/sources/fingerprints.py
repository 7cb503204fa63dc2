"""Fingerprints of data: equal for equal bytes, so that what was made of them can be found again."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfclassify.data.sources.files import file_path, local, reading
from tfclassify.data.sources.finding import SOURCES, find_source
from tfclassify.data.sources.folder import label_files
from tfclassify.data.sources.sample import sample_file
from tfclassify.data.sources.saved import saved_files
from tfclassify.data.sources.tfds import prepared
from tfclassify.errors import UsageError

# Some file systems know when a file was changed to two seconds only.
COARSEST_SECONDS = 2.5


@dataclass(frozen=True)
class Mark:
    """The bytes of a location at one moment.

    Attributes:
        location: as it was given.
        sha256: their SHA-256 in hexadecimal.
        files: of each file the path, the inode, the size, and when it and its inode were last changed.
        settled: whether that was so long before that a later change must show in ``files``.
    """

    location: str
    sha256: str
    files: tuple[tuple[Any, ...], ...]
    settled: bool


def mark_of(location: str) -> Mark | None:
    """Marks the bytes of a location; None for a source of one's own.

    Raises:
        UsageError: nothing reads this location, or nothing is there.
    """
    begun = time.time()
    files = _state(location)
    digest = fingerprint(location)
    if digest is None:
        return None
    newest = max((times for _, _, _, *changes in files for times in changes), default=0) / 1e9
    return Mark(location, digest, files, settled=newest + COARSEST_SECONDS < begun)


def is_unchanged(mark: Mark) -> bool:
    """Says whether a location has the bytes that it had; reads them again only where its files do not tell."""
    try:
        if mark.settled and _state(mark.location) == mark.files:
            return True
        return fingerprint(mark.location) == mark.sha256
    except UsageError:
        return False


def fingerprint(location: str) -> str | None:
    """Returns the SHA-256, in hexadecimal, of a location's bytes; None for a source of one's own.

    Raises:
        UsageError: nothing reads this location, or nothing is there.
    """
    found = _files(location)
    if found is None:
        return None
    name, folder, paths = found
    with reading(location, None):
        return _digest(paths[0]) if folder is None else _combined(paths, folder, name=name)


def _state(location: str) -> tuple[tuple[Any, ...], ...]:
    found = _files(location)
    if found is None:
        return ()
    with reading(location, None):
        stats = [(str(path), path.stat()) for path in found[2]]
    return tuple((path, each.st_ino, each.st_size, each.st_mtime_ns, each.st_ctime_ns) for path, each in stats)


def _files(location: str) -> tuple[str, Path | None, list[Path]] | None:
    """Returns all files of a location, the folder that they are in where there may be several, and a name for both."""
    source = find_source(location)
    kinds = [kind for kind, entry in SOURCES.items() if entry is source]
    if not kinds:
        return None
    with reading(location, None):
        if kinds[0] == "sample":
            return "", None, [Path(sample_file(location))]
        if kinds[0] == "tfds":
            builder, split = prepared(location)
            folder = Path(builder.data_dir)
            paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
            return f"{builder.info.full_name}:{split}", folder, paths
        if kinds[0] == "saved":
            return "", local(location), saved_files(location)
        if kinds[0] == "folder":
            return "", local(location), [path for _, path in label_files(location) if path.is_file()]
        return "", None, [file_path(location)]


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _combined(paths: Iterable[Path], folder: Path, *, name: str) -> str:
    digest = hashlib.sha256(name.encode())
    for path in paths:
        digest.update(b"\0" + os.fsencode(path.relative_to(folder).as_posix()) + b"\0" + _digest(path).encode())
    return digest.hexdigest()
