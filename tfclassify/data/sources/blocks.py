"""Many rows of delimited text at once, where it is known beforehand what Python's parser would make of them.

That parser decides, and makes an object of every field, which is slow. What it makes of text is known where every quote
opens or closes a field or stands for a quote within one, and also where no quote opens a field, so that all of them are
characters like others: then delimiters and line ends outside quotes are the ends of fields. Whatever else there may be
is left to the parser: misquoted text, bytes that are not UTF-8, NULs, rows that are not as wide as the header.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
from numpy.typing import NDArray

from tfclassify.data.sources.ahead import UTF_8_MARK

QUOTE, LINE_FEED, CARRIAGE_RETURN = b'"\n\r'
# Arrow is slow in the first block that it is given, and fast in those that are like it.
ARROW_BYTES = 1 << 18
# What is made on the way stays where a processor has it at hand.
LOOKED_AT_BYTES = 1 << 18


@dataclass(frozen=True)
class Rows:
    """What is likely to be whole rows: the text of a block from ``begin`` to ``end``, where there is a line feed."""

    data: bytes
    begin: int
    end: int


NO_ROWS = Rows(b"", 0, 0)


def size_of(rows: Rows) -> int:
    """Returns the bytes that rows take."""
    return rows.end - rows.begin


def text_of(rows: Rows) -> bytes:
    """Returns rows as they were read."""
    return rows.data[rows.begin : rows.end]


def likely_rows(data: bytes, begin: int) -> Rows:
    """Returns text up to the last line feed that is not within quotes, if there is one."""
    end = max(data.rfind(b"\n", begin) + 1, begin)
    # Three times as fast as counting in bytes.
    before = np.count_nonzero(np.frombuffer(data, np.uint8, end - begin, begin) == QUOTE) if end > begin else 0
    while before % 2:
        # The field that the last quote opens is not closed before the line ends.
        last = max(data.rfind(b"\n", begin, data.rfind(b'"', begin, end)) + 1, begin)
        before, end = before - data.count(b'"', last, end), last
    return Rows(data, begin, end)


def whole_rows(rows: Rows, names: Sequence[str], delimiter: str) -> pa.RecordBatch | None:
    """Returns rows as columns of text; None where the parser has to have a look at one of them.

    Args:
        rows: beginning with one.
        names: of the columns.
        delimiter: a character.
    """
    whole, begin, end = rows.data, rows.begin, rows.end
    # Arrow takes a byte order mark for one wherever it begins to read.
    if not delimiter.isascii() or whole.find(b"\0", begin, end) >= 0 or whole.startswith(UTF_8_MARK, begin):
        return None
    data = memoryview(whole)[begin:end]
    block = np.frombuffer(data, np.uint8)
    quotes = _quotes(block)
    if not _begins_field(block, quotes, ord(delimiter)).any():
        quotes = quotes[:0]
    if not _well_quoted(block, quotes, ord(delimiter)):
        return None
    return _parsed(data, names, delimiter, block_bytes=_block_bytes(block))


def _quotes(block: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Returns where there are quotes."""
    starts = range(0, len(block), LOOKED_AT_BYTES)
    return np.concatenate([np.flatnonzero(block[at : at + LOOKED_AT_BYTES] == QUOTE) + at for at in starts])


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


def _block_bytes(block: NDArray[np.uint8]) -> int:
    # Arrow leaves out the line feed that a block begins with if the one before it ended with a carriage return, also
    # where both are within quotes.
    return next(size for size in count(ARROW_BYTES) if not _parts_line_ends(block, size))


def _parts_line_ends(block: NDArray[np.uint8], size: int) -> bool:
    begins = np.arange(size, len(block), size)
    return bool(((block[begins - 1] == CARRIAGE_RETURN) & (block[begins] == LINE_FEED)).any())


def _parsed(data: memoryview, names: Sequence[str], delimiter: str, *, block_bytes: int) -> pa.RecordBatch | None:
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(data),
            arrow_csv.ReadOptions(column_names=names, block_size=block_bytes),
            arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
        )
    except pa.ArrowInvalid:
        return None
    # There is none where all lines are empty.
    return next(iter(table.combine_chunks().to_batches()), None)
