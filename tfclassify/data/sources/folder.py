"""A folder with one sub-folder per label and one text per file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from tfclassify.data.sources.columns import LONGEST_ROW_BYTES, Columns, Skipped, parts, uncounted
from tfclassify.data.sources.files import codec_of, file_path, local, reading
from tfclassify.errors import UsageError

# As aclImdb calls texts that nobody has labelled.
UNLABELLED = frozenset({"unsup"})
SPLITS = frozenset({"train", "test", "validation", "valid", "val", "dev"})
SCHEMA = pa.schema([("text", pa.string()), ("label", pa.string()), ("id", pa.string())])

Row = tuple[str, str, str]


def read_folder(location: str, columns: Columns, *, skipped: Skipped = uncounted) -> Iterator[pa.RecordBatch]:
    """Reads every file under every sub-folder in the order of their paths, except hidden ones and ``unsup``.

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
    labels = [folder for folder in _folders(local(location)) if folder.name not in UNLABELLED]
    if not labels:
        raise UsageError(f"{location} has no sub-folder; expected one sub-folder per label with text files in it")
    _check_no_splits(location, labels)
    for label in labels:
        for path in _files(label):
            yield label.name, path


def passed_over(location: str) -> dict[str, int]:
    """Returns the files of a folder that are in no row, by the sub-folder that they are in; "" for those in none."""
    folder = local(location)
    unlabelled = {entry.name: sum(1 for _ in _files(entry)) for entry in _folders(folder) if entry.name in UNLABELLED}
    with reading(location, None):
        loose = sum(1 for entry in folder.iterdir() if entry.is_file() and not _hidden(entry.name))
    return {name: files for name, files in {**unlabelled, "": loose}.items() if files}


def _folders(folder: Path) -> list[Path]:
    with reading(str(folder), None):
        return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not _hidden(entry.name))


def _check_no_splits(location: str, labels: Sequence[Path]) -> None:
    """Refuses the folder over those of the splits, which would be taken for labels."""
    splits = [label.name for label in labels if label.name.lower() in SPLITS and _folders(label)]
    if "train" in splits:
        folder = location.rstrip("/")
        named = {name: "test" if name.lower() == "test" else "validation" for name in splits if name != "train"}
        settings = [f"data.{key}={folder}/{name}" for name, key in {"train": "train", **named}.items()]
        raise UsageError(f"{location} holds splits rather than labels; set {' and '.join(settings)}")


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
