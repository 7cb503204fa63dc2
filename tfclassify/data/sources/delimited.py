"""Delimited text (.csv, .tsv, each also .gz) after RFC 4180: every field is text, nothing is guessed."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from tfclassify.data.sources.columns import LONGEST_ROW_BYTES, Columns, Skipped, different, slices, uncounted
from tfclassify.data.sources.files import open_utf8, reading, undecodable
from tfclassify.errors import UsageError


@dataclass(frozen=True)
class Header:
    """The names of the columns, the empty lines above them, and whether a row follows."""

    names: list[str]
    blank_lines: int
    has_rows: bool


def read_delimited(location: str, columns: Columns, *, skipped: Skipped = uncounted) -> Iterator[pa.RecordBatch]:
    """Reads a delimited file as string columns; "NA" and "" stay text; header names lose outer white space.

    Lines end in LF, CR LF or CR. A row may have at most 8 MiB. With ``bad_rows="skip"`` rows with too few
    or too many fields, and rows that are not UTF-8, are left out and counted.

    Raises:
        UsageError: no such file, no header, a column twice, a row that cannot be read.
    """
    rows = 0
    with reading(location, columns.encoding):
        header = _header(location, columns)
        for raw, bad in _parsed(location, columns, header):
            batch = _decoded(raw, location, columns, header, first_row=rows + 1)
            rows += raw.num_rows
            bad += raw.num_rows - batch.num_rows
            if bad:
                skipped(bad)
            yield from slices(batch)


def _header(location: str, columns: Columns) -> Header:
    with open_utf8(location, columns.encoding) as stream:
        # A wrong byte in the first rows is reported with its row later on, not as a broken header.
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
        records = csv.reader(text, delimiter=_delimiter(location, columns))
        blank_lines, first = _first(records, location)
        names = [name.strip() for name in first]
        _decodable(names, location)
        different(names, location=location)
        return Header(names, blank_lines, _any(records))


def _first(records: Iterator[list[str]], location: str) -> tuple[int, list[str]]:
    try:
        for blank_lines, record in enumerate(records):
            if record:
                return blank_lines, record
    except csv.Error as error:
        raise UsageError(f"{location} has no header that can be read: {error}") from error
    raise UsageError(f"{location} is empty; expected a header and at least one row")


def _any(records: Iterator[list[str]]) -> bool:
    try:
        return any(records)
    except csv.Error:
        # Python's reader refuses long fields that Arrow's takes.
        return True


def _decodable(names: list[str], location: str) -> None:
    try:
        "".join(names).encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError(f"{location}: the header is not UTF-8: {_remedy(location)}") from error


def _delimiter(location: str, columns: Columns) -> str:
    if columns.delimiter is not None:
        return columns.delimiter
    return "\t" if ".tsv" in PurePath(location.lower()).suffixes[-2:] else ","


def _parsed(location: str, columns: Columns, header: Header) -> Iterator[tuple[pa.RecordBatch, int]]:
    """Gives the rows as bytes, and how many rows were left out since the batch before."""
    faults: list[arrow_csv.InvalidRow] = []

    def judge(row: arrow_csv.InvalidRow) -> str:
        faults.append(row)
        return "skip" if columns.bad_rows == "skip" else "error"

    rows = 0
    try:
        if header.has_rows:
            with open_utf8(location, columns.encoding) as stream:
                for batch in _open(stream, _delimiter(location, columns), header, judge):
                    bad = len(faults)
                    del faults[:bad]
                    yield batch, bad
                    rows += batch.num_rows
    except pa.ArrowInvalid as error:
        raise UsageError(_wrong(error, location, header, faults, rows)) from error
    if faults or not rows:
        yield _batch([pa.array([], pa.binary())] * len(header.names), header), len(faults)


def _open(
    stream: pa.NativeFile, delimiter: str, header: Header, judge: Callable[[arrow_csv.InvalidRow], str]
) -> arrow_csv.CSVStreamingReader:
    # The parser gets places for names: it guesses the type of a column that it does not find by its name.
    places = [str(place) for place in range(len(header.names))]
    return arrow_csv.open_csv(
        stream,
        # One thread is as fast as several here, and only so does a bad row know its number.
        read_options=arrow_csv.ReadOptions(
            use_threads=False,
            block_size=LONGEST_ROW_BYTES,
            column_names=places,
            skip_rows_after_names=header.blank_lines + 1,
        ),
        parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=judge),
        # As bytes, so that a row in a wrong encoding can be named or left out.
        convert_options=arrow_csv.ConvertOptions(
            column_types={place: pa.binary() for place in places}, strings_can_be_null=False, null_values=[]
        ),
    )


def _wrong(error: pa.ArrowInvalid, location: str, header: Header, faults: list[arrow_csv.InvalidRow], rows: int) -> str:
    if "straddling" in str(error):
        return (
            f"{location}: a row after row {rows} is longer than {LONGEST_ROW_BYTES >> 20} MiB; "
            "expected shorter ones: look for a quote that is never closed"
        )
    if not faults:
        return f"{location} cannot be read: {error}"
    row = faults[-1]
    return (
        f"{location}: row {row.number - 1 - header.blank_lines} has {_fields(row.actual_columns)}; expected "
        f"{row.expected_columns}; quote fields that hold a delimiter, or set data.bad_rows=skip"
    )


def _fields(count: int) -> str:
    return "1 field" if count == 1 else f"{count} fields"


def _decoded(raw: pa.RecordBatch, location: str, columns: Columns, header: Header, *, first_row: int) -> pa.RecordBatch:
    try:
        return _batch([column.cast(pa.string()) for column in raw.columns], header)
    except pa.ArrowInvalid:
        good = np.logical_and.reduce([_valid(column) for column in raw.columns])
    if columns.bad_rows == "fail":
        row = first_row + int(np.argmin(good))
        raise UsageError(f"{location}: row {row} is not UTF-8: {_remedy(location)}")
    kept = raw.filter(pa.array(good))
    return _batch([column.cast(pa.string()) for column in kept.columns], header)


def _valid(column: pa.BinaryArray) -> np.ndarray:
    return np.array([value.decode("utf-8", "replace").encode() == value for value in column.to_pylist()], bool)


def _remedy(location: str) -> str:
    return f"{undecodable(location)}; set data.encoding to what it was written in, such as cp1252"


def _batch(arrays: list[pa.Array], header: Header) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(arrays, names=header.names)
