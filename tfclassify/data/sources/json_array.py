"""A JSON array of objects (.json, packed or not), one object a row, read in bounded memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from tfclassify.data.sources.columns import LONGEST_ROW_BYTES, Columns, Skipped, uncounted
from tfclassify.data.sources.files import measured, named, open_lines, reading, undecodable
from tfclassify.data.sources.json_lines import Record, checked, in_batches
from tfclassify.errors import UsageError

DECODER = json.JSONDecoder()
SPACE = " \t\r\n"
# A parser that is asked again with every line of a row would read most of it many times over.
READ_CHARACTERS = 1 << 16
EXPECTED = "expected an array of objects"
NO_ARRAY = f"{EXPECTED}; where there is one object a line, name the file .jsonl"


@dataclass
class Unread:
    """Text of a file, of which ``held`` was read, and all before ``place`` taken."""

    chunks: Iterator[str]
    held: str = ""
    place: int = 0


def read_json_array(location: str, columns: Columns, *, skipped: Skipped = uncounted) -> Iterator[pa.RecordBatch]:
    """Reads a file that is one JSON array of objects; batches, columns and types as those of JSON lines.

    A row may have at most 8 MiB.

    Raises:
        UsageError: no such file, or one that is no JSON array; a row that is no object with a text (and label) of the
            right type; with ``bad_rows="skip"`` such rows are left out and counted.
    """
    with reading(location, columns.encoding), open_lines(location, columns.encoding) as lines:
        yield from in_batches(_records(lines, location, columns, skipped))


def _records(lines: Iterator[str], location: str, columns: Columns, skipped: Skipped) -> Iterator[tuple[Record, int]]:
    row = 0
    for row, text in enumerate(_items(Unread(_chunks(lines, location, columns)), location), 1):
        record = checked(text, columns, location, f"row {row}", expected=EXPECTED)
        if record is None:
            skipped(row)
        else:
            yield record, measured(text)[0]
    if not row:
        raise UsageError(f"{location} is empty; {EXPECTED}")


def _chunks(lines: Iterator[str], location: str, columns: Columns) -> Iterator[str]:
    """Gives the text in pieces of some size, all of which could be decoded."""
    held, size = [], 0
    for line in lines:
        if not measured(line)[1]:
            wrong = undecodable(location, columns.encoding)
            raise UsageError(f"{location} is not {named(columns.encoding)} ({wrong}, see data.encoding)")
        held.append(line)
        size += len(line)
        if size >= READ_CHARACTERS:
            yield "".join(held)
            held, size = [], 0
    yield "".join(held)


def _items(unread: Unread, location: str) -> Iterator[str]:
    """Gives the text of each item of the array."""
    if (mark := _next(unread)) != "[":
        if mark:
            raise UsageError(f"{location} begins with {mark!r}; {NO_ARRAY}")
        return
    unread.place += 1
    row, ended = 0, _next(unread) == "]"
    while not ended:
        row += 1
        yield _item(unread, location, row)
        mark = _next(unread)
        if mark not in ("]", ","):
            found = f"is followed by {mark!r}" if mark else "is the last before the file ends"
            raise UsageError(f"{location}: row {row} {found}; expected a comma, or the end of the array")
        ended = mark == "]"
        unread.place += not ended
    unread.place += 1
    if mark := _next(unread):
        raise UsageError(f"{location} goes on after its array with {mark!r}; {NO_ARRAY}")


def _item(unread: Unread, location: str, row: int) -> str:
    _next(unread)
    while True:
        try:
            _, end = DECODER.raw_decode(unread.held, unread.place)
            break
        except json.JSONDecodeError as error:
            character = error.pos - unread.place + 1
            # It may only not be there to its end yet.
            if len(unread.held) - unread.place <= LONGEST_ROW_BYTES and _read(unread):
                continue
            wrong = f"is not JSON: {error.msg} at character {character}"
            raise UsageError(f"{location}: row {row} {wrong}; correct it") from error
        except RecursionError as error:
            raise UsageError(f"{location}: row {row} is nested too deeply; correct it") from error
        except ValueError as error:
            # Python refuses numbers that would take it too long.
            raise UsageError(f"{location}: row {row} holds an integer of too many digits; correct it") from error
    start, unread.place = unread.place, end
    return unread.held[start:end]


def _next(unread: Unread) -> str:
    """Passes over white space; returns the character after it, "" at the end."""
    while True:
        while unread.place < len(unread.held) and unread.held[unread.place] in SPACE:
            unread.place += 1
        if unread.place < len(unread.held) or not _read(unread):
            return unread.held[unread.place : unread.place + 1]


def _read(unread: Unread) -> bool:
    chunk = next(unread.chunks, "")
    unread.held, unread.place = unread.held[unread.place :] + chunk, 0
    return bool(chunk)
