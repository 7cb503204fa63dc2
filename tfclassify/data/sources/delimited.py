"""Delimited text (.csv, .tsv, packed or not) after RFC 4180: every field is text, nothing is guessed."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa

from tfclassify.data.sources.ahead import BLOCK_BYTES, Ahead, fill, give_back, lines, take, without_mark
from tfclassify.data.sources.blocks import NO_ROWS, Rows, likely_rows, size_of, text_of, whole_rows
from tfclassify.data.sources.columns import (
    LONGEST_ROW_BYTES,
    Columns,
    Skipped,
    different,
    other_delimiter,
    parts,
    slices,
    uncounted,
)
from tfclassify.data.sources.files import UTF_8, codec_of, file_path, measured, named, open_lines, reading, undecodable
from tfclassify.data.sources.packed import format_of, open_raw
from tfclassify.errors import UsageError
from tfclassify.hardware import usable_cores

MOST_BLOCKS_AT_ONCE = 4
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
    """What is known of the lines that the parser was given for the record it is at, and of that record's number."""

    ahead: Ahead | None = None
    row: int = 0
    bytes: int = 0
    decoded: bool = True
    ended: bool = False


@dataclass(frozen=True)
class Table:
    """What rows are held against: the names of their columns, and how they are read."""

    location: str
    names: list[str]
    delimiter: str
    columns: Columns
    skipped: Skipped


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
    with reading(location, columns.encoding):
        path = file_path(location)
        with open_raw(path) as head:
            codec = codec_of(head.read(4), columns.encoding, location=location)
        if codec == UTF_8:
            with open_raw(path) as stream:
                yield from read_ahead(Ahead(stream.read), location, columns, skipped=skipped)
            return
        with open_lines(location, columns.encoding) as lines_of_file:
            delimiter, feed = _delimiter(location, columns), Feed()
            records = _records(lines_of_file, delimiter, feed)
            table = Table(location, _header(records, location, columns, feed), delimiter, columns, skipped)
            yield from _batches(_rows(records, table, feed), table)


def read_ahead(
    ahead: Ahead, location: str, columns: Columns, *, skipped: Skipped = uncounted
) -> Iterator[pa.RecordBatch]:
    """Reads delimited text in UTF-8 from a stream, as :func:`read_delimited` does from a file.

    Raises:
        UsageError: as there; ``location`` is the name of the stream.
    """
    delimiter, feed = _delimiter(location, columns), Feed(ahead)
    records = _records(lines(without_mark(ahead)), delimiter, feed)
    table = Table(location, _header(records, location, columns, feed), delimiter, columns, skipped)
    if not fill(ahead):
        yield from _batches(iter(()), table)
    with ThreadPoolExecutor(min(MOST_BLOCKS_AT_ONCE, usable_cores())) as pool:
        yield from _blocks(ahead, records, table, feed, pool)


def _blocks(
    ahead: Ahead, records: Iterator[Record], table: Table, feed: Feed, pool: ThreadPoolExecutor
) -> Iterator[pa.RecordBatch]:
    """Gives rows block by block; those that are not what they are likely to be, record by record."""
    waiting: deque[tuple[Rows, Future[pa.RecordBatch | None]]] = deque()
    while True:
        while len(waiting) <= (0 if ahead.waits else MOST_BLOCKS_AT_ONCE) and size_of(rows := _next_rows(ahead)):
            waiting.append((rows, pool.submit(whole_rows, rows, table.names, table.delimiter)))
        if not waiting and not fill(ahead):
            return
        rows, found = waiting.popleft() if waiting else (NO_ROWS, None)
        batch = None if found is None else found.result()
        if batch is not None:
            feed.row += batch.num_rows
            yield from slices(batch, size_of(rows))
            continue
        # Where it ends is not sure, and so not where the later ones begin.
        give_back(ahead, b"".join(text_of(each) for each in (rows, *(later for later, _ in waiting))))
        waiting.clear()
        yield from _batches(_rows(records, table, feed, end=ahead.position + (size_of(rows) or ahead.held)), table)


def _next_rows(ahead: Ahead) -> Rows:
    """Takes what is likely to be whole rows; nothing where there are none in a block."""
    fill(ahead, 1 if ahead.waits else BLOCK_BYTES)
    rows = likely_rows(ahead.data, ahead.place) if ahead.held <= LONGEST_ROW_BYTES else NO_ROWS
    take(ahead, size_of(rows))
    return rows


def _batches(rows: Iterator[tuple[tuple[str, ...], int]], table: Table) -> Iterator[pa.RecordBatch]:
    for part in parts(rows):
        fields = zip(*part, strict=True) if part else [()] * len(table.names)
        yield pa.RecordBatch.from_arrays([pa.array(column, pa.string()) for column in fields], names=table.names)


def _delimiter(location: str, columns: Columns) -> str:
    if columns.delimiter is None:
        return "\t" if format_of(location) == "tsv" else ","
    if columns.delimiter in '"\r\n':
        raise UsageError(f"data.delimiter is {columns.delimiter!r}; expected no quote and no line end, such as ';'")
    return columns.delimiter


def _records(lines: Iterator[str], delimiter: str, feed: Feed) -> Iterator[Record]:
    # Python's own limit, 128 KiB a field, holds for the whole process; here it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_ROW_BYTES))
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


def _header(records: Iterator[Record], location: str, columns: Columns, feed: Feed) -> list[str]:
    record = next(records, None)
    if record is None:
        raise UsageError(f"{location} is empty; expected a header and at least one row")
    if record.fault:
        raise UsageError(f"{location}: the header {_explained(record.fault, location, columns, feed)}")
    names = [name.strip() for name in record.fields]
    different(names, location=location)
    return names


def _rows(
    records: Iterator[Record], table: Table, feed: Feed, *, end: int | None = None
) -> Iterator[tuple[tuple[str, ...], int]]:
    """Gives fields and bytes of every row that can be read; where an end is given, of those that begin before it."""
    while end is None or feed.ahead is None or feed.ahead.position < end:
        record = next(records, None)
        if record is None:
            return
        feed.row += 1
        fault = record.fault or _miscounted(record.fields, table.names)
        if not fault:
            # Unlike lists, tuples of text are of no interest to the garbage collector, which is half of the time here.
            yield tuple(record.fields), record.bytes
        elif table.columns.bad_rows == "skip" and fault not in FATAL:
            table.skipped(feed.row)
        else:
            explained = _explained(fault, table.location, table.columns, feed)
            raise UsageError(f"{table.location}: row {feed.row} {explained}")


def _miscounted(fields: list[str], names: list[str]) -> str:
    if len(fields) == len(names):
        return ""
    found = "1 field" if len(fields) == 1 else f"{len(fields)} fields"
    # Of one column more fields are rather a delimiter that was not meant.
    hint = other_delimiter(names) or f"; quote fields that hold a delimiter{OR_SKIP}"
    return f"has {found}; expected {len(names)}{hint}"


def _explained(fault: str, location: str, columns: Columns, feed: Feed) -> str:
    if fault != UNDECODABLE:
        return fault
    wrong = undecodable(location, columns.encoding) if feed.ahead is None else feed.ahead.undecodable
    return f"{fault} {named(columns.encoding)}: {wrong}; set data.encoding to what it was written in, such as cp1252"
