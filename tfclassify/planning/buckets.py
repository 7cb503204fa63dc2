"""Batch shapes: the lengths that waste the fewest tokens for a number of shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Bucket = tuple[int, int]


def choose_lengths(
    histogram: Sequence[int], *, max_shapes: int, multiple: int = 1, rows: Callable[[int], int] | None = None
) -> tuple[int, ...]:
    """Chooses bucket lengths by dynamic programming over the histogram.

    With ``waste(i, j)`` the padding of all rows longer than length i in a bucket of length j, the least padding of
    k buckets that end at j is ``min over i of best(k - 1, i) + waste(i, j)``. What the bucket of length j lacks for its
    last batch, and takes of shorter rows, adds to that: exactly where all buckets have as many rows, else about.

    Args:
        histogram: rows per length.
        max_shapes: number of lengths, at most; fewer are used where more save nothing.
        multiple: every length is a multiple of this.
        rows: of a bucket's batches, by its length; None where that is no matter.

    Returns:
        Rising lengths; the last one holds the longest row.
    """
    counts = _counted(histogram)
    ends = _candidates(counts, multiple)
    waste = _waste(counts, ends)
    if rows is not None:
        waste += _taken_up(counts, ends, np.array([rows(int(end)) for end in ends]))
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


def batches_of(counts: Sequence[int], sizes: Sequence[int]) -> list[int]:
    """Returns how many batches each bucket has, when each fills its last one with the longest of the shorter rows.

    Args:
        counts: rows that the bucket is the shortest for, by rising length.
        sizes: rows of its batches.
    """
    numbers, taken = [], 0
    for count, size in zip(reversed(counts), reversed(sizes), strict=True):
        left = count - taken
        numbers.append(max(0, -(-left // size)))
        taken = numbers[-1] * size - left
    return numbers[::-1]


def expected_batches(histogram: Sequence[int], buckets: Sequence[Bucket]) -> list[tuple[int, Bucket]]:
    """Returns how many batches of each shape an epoch has, of those that it has any of."""
    upto = np.cumsum(_counted(histogram))
    ends = [min(length, len(upto) - 1) for _, length in buckets]
    counts = np.diff(upto[ends], prepend=0).tolist()
    numbers = batches_of(counts, [size for size, _ in buckets])
    return [(number, bucket) for number, bucket in zip(numbers, buckets, strict=True) if number]


def with_batches(histogram: Sequence[int], buckets: Sequence[Bucket]) -> tuple[Bucket, ...]:
    """Returns those shapes that an epoch has a batch of, and the last, which holds the longest row."""
    there = {bucket for _, bucket in expected_batches(histogram, buckets)}
    return tuple(bucket for bucket in buckets if bucket in there or bucket == buckets[-1])


def padding_share(histogram: Sequence[int], buckets: Sequence[Bucket]) -> float:
    """Returns the share of an epoch's tokens that will be padding, rows that only fill a batch included."""
    shown = sum(number * rows * length for number, (rows, length) in expected_batches(histogram, buckets))
    real = sum(length * rows for length, rows in enumerate(histogram))
    return 1.0 - real / shown if shown else 0.0


def _counted(histogram: Sequence[int]) -> np.ndarray:
    """Returns rows per length, int64, of at least the length 0."""
    return np.asarray(histogram if len(histogram) else [0], np.int64)


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


def _taken_up(counts: np.ndarray, ends: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Returns int64[E + 1, E]: the padding of rows up to candidate i - 1 (0 is none) in the last batch of candidate j.

    Rows that are lacking altogether count as ones without a token.
    """
    upto = np.cumsum(counts)[np.minimum(ends, len(counts) - 1)]
    longer = counts.sum() - np.concatenate([[0], upto])
    lacking = -longer[:, None] % sizes
    return lacking * np.maximum(ends - np.concatenate([[0], ends])[:, None], 0)


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
