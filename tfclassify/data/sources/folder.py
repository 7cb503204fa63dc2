"""A folder with one sub-folder per label and one text per file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from tfclassify.data.sources.columns import LONGEST_ROW_BYTES, Columns, Skipped, parts, uncounted
from tfclassify.data.sources.files import codec_of, file_path, local, reading
from tfclassify.errors import UsageError

SCHEMA = pa.schema([("text", pa.string()), ("label", pa.string()), ("id", pa.string())])

Row = tuple[str, str, str]


def read_folder(location: str, columns: Columns, *, skipped: Skipped = uncounted) -> Iterator[pa.RecordBatch]:
    """Reads every file under every sub-folder in the order of their paths, except hidden ones.

    The columns are ``text`` (the file as it is), ``label`` (the sub-folder's name) and ``id`` (the path
    within the folder, with ``/``). A file may have at most 8 MiB. With ``bad_rows="skip"`` files that cannot
    be read or decoded are left out and counted.

    Raises:
        UsageError: there is no sub-folder, or a file that cannot be read or decoded.
    """
    for part in parts(_rows(location, columns, skipped)):
        fields = zip(*part, strict=True) if part else [()] * len(SCHEMA)
        yield pa.RecordBatch.from_arrays([pa.array(column, pa.string()) for column in fields], schema=SCHEMA)


def label_files(location: str) -> Iterator[tuple[str, Path]]:
    """Gives label and path of every file under the sub-folders of a folder, in the order of their paths."""
    with reading(location, None):
        labels = sorted(entry for entry in local(location).iterdir() if entry.is_dir() and not _hidden(entry.name))
    if not labels:
        raise UsageError(f"{location} has no sub-folder; expected one sub-folder per label with text files in it")
    for label in labels:
        for path in _files(label):
            yield label.name, path


def _rows(location: str, columns: Columns, skipped: Skipped) -> Iterator[tuple[Row, int]]:
    folder = local(location)
    for number, (label, path) in enumerate(label_files(location), 1):
        try:
            text, size = _text(path, columns.encoding)
            row = (text, _encodable(label, path), _encodable(path.relative_to(folder).as_posix(), path))
        except UsageError:
            if columns.bad_rows == "fail":
                raise
            skipped(number)
        else:
            yield row, size


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder, onerror=_unreadable):
        # os.walk goes where this list says, in its order.
        folders[:] = sorted(name for name in folders if not _hidden(name))
        yield from (Path(place, name) for name in sorted(names) if not _hidden(name))


def _unreadable(error: OSError) -> None:
    raise UsageError(f"{error.filename} cannot be read: {error.strerror}") from error


def _hidden(name: str) -> bool:
    return name.startswith(".")


def _text(path: Path, encoding: str | None) -> tuple[str, int]:
    """Returns the text of a file, and its bytes."""
    location = str(path)
    with reading(location, encoding):
        file_path(location)
        if path.stat().st_size > LONGEST_ROW_BYTES:
            raise UsageError(f"{location} is longer than {LONGEST_ROW_BYTES >> 20} MiB; expected a text a file")
        data = path.read_bytes()
        return data.decode(codec_of(data[:4], encoding, location=location)), len(data)


def _encodable(name: str, path: Path) -> str:
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{str(path)!r} has a name that is not UTF-8; give it another") from error
    return name
