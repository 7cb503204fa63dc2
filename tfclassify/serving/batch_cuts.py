"""Waiting rows in the order of their lengths, cut into the batches that cost least; and which of them runs first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfclassify.serving.batch_costs import Cost

# A batch that begins for less than this share of its seconds gains nothing by more rows: its answers only come later.
LEAST_OVERHEAD = 0.03
# A deadline is pressing while there is still time for so many of the dearest batches: what is measured varies.
SPARE_BATCHES = 2
# Keeps a row that has only just come from weighing nothing.
LEAST_AGE_SECONDS = 0.001


@dataclass(frozen=True)
class Limits:
    """Of one batch: rows, rows times the bytes of the longest, and the numbers of rows it may have (empty: any)."""

    rows: int
    padded_bytes: int
    allowed_rows: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Waiting:
    """Rows that wait, by rising length.

    Attributes:
        lengths: int64[N], bytes, above 0.
        due: float64[N], when the turn of each would be if every request were given its share, seconds.
        deadlines: float64[N], infinite where there is none.
    """

    lengths: NDArray[np.int64]
    due: NDArray[np.float64]
    deadlines: NDArray[np.float64]


def useful_bytes(cost: Cost) -> float:
    """Returns the padded bytes beyond which a batch gains nothing by more rows."""
    return (1 / LEAST_OVERHEAD - 1) * cost.fixed_seconds / cost.seconds_per_byte


def run_rows(limits: Limits) -> NDArray[np.int64]:
    """Returns how many rows are run for 0, 1, ... rows: the next number that is allowed."""
    rows = np.arange(limits.rows + 1)
    if not limits.allowed_rows:
        return rows
    allowed = np.asarray((0, *limits.allowed_rows))
    return allowed[np.searchsorted(allowed, rows)]


def cut(lengths: NDArray[np.int64], cost: Cost, limits: Limits) -> list[slice]:
    """Cuts rows into neighbouring pieces of the least cost together, by dynamic programming.

    Args:
        lengths: int64[N], rising, above 0.
        cost: of a batch.
        limits: of a batch; a row beyond them is a batch of its own.

    Returns:
        The pieces, which hold every row once, in order.
    """
    most_bytes = min(limits.padded_bytes, useful_bytes(cost))
    if _alike(lengths, limits) and len(lengths) <= min(limits.rows, most_bytes // lengths[0]):
        # Without padding there is nothing to weigh; and this is asked for with every request.
        return [slice(0, len(lengths))]
    run = run_rows(limits)
    fitting = np.searchsorted(run, most_bytes // lengths, side="right") - 1
    # By falling number of rows, as the batches begin one row later each.
    run_seconds = cost.seconds_per_byte * run[::-1]
    least, starts = np.zeros(len(lengths) + 1), np.zeros(len(lengths) + 1, np.int64)
    for end, (longest, most) in enumerate(zip(lengths.tolist(), fitting.tolist(), strict=True), start=1):
        most = max(1, min(end, most))
        seconds = least[end - most : end] + run_seconds[-1 - most : -1] * longest
        place = int(seconds.argmin())
        least[end], starts[end] = cost.fixed_seconds + seconds[place], end - most + place
    return _pieces(starts)


def first(waiting: Waiting, pieces: Sequence[slice], cost: Cost, *, now: float, max_age_seconds: float) -> slice:
    """Chooses the piece that runs next.

    A row that might miss its deadline if others go before it decides, the earliest deadline first; else
    the row longest over its turn, once that is ``max_age_seconds``; else the piece whose rows have waited most for
    the seconds that it costs, so that cheap batches go before dear ones.
    """
    if len(pieces) == 1:
        return pieces[0]
    costs = np.asarray([cost.of(_padded(waiting.lengths, piece)) for piece in pieces])
    numbers = np.repeat(np.arange(len(pieces)), [piece.stop - piece.start for piece in pieces])
    slack = waiting.deadlines - now - costs[numbers]
    pressed = np.flatnonzero((slack >= 0) & (slack < SPARE_BATCHES * costs.max()))
    if len(pressed):
        return pieces[numbers[pressed[np.argmin(waiting.deadlines[pressed])]]]
    ages = now - waiting.due
    oldest = int(np.argmax(ages))
    if ages[oldest] >= max_age_seconds:
        return pieces[numbers[oldest]]
    weights = np.bincount(numbers, np.maximum(ages, LEAST_AGE_SECONDS))
    return pieces[int(np.argmax(weights / costs))]


def _alike(lengths: NDArray[np.int64], limits: Limits) -> bool:
    """Says whether any number of these rows costs in proportion."""
    return bool(len(lengths)) and not limits.allowed_rows and bool(lengths[0] == lengths[-1])


def _padded(lengths: NDArray[np.int64], piece: slice) -> int:
    return int(lengths[piece.stop - 1]) * (piece.stop - piece.start)


def _pieces(starts: NDArray[np.int64]) -> list[slice]:
    """Walks the best starts back from the last row."""
    pieces, end = [], len(starts) - 1
    while end:
        pieces.append(slice(int(starts[end]), end))
        end = int(starts[end])
    return pieces[::-1]
