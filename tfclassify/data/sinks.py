"""Sinks: where rows go, batch by batch, in bounded memory; a file is there once it is whole."""

from __future__ import annotations

import csv
import gzip
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from math import isfinite
from pathlib import Path, PurePath
from types import SimpleNamespace
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as arrow_parquet

from tfclassify.errors import UsageError, nearest

PIPE = "-"
Write = Callable[[pa.RecordBatch], None]


@contextmanager
def open_sink(location: str, *, separator: str = "|") -> Iterator[Write]:
    """Opens a place for rows.

    Args:
        location: a .csv, .tsv, .jsonl or .parquet file (each but the last also .gz), or ``-`` for CSV on standard
            output. A file is written aside, and takes its name when all rows are in it.
        separator: what stands between the texts of a list in a delimited file.

    Yields:
        A function that takes record batches, all with the columns of the first one; in JSON lines they may differ.

    Raises:
        UsageError: the file's kind is unknown, it cannot be written, or a batch has other columns than the first.
    """
    if location == PIPE:
        with _delimited(sys.stdout.buffer, ",", separator) as write:
            yield partial(_at_once, write)
        return
    with _file(location, _kind(location), separator) as write:
        yield write


def _at_once(write: Write, batch: pa.RecordBatch) -> None:
    """Writes rows that somebody may wait for."""
    write(batch)
    sys.stdout.buffer.flush()


@contextmanager
def _file(location: str, kind: str, separator: str) -> Iterator[Write]:
    path = Path(location).expanduser()
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    stack = ExitStack()
    try:
        with _told(location):
            path.parent.mkdir(parents=True, exist_ok=True)
            write = stack.enter_context(SINKS[kind](_stream(stack, aside, location), separator))
        yield _told(location)(write)
        with _told(location):
            stack.close()
            aside.replace(path)
    finally:
        # After an error nobody wants what is left of the file, which may not even have been made.
        with suppress(OSError, pa.ArrowException):
            stack.close()
        with suppress(OSError):
            aside.unlink()


@contextmanager
def _told(location: str) -> Iterator[None]:
    """Says which file it is that cannot be written."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{location} cannot be written: {error.strerror or error}") from error


def _stream(stack: ExitStack, path: Path, location: str) -> Any:
    file = stack.enter_context(path.open("wb"))
    if not location.lower().endswith(".gz"):
        return file
    return stack.enter_context(gzip.GzipFile(filename="", fileobj=file, mode="wb"))


def _kind(location: str) -> str:
    suffix = PurePath(location.lower().removesuffix(".gz")).suffix.removeprefix(".")
    if suffix not in SINKS or (suffix == "parquet" and location.lower().endswith(".gz")):
        raise UsageError(
            f"{location}: no way to write it; expected a .csv, .tsv or .jsonl file (each also .gz), a .parquet file, "
            f"or - for standard output{nearest(suffix, SINKS)}"
        )
    return suffix


@contextmanager
def _delimited(stream: BinaryIO, delimiter: str, separator: str) -> Iterator[Write]:
    lines: list[str] = []
    # A lone CR is quoted only where the ends of the lines have one.
    writer = csv.writer(SimpleNamespace(write=lines.append), delimiter=delimiter, lineterminator="\r\n")
    names: list[str] = []

    def write(batch: pa.RecordBatch) -> None:
        if not names:
            names.extend(batch.schema.names)
            writer.writerow(names)
        _same_columns(names, batch)
        cells = [[_cell(value, separator) for value in column.to_pylist()] for column in batch.columns]
        writer.writerows(zip(*cells, strict=True))
        stream.write("".join(line.removesuffix("\r\n") + "\n" for line in lines).encode())
        lines.clear()

    yield write
    stream.flush()


def _cell(value: Any, separator: str) -> Any:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return separator.join(value)
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | dict) else value


@contextmanager
def _json_lines(stream: BinaryIO, separator: str) -> Iterator[Write]:
    def write(batch: pa.RecordBatch) -> None:
        for row in batch.to_pylist():
            stream.write(json.dumps(_finite(row), ensure_ascii=False, default=str).encode() + b"\n")

    yield write


def _finite(value: Any) -> Any:
    """Returns a value as JSON has it: null for a number that is none, or has no end."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value


@contextmanager
def _parquet(stream: BinaryIO, separator: str) -> Iterator[Write]:
    writers: list[arrow_parquet.ParquetWriter] = []

    def write(batch: pa.RecordBatch) -> None:
        if not writers:
            writers.append(arrow_parquet.ParquetWriter(stream, batch.schema))
        _same_columns(writers[0].schema.names, batch)
        try:
            writers[0].write_batch(batch.cast(writers[0].schema))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
            raise UsageError(
                f"a column has other values than in the first rows ({error}); write a .jsonl file instead"
            ) from error

    try:
        yield write
    finally:
        for writer in writers:
            writer.close()


def _same_columns(names: list[str], batch: pa.RecordBatch) -> None:
    if batch.schema.names != names:
        other = sorted(set(batch.schema.names) ^ set(names))
        raise UsageError(
            f"the columns {', '.join(other)} are not in all rows; write a .jsonl file, whose rows may differ"
        )


SINKS: dict[str, Callable[[Any, str], Any]] = {
    "csv": lambda stream, separator: _delimited(stream, ",", separator),
    "tsv": lambda stream, separator: _delimited(stream, "\t", separator),
    "jsonl": _json_lines,
    "parquet": _parquet,
}
