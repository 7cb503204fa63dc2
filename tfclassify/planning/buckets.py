"""Batch shapes: the lengths that waste the fewest tokens for a number of shapes, found exactly."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Bucket = tuple[int, int]


def choose_lengths(
    histogram: Sequence[int], *, max_shapes: int, multiple: int = 1, rows: Callable[[int], int] | None = None
) -> tuple[int, ...]:
    """Chooses bucket lengths by dynamic programming over the histogram.

    With ``waste(i, j)`` the padding of all rows longer than length i in a bucket of length j, the least padding of
    k buckets that end at j is ``min over i of best(k - 1, i) + waste(i, j)``. Rows that are left over by the buckets up
    to i, and move up, add what a bucket of length j is longer: exactly where all buckets have as many rows, else about.

    Args:
        histogram: rows per length.
        max_shapes: number of lengths, at most; fewer are used where more save nothing.
        multiple: every length is a multiple of this.
        rows: of a bucket, by its length; None where no rows are left over.

    Returns:
        Rising lengths; the last one holds the longest row.
    """
    counts = np.asarray(histogram, np.int64)
    ends = _candidates(counts, multiple)
    waste = _waste(counts, ends)
    if rows is not None:
        waste[1:] += _moved_up(counts, ends, np.array([rows(int(end)) for end in ends]))
    best, back = waste[0], []
    for _ in range(min(max_shapes, len(ends)) - 1):
        # Row 0: the bucket is the first one; row i: the one before it ends at candidate i - 1.
        total = np.vstack([waste[0], best[:, None] + waste[1:]])
        back.append(total.argmin(axis=0))
        best = total.min(axis=0)
    return _followed(ends, back)


def rows_for(length: int, *, batch_size: int, batch_tokens: int) -> int:
    """Returns the rows of a bucket: the batch size, or fewer where they would exceed the tokens of a batch."""
    return max(1, min(batch_size, batch_tokens // length))


def make_buckets(lengths: Sequence[int], *, batch_size: int, batch_tokens: int) -> tuple[Bucket, ...]:
    """Returns [rows, length] for each length."""
    return tuple((rows_for(length, batch_size=batch_size, batch_tokens=batch_tokens), length) for length in lengths)


def expected_batches(histogram: Sequence[int], buckets: Sequence[Bucket]) -> list[tuple[int, Bucket]]:
    """Returns how many batches of each shape an epoch has, when rows that fill no batch move up a bucket.

    The rows that are left at the end take the smallest shape that holds them.
    """
    counts = np.asarray(histogram, np.int64)
    batches, waiting, start, longest = [], 0, 0, 0
    for place, (rows, length) in enumerate(buckets):
        own = int(counts[start : length + 1].sum())
        # A bucket's own rows are dealt after those that moved up, so that one of them is among what is left.
        longest = place if own else longest
        batches.append(((waiting + own) // rows, (rows, length)))
        waiting, start = (waiting + own) % rows, length + 1
    if waiting:
        batches.append((1, next(bucket for bucket in buckets[longest:] if bucket[0] >= waiting)))
    return [(number, bucket) for number, bucket in batches if number]


def padding_share(histogram: Sequence[int], buckets: Sequence[Bucket]) -> float:
    """Returns the share of an epoch's tokens that will be padding, rows that only fill a batch included."""
    shown = sum(number * rows * length for number, (rows, length) in expected_batches(histogram, buckets))
    real = sum(length * rows for length, rows in enumerate(histogram))
    return 1.0 - real / shown if shown else 0.0


def _candidates(counts: np.ndarray, multiple: int) -> np.ndarray:
    present = np.flatnonzero(counts)
    lengths = np.maximum(present if len(present) else np.array([1]), 1)
    return np.unique(-(-lengths // multiple) * multiple)


def _waste(counts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Returns int64[E + 1, E]: the padding when rows longer than candidate i - 1 (0 is none) share candidate j."""
    upto = np.minimum(ends + 1, len(counts))
    rows = np.concatenate([[0], np.concatenate([[0], np.cumsum(counts)])[upto]])
    tokens = np.concatenate([[0], np.concatenate([[0], np.cumsum(counts * np.arange(len(counts)))])[upto]])
    waste = (rows[1:] - rows[:, None]) * ends - (tokens[1:] - tokens[:, None])
    return np.where(np.tri(len(rows), len(ends), -1, dtype=bool), np.iinfo(np.int64).max // 4, waste)


def _moved_up(counts: np.ndarray, ends: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Returns int64[E, E]: the padding of what is left over at candidate i, added in a bucket of candidate j."""
    upto = np.minimum(ends, len(counts) - 1)
    left = np.cumsum(counts)[upto] % sizes
    return left[:, None] * np.maximum(ends - ends[:, None], 0)


def _followed(ends: np.ndarray, back: list[np.ndarray]) -> tuple[int, ...]:
    place = len(ends) - 1
    chosen = [int(ends[place])]
    for choice in reversed(back):
        before = int(choice[place])
        if before == 0:
            break
        place = before - 1
        chosen.append(int(ends[place]))
    return tuple(reversed(chosen))
