"""Delimited text (.csv, .tsv, packed or not) after RFC 4180: every field is text, nothing is guessed."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa

from tfclassify.data.sources.columns import LONGEST_ROW_BYTES, Columns, Skipped, different, parts, uncounted
from tfclassify.data.sources.files import measured, named, open_lines, reading, undecodable
from tfclassify.data.sources.packed import format_of
from tfclassify.errors import UsageError

OR_SKIP = ", or set data.bad_rows=skip"
UNDECODABLE = "is not"
MISQUOTED = f"has text behind a closing quote; double quotes within quotes where they are text{OR_SKIP}"
NEVER_CLOSED = "opens a quote that is never closed; close it, or double it within quotes where it is text"
TOO_LONG = f"is longer than {LONGEST_ROW_BYTES >> 20} MiB; expected shorter ones: look for a quote that is never closed"
# Where the next row begins is not known after these.
FATAL = (NEVER_CLOSED, TOO_LONG)


class Record(NamedTuple):
    """The fields of a row, the bytes it takes, and what is wrong with it, empty where nothing is."""

    fields: list[str]
    bytes: int
    fault: str


@dataclass
class Feed:
    """What is known of the lines that the parser was given for the record it is at."""

    bytes: int = 0
    decoded: bool = True
    ended: bool = False


def read_delimited(location: str, columns: Columns, *, skipped: Skipped = uncounted) -> Iterator[pa.RecordBatch]:
    """Reads a delimited file as string columns; "NA" and "" stay text; header names lose outer white space.

    Lines end in LF, CR LF or CR; empty ones are passed over. A field in quotes may hold delimiters, line ends
    and doubled quotes; in one that does not begin with a quote, quotes are characters like others. A row may
    have at most 8 MiB. With ``bad_rows="skip"`` rows with too few or too many fields, with text behind a
    closing quote, or that cannot be decoded, are left out and counted.

    Raises:
        UsageError: no such file, no header, a column twice, a row that cannot be read, a quote that is never
            closed.
    """
    with reading(location, columns.encoding), open_lines(location, columns.encoding) as lines:
        records = _records(lines, _delimiter(location, columns))
        names = _header(records, location, columns)
        for part in parts(_rows(records, names, location, columns, skipped)):
            fields = zip(*part, strict=True) if part else [()] * len(names)
            yield pa.RecordBatch.from_arrays([pa.array(column, pa.string()) for column in fields], names=names)


def _delimiter(location: str, columns: Columns) -> str:
    if columns.delimiter is None:
        return "\t" if format_of(location) == "tsv" else ","
    if columns.delimiter in '"\r\n':
        raise UsageError(f"data.delimiter is {columns.delimiter!r}; expected no quote and no line end, such as ';'")
    return columns.delimiter


def _records(lines: Iterator[str], delimiter: str) -> Iterator[Record]:
    # Python's own limit, 128 KiB a field, holds for the whole process; here it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_ROW_BYTES))
    feed = Feed()
    reader = csv.reader(_fed(lines, feed), delimiter=delimiter, strict=True)
    while True:
        feed.bytes, feed.decoded = 0, True
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error:
            # The parser asks for more lines than there are only within quotes.
            yield Record([], feed.bytes, _fault(feed, NEVER_CLOSED if feed.ended else MISQUOTED))
            continue
        if fields:
            yield Record(fields, feed.bytes, _fault(feed, ""))


def _fed(lines: Iterator[str], feed: Feed) -> Iterator[str]:
    for line in lines:
        size, decoded = measured(line)
        feed.bytes += size
        feed.decoded &= decoded
        yield line
        if feed.bytes > LONGEST_ROW_BYTES:
            break
    feed.ended = True


def _fault(feed: Feed, otherwise: str) -> str:
    if feed.bytes > LONGEST_ROW_BYTES:
        return TOO_LONG
    return otherwise or ("" if feed.decoded else UNDECODABLE)


def _header(records: Iterator[Record], location: str, columns: Columns) -> list[str]:
    record = next(records, None)
    if record is None:
        raise UsageError(f"{location} is empty; expected a header and at least one row")
    if record.fault:
        raise UsageError(f"{location}: the header {_explained(record.fault, location, columns)}")
    names = [name.strip() for name in record.fields]
    different(names, location=location)
    return names


def _rows(
    records: Iterator[Record], names: list[str], location: str, columns: Columns, skipped: Skipped
) -> Iterator[tuple[tuple[str, ...], int]]:
    """Gives fields and bytes of every row that can be read."""
    for number, record in enumerate(records, 1):
        fault = record.fault or _miscounted(record.fields, names)
        if not fault:
            # Unlike lists, tuples of text are of no interest to the garbage collector, which is half of the time here.
            yield tuple(record.fields), record.bytes
        elif columns.bad_rows == "skip" and fault not in FATAL:
            skipped(number)
        else:
            raise UsageError(f"{location}: row {number} {_explained(fault, location, columns)}")


def _miscounted(fields: list[str], names: list[str]) -> str:
    if len(fields) == len(names):
        return ""
    found = "1 field" if len(fields) == 1 else f"{len(fields)} fields"
    return f"has {found}; expected {len(names)}; quote fields that hold a delimiter{OR_SKIP}"


def _explained(fault: str, location: str, columns: Columns) -> str:
    if fault != UNDECODABLE:
        return fault
    wrong = undecodable(location, columns.encoding)
    return f"{fault} {named(columns.encoding)}: {wrong}; set data.encoding to what it was written in, such as cp1252"
