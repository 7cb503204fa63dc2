"""A folder with one sub-folder per label and one text per file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from tfclassify.data.sources.columns import BATCH_BYTES, BATCH_ROWS, Columns, Skipped, uncounted
from tfclassify.data.sources.files import codec_of, reading
from tfclassify.errors import UsageError

SCHEMA = pa.schema([("text", pa.string()), ("label", pa.string()), ("id", pa.string())])

Row = tuple[str, str, str]


def read_folder(location: str, columns: Columns, *, skipped: Skipped = uncounted) -> Iterator[pa.RecordBatch]:
    """Reads every file under every sub-folder in the order of their paths, except hidden ones.

    The columns are ``text`` (the file as it is), ``label`` (the sub-folder's name) and ``id`` (the path
    within the folder, with ``/``). With ``bad_rows="skip"`` files that cannot be decoded are left out and
    counted.

    Raises:
        UsageError: there is no sub-folder, or a file that cannot be decoded.
    """
    folder = Path(location).expanduser()
    rows: list[Row] = []
    size = bad = 0
    for label, path in label_files(location):
        text = _text(path, columns)
        if text is None:
            bad += 1
            continue
        rows.append((text, label, path.relative_to(folder).as_posix()))
        size += len(text)
        if len(rows) == BATCH_ROWS or size >= BATCH_BYTES:
            skipped(bad)
            yield _batch(rows)
            rows, size, bad = [], 0, 0
    skipped(bad)
    yield _batch(rows)


def label_files(location: str) -> Iterator[tuple[str, Path]]:
    """Gives label and path of every file under the sub-folders of a folder, in the order of their paths."""
    folder = Path(location).expanduser()
    labels = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not _hidden(entry.name))
    if not labels:
        raise UsageError(f"{location} has no sub-folder; expected one sub-folder per label with text files in it")
    for label in labels:
        for path in _files(label):
            yield label.name, path


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        # os.walk goes where this list says, in its order.
        folders[:] = sorted(name for name in folders if not _hidden(name))
        yield from (Path(place, name) for name in sorted(names) if not _hidden(name))


def _hidden(name: str) -> bool:
    return name.startswith(".")


def _text(path: Path, columns: Columns) -> str | None:
    try:
        with reading(str(path), columns.encoding):
            data = path.read_bytes()
            codec = codec_of(data[:4], columns.encoding, location=str(path))
            return data.decode("utf-8-sig" if codec == "utf-8" else codec)
    except UsageError:
        if columns.bad_rows == "skip":
            return None
        raise


def _batch(rows: list[Row]) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    return pa.RecordBatch.from_arrays([pa.array(column, pa.string()) for column in columns], schema=SCHEMA)
