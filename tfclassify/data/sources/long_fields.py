"""Fields of delimited text, found by their ends and copied: for long ones faster than any parser is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

QUOTE, LINE_FEED, CARRIAGE_RETURN = MARKS = b'"\n\r'
# What is made on the way stays where a processor has it at hand.
MARKED_BYTES = 1 << 18

Block = NDArray[np.uint8]
Places = NDArray[np.intp]


def marked(block: Block, marks: Sequence[int]) -> Places:
    """Returns where a text has any of these bytes."""
    found, one = np.empty((2, min(MARKED_BYTES, len(block))), bool)
    places = [np.zeros(0, np.intp)]
    for start in range(0, len(block) if marks else 0, MARKED_BYTES):
        part = block[start : start + MARKED_BYTES]
        any_mark = np.equal(part, marks[0], out=found[: len(part)])
        for mark in marks[1:]:
            any_mark |= np.equal(part, mark, out=one[: len(part)])
        places.append(np.flatnonzero(any_mark) + start)
    return np.concatenate(places)


def copied(data: memoryview, marks: Places, quotes: Places, width: int) -> list[pa.StringArray] | None:
    """Returns the columns of rows; None where a line is empty or ends in a CR alone, or for another width or no UTF-8.

    Args:
        data: text, from the beginning of a row to the end of one.
        marks: all quotes, delimiters, and ends of lines.
        quotes: those that open fields, close them, or stand for quotes within them; by turns inside and out.
        width: how many fields a row has.
    """
    block = np.frombuffer(data, np.uint8)
    marks = marks[block[marks] != QUOTE]
    ends = _of_rows(block, marks[_outside(marks, quotes)], width)
    if ends is None or not _is_utf8(data):
        return None
    begins = np.concatenate([[0], ends[:-1] + 1])
    ends[width - 1 :: width] -= block[ends[width - 1 :: width] - 1] == CARRIAGE_RETURN
    # Of one column a line may be empty; of more, it would have been of another width.
    if width == 1 and (begins >= ends).any():
        return None
    within = block[begins] == QUOTE if len(quotes) else np.zeros(len(begins), bool)
    begins, ends = begins + within, ends - within
    doubled = quotes[2::2][block[quotes[2::2] - 1] == QUOTE]
    if len(doubled):
        data = _without(data, doubled)
        begins, ends = begins - np.searchsorted(doubled, begins), ends - np.searchsorted(doubled, ends)
    return _columns(data, begins, ends, width)


def _outside(marks: Places, quotes: Places) -> NDArray[np.bool_]:
    """Says of each mark whether the number of quotes before it is even."""
    before = np.bincount(np.searchsorted(marks, quotes), minlength=len(marks) + 1)
    return np.cumsum(before[: len(marks)]) % 2 == 0


def _of_rows(block: Block, marks: Places, width: int) -> Places | None:
    """Returns those delimiters and line feeds that end fields, if every row has as many of them."""
    feeds = block[marks] == LINE_FEED
    returns = np.flatnonzero(block[marks] == CARRIAGE_RETURN)
    if len(returns):
        if not (block[marks[returns] + 1] == LINE_FEED).all():
            return None
        marks, feeds = np.delete(marks, returns), np.delete(feeds, returns)
    if len(marks) % width:
        return None
    rows = feeds.reshape(-1, width)
    return marks if rows[:, -1].all() and not rows[:, :-1].any() else None


def _is_utf8(data: memoryview) -> bool:
    whole = pa.StringArray.from_buffers(1, pa.py_buffer(np.array([0, len(data)], np.int32)), pa.py_buffer(data))
    try:
        whole.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _columns(data: memoryview, begins: Places, ends: Places, width: int) -> list[pa.StringArray]:
    # Fields and what is between them by turns, all in the text as it is.
    offsets = np.stack([begins, ends], axis=1).astype(np.int32)
    both = pa.StringArray.from_buffers(offsets.size - 1, pa.py_buffer(offsets), pa.py_buffer(data))
    return [both.take(pa.array(np.arange(2 * place, offsets.size, 2 * width))) for place in range(width)]


def _without(data: memoryview, places: Places) -> memoryview:
    """Leaves out some bytes, of which there are few."""
    bounds = [-1, *places.tolist(), len(data)]
    return memoryview(b"".join(data[before + 1 : place] for before, place in pairwise(bounds)))
