"""Many rows of delimited text at once, where it is known beforehand what Python's parser would make of them.

That parser decides, and makes an object of every field, which is slow. What it makes of text is known where every quote
opens or closes a field or stands for a quote within one, and also where no quote opens a field, so that all of them are
characters like others: then delimiters and line ends outside quotes are the ends of fields. Whatever else there may be
is left to the parser: misquoted text, bytes that are not UTF-8, NULs, rows that are not as wide as the header.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
from numpy.typing import NDArray

from tfclassify.data.sources.ahead import UTF_8_MARK
from tfclassify.data.sources.long_fields import CARRIAGE_RETURN, LINE_FEED, QUOTE, copied

# Longer fields are faster found and copied than parsed.
PARSED_BYTES = 128
LOOKED_AT_BYTES = 1 << 14


@dataclass(frozen=True)
class Rows:
    """What is likely to be whole rows: text that ends in a line feed, and where it has quotes."""

    data: bytes
    quotes: NDArray[np.intp]


def likely_rows(data: bytes) -> Rows:
    """Returns text up to the last line feed that is not within quotes, if there is one."""
    quotes = np.flatnonzero(np.frombuffer(data, np.uint8) == QUOTE)
    last = data.rfind(b"\n")
    before = int(np.searchsorted(quotes, last))
    while before % 2:
        # The field that the last quote opens is not closed before the line ends.
        last = data.rfind(b"\n", 0, int(quotes[before - 1]))
        before = int(np.searchsorted(quotes, last))
    return Rows(data[: last + 1], quotes[:before])


def whole_rows(rows: Rows, names: Sequence[str], delimiter: str) -> pa.RecordBatch | None:
    """Returns rows as columns of text; None where the parser has to have a look at one of them.

    Args:
        rows: beginning with one.
        names: of the columns.
        delimiter: a character.
    """
    data, quotes = rows.data, rows.quotes
    # Arrow takes a byte order mark for one wherever it begins to read.
    if not delimiter.isascii() or b"\0" in data or data.startswith(UTF_8_MARK):
        return None
    block = np.frombuffer(data, np.uint8)
    if not _begins_field(block, quotes, ord(delimiter)).any():
        quotes = quotes[:0]
    if not _well_quoted(block, quotes, ord(delimiter)):
        return None
    lines = data.count(b"\n", 0, LOOKED_AT_BYTES) * len(data) / min(LOOKED_AT_BYTES, len(data))
    if lines * len(names) * PARSED_BYTES > len(data):
        return _parsed(data, names, delimiter)
    columns = copied(data, quotes, len(names), ord(delimiter))
    return None if columns is None else pa.RecordBatch.from_arrays(columns, names=list(names))


def _begins_field(block: NDArray[np.uint8], quotes: NDArray[np.intp], comma: int) -> NDArray[np.bool_]:
    # Text begins where a field does.
    return (quotes == 0) | _ends_field(block[quotes - 1], comma)


def _ends_field(values: NDArray[np.uint8], comma: int) -> NDArray[np.bool_]:
    return (values == comma) | (values == LINE_FEED) | (values == CARRIAGE_RETURN)


def _well_quoted(block: NDArray[np.uint8], quotes: NDArray[np.intp], comma: int) -> bool:
    """Says whether quotes open and close fields by turns; of two quotes within a field the first seems to close it."""
    if len(quotes) % 2:
        return False
    opening, after = quotes[::2], block[quotes[1::2] + 1]
    opens = _begins_field(block, opening, comma) | (block[opening - 1] == QUOTE)
    return bool(opens.all() and (_ends_field(after, comma) | (after == QUOTE)).all())


def _parsed(data: bytes, names: Sequence[str], delimiter: str) -> pa.RecordBatch | None:
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(data),
            arrow_csv.ReadOptions(column_names=names, block_size=len(data) + 1, use_threads=False),
            arrow_csv.ParseOptions(delimiter=delimiter),
            arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
        )
    except pa.ArrowInvalid:
        return None
    # There is none where all lines are empty.
    return next(iter(table.combine_chunks().to_batches()), None)
