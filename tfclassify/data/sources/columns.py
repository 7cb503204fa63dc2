"""What a source is told and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

import pyarrow as pa

from tfclassify.errors import UsageError

BATCH_ROWS = 8192
BATCH_BYTES = 8 << 20
LONGEST_ROW_BYTES = 8 << 20

Skipped = Callable[[int], None]


@dataclass(frozen=True)
class Columns:
    """Which column is what, and how the location is read; an empty ``text`` asks for no column at all.

    ``encoding`` is a codec that Python knows, or None or "auto": a byte order mark, else UTF-8.
    ``delimiter`` None is a tab in .tsv files and a comma elsewhere.
    """

    text: str
    text_b: str | None = None
    label: str | None = None
    labels: str | None = None
    label_separator: str = "|"
    weight: str | None = None
    id: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    bad_rows: Literal["fail", "skip"] = "fail"


class Source(Protocol):
    """Reads a location, batch by batch (at most 8192 rows), with all of its columns as they are.

    Every source gives at least one batch, without rows where there are none, so that the columns are known.
    ``skipped`` is called with the number of rows just left out, before the batch that comes after them.
    """

    def __call__(self, location: str, columns: Columns, *, skipped: Skipped = ...) -> Iterator[pa.RecordBatch]:
        """Raises UsageError where the location cannot be read as asked."""
        ...


def uncounted(rows: int) -> None:
    """Takes the number of skipped rows and does nothing with it."""


def slices(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Cuts a batch into parts of at most 8192 rows without copying; a batch without rows stays whole."""
    for start in range(0, max(batch.num_rows, 1), BATCH_ROWS):
        yield batch.slice(start, BATCH_ROWS)


def different(names: list[str], *, location: str) -> None:
    """Refuses a column name that occurs twice."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"{location}: the column '{twice[0]}' is there twice; expected different column names")
