"""Fingerprints of data: equal for equal bytes, so that what was made of them can be found again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from tfclassify.data.sources.files import file_path, local, reading
from tfclassify.data.sources.finding import SOURCES, find_source
from tfclassify.data.sources.folder import label_files
from tfclassify.data.sources.sample import sample_file
from tfclassify.data.sources.saved import saved_files
from tfclassify.data.sources.tfds import prepared


def fingerprint(location: str) -> str | None:
    """Returns the SHA-256, in hexadecimal, of a location's bytes; None for a source of one's own.

    Raises:
        UsageError: nothing reads this location, or nothing is there.
    """
    source = find_source(location)
    kinds = [kind for kind, entry in SOURCES.items() if entry is source]
    if not kinds:
        return None
    with reading(location, None):
        if kinds[0] == "sample":
            return _digest(Path(sample_file(location)))
        if kinds[0] == "tfds":
            builder, split = prepared(location)
            folder = Path(builder.data_dir)
            return _combined(sorted(folder.rglob("*")), folder, name=f"{builder.info.full_name}:{split}")
        if kinds[0] == "saved":
            return _combined(saved_files(location), local(location), name="")
        if kinds[0] == "folder":
            return _combined((path for _, path in label_files(location)), local(location), name="")
        return _digest(file_path(location))


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _combined(paths: Iterable[Path], folder: Path, *, name: str) -> str:
    digest = hashlib.sha256(name.encode())
    for path in paths:
        if path.is_file():
            digest.update(b"\0" + os.fsencode(path.relative_to(folder).as_posix()) + b"\0" + _digest(path).encode())
    return digest.hexdigest()
