"""What a source is told and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

import pyarrow as pa

from tfclassify.errors import UsageError

BATCH_ROWS = 8192
BATCH_BYTES = 8 << 20
LONGEST_ROW_BYTES = 8 << 20

Skipped = Callable[[int], None]
Row = TypeVar("Row")


@dataclass(frozen=True)
class Columns:
    """Which column is what, and how the location is read; an empty ``text`` asks for no column at all.

    ``features`` are names of further columns with their kinds, ``number`` or ``category``.

    ``encoding`` is a codec that Python knows, or None or "auto": a byte order mark, else UTF-8.
    ``delimiter`` None is a tab in .tsv files and a comma elsewhere. ``empty`` says what becomes of rows with an
    empty text: those that are dropped need no label. The limits are shares of the rows, see :mod:`..left_out`.
    """

    text: str
    text_b: str | None = None
    label: str | None = None
    labels: str | None = None
    label_separator: str = "|"
    weight: str | None = None
    id: str | None = None
    features: tuple[tuple[str, str], ...] = ()
    encoding: str | None = None
    delimiter: str | None = None
    bad_rows: Literal["fail", "skip"] = "fail"
    bad_rows_limit: float = 1.0
    empty: Literal["drop", "keep", "fail"] = "keep"
    empty_limit: float = 1.0


class Source(Protocol):
    """Reads a location, batch by batch (at most 8192 rows), with all of its columns as they are.

    Every source gives at least one batch, without rows where there are none, so that the columns are known.
    Rows are numbered from 1, those left out too. ``skipped`` is called with the number of each row that is
    left out, in rising order and before the batch with the row that comes after it.
    """

    def __call__(self, location: str, columns: Columns, *, skipped: Skipped = ...) -> Iterator[pa.RecordBatch]:
        """Raises UsageError where the location cannot be read as asked."""
        ...


def other_delimiter(names: Sequence[str]) -> str:
    """Says so where the one name of a header looks like several with another delimiter between them; else nothing."""
    if len(names) == 1 and "\t" in names[0]:
        return "; the header has tabs in it: set data.delimiter='\"\\t\"'"
    sign = next((sign for sign in ";|" if len(names) == 1 and sign in names[0]), None)
    return "" if sign is None else f"; the header has '{sign}' in it: set data.delimiter='{sign}'"


def uncounted(row: int) -> None:
    """Takes the number of a skipped row and does nothing with it."""


def parts(rows: Iterable[tuple[Row, int]]) -> Iterator[list[Row]]:
    """Cuts rows, each given with its bytes, into lists for one batch each; at least one list, if an empty one.

    Where the rows end in an error, those before it are given first: they may be all that was asked for.
    """
    part: list[Row] = []
    size = given = 0
    try:
        for row, row_bytes in rows:
            part.append(row)
            size += row_bytes
            if len(part) == BATCH_ROWS or size >= BATCH_BYTES:
                yield part
                given += len(part)
                part, size = [], 0
    except UsageError:
        if part:
            yield part
        raise
    if part or not given:
        yield part


def slices(rows: pa.RecordBatch, size: int) -> Iterator[pa.RecordBatch]:
    """Cuts rows that take so many bytes into batches as small as those of :func:`parts`, going by their mean size."""
    most = max(1, min(BATCH_ROWS, -(-BATCH_BYTES * rows.num_rows // size)))
    for start in range(0, rows.num_rows, most):
        yield rows.slice(start, most)


def different(names: list[str], *, location: str) -> None:
    """Refuses a column name that occurs twice."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"{location}: the column '{twice[0]}' is there twice; expected different column names")
