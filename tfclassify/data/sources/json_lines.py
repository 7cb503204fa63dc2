"""JSON lines (.jsonl, packed or not): one object a line; of a key given twice the last value counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from tfclassify.data.sources.columns import LONGEST_ROW_BYTES, Columns, Skipped, parts, uncounted
from tfclassify.data.sources.files import measured, named, open_lines, reading, undecodable
from tfclassify.errors import UsageError, nearest

Record = dict[str, Any]

EXPECTED = "expected one object a line"
KINDS = {
    type(None): "null",
    bool: "true or false",
    int: "an integer",
    float: "a number with a fraction",
    str: "text",
    list: "a list",
    dict: "an object",
}


def read_json_lines(location: str, columns: Columns, *, skipped: Skipped = uncounted) -> Iterator[pa.RecordBatch]:
    """Reads a file of JSON objects, one a line; empty lines are passed over.

    A batch has the keys of all rows so far, so that later batches may have more columns. A column keeps its
    type where all values of the batch are of one simple type; else what is not text is given as JSON text.
    The column of ``columns.labels`` is list<string>. A line may have at most 8 MiB.

    Raises:
        UsageError: no such file, or a line that is no object with a text (and label) of the right type; with
            ``bad_rows="skip"`` such lines are left out and counted.
    """
    with reading(location, columns.encoding), open_lines(location, columns.encoding) as lines:
        yield from in_batches(_records(lines, location, columns, skipped))


def in_batches(records: Iterator[tuple[Record, int]]) -> Iterator[pa.RecordBatch]:
    """Makes batches of objects, each given with its bytes; they have the keys of all objects so far."""
    names: dict[str, None] = {}
    for part in parts(records):
        names.update(dict.fromkeys(name for record in part for name in record))
        yield _batch(part, list(names))


def _records(lines: Iterator[str], location: str, columns: Columns, skipped: Skipped) -> Iterator[tuple[Record, int]]:
    """Gives object and bytes of every line that can be read; rows are the lines that are not empty."""
    row = 0
    for number, line in enumerate(lines, 1):
        size, decoded = measured(line)
        if size > LONGEST_ROW_BYTES:
            raise UsageError(
                f"{location}: line {number} is longer than {LONGEST_ROW_BYTES >> 20} MiB; expected one object a line"
            )
        if line.isspace():
            continue
        row += 1
        record = checked(line if decoded else None, columns, location, f"line {number}")
        if record is None:
            skipped(row)
        else:
            yield record, size
    if not row:
        raise UsageError(f"{location} is empty; expected one JSON object a line")


def checked(
    text: str | None, columns: Columns, location: str, place: str, *, expected: str = EXPECTED
) -> Record | None:
    """Parses and checks an object.

    Args:
        text: None where it could not be decoded.
        columns: what it has to hold.
        location: the file.
        place: where in it the object is, for messages.
        expected: for messages.

    Returns:
        The object, None if it is to be left out.

    Raises:
        UsageError: it cannot be used, and is not to be left out.
    """
    try:
        record = _parsed(text, columns, location, expected)
        _check(record, columns)
    except ValueError as error:
        if columns.bad_rows == "skip":
            return None
        raise UsageError(f"{location}: {place} {error}; correct it, or set data.bad_rows=skip") from error
    if columns.labels:
        record[columns.labels] = _label_list(record[columns.labels], columns.label_separator)
    return record


def _parsed(line: str | None, columns: Columns, location: str, expected: str) -> Record:
    if line is None:
        wrong = undecodable(location, columns.encoding)
        raise ValueError(f"is not {named(columns.encoding)} ({wrong}, see data.encoding)")
    try:
        record = json.loads(line.rstrip("\r\n"))
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error.msg} at character {error.pos + 1}") from error
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    except ValueError as error:
        # Python refuses numbers that would take it too long.
        raise ValueError("holds an integer of too many digits") from error
    if not isinstance(record, dict):
        raise ValueError(f"holds {KINDS[type(record)]}; {expected}")
    # An escaped half of a surrogate pair is JSON, but no text that can be encoded.
    if "\\ud" in line.lower():
        _encodable(record)
    return record


def _encodable(record: Record) -> None:
    try:
        json.dumps(record, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"holds half a surrogate pair, \\u{ord(error.object[error.start]):04x}") from error


def _check(record: Record, columns: Columns) -> None:
    if not columns.text:
        return
    _expect(record, columns.text, (str,), "text")
    _expect(record, columns.text_b, (str,), "text")
    _expect(record, columns.label, (str, int, bool), "text or an integer")
    _expect(record, columns.labels, (str, list), "text or a list of texts")
    if columns.weight in record:
        _expect(record, columns.weight, (int, float), "a number")
    for label in _items(record, columns.labels):
        if type(label) not in (str, int):
            raise ValueError(f"has {KINDS[type(label)]} in '{columns.labels}'; expected a list of texts")


def _expect(record: Record, name: str | None, kinds: tuple[type, ...], expected: str) -> None:
    if name is None:
        return
    if name not in record:
        raise ValueError(f"has no '{name}'; expected {expected}{nearest(name, record)}")
    # isinstance would take true for an integer.
    if type(record[name]) not in kinds:
        raise ValueError(f"has {KINDS[type(record[name])]} in '{name}'; expected {expected}")


def _items(record: Record, name: str | None) -> list[Any]:
    value = record[name] if name else None
    return value if isinstance(value, list) else []


def _label_list(value: str | list[str | int], separator: str) -> list[str]:
    return value.split(separator) if isinstance(value, str) else [str(label) for label in value]


def _batch(records: list[Record], names: list[str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [_column([record.get(name) for record in records]) for name in names], names=names
    )


def _column(values: list[Any]) -> pa.Array:
    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return pa.nulls(len(values), pa.string())
    if kinds == {list} and all(isinstance(item, str) for value in values if value for item in value):
        return pa.array(values, pa.list_(pa.string()))
    if len(kinds) == 1 and kinds < {str, float, bool}:
        return pa.array(values)
    if kinds == {int} and all(value is None or -(2**63) <= value < 2**63 for value in values):
        return pa.array(values, pa.int64())
    return pa.array([_json_text(value) for value in values], pa.string())


def _json_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
