"""What planning knows of the data, as plain numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from math import inf


@dataclass(frozen=True)
class SplitStatistics:
    """Counts over the rows of a split.

    ``lengths[n]`` is the number of rows with n tokens, [CLS] and [SEP] included, before anything is cut.
    """

    rows: int
    label_counts: Mapping[str, int]
    lengths: tuple[int, ...]
    tokens: int
    unknown_tokens: int
    duplicates: int
    out_of_scope: int


@dataclass(frozen=True)
class Statistics:
    """Counts over a data set. ``overlap["train&test"]`` is the number of different texts that both have."""

    splits: Mapping[str, SplitStatistics]
    labels: tuple[str, ...]
    multilabel: bool
    pairs: bool
    overlap: Mapping[str, int]


def quantile_length(histogram: Sequence[int], share: float) -> int:
    """Returns the least length that covers this share of the rows."""
    total, seen = sum(histogram), 0
    for length, rows in enumerate(histogram):
        seen += rows
        # Divided, not multiplied: 0.07 * 100 is more than 7.
        if seen > 0 and seen / total >= share:
            return length
    return 0


def rows_over(histogram: Sequence[int], length: int) -> int:
    """Returns the number of rows longer than this."""
    return sum(histogram[length + 1 :])


def cut_lengths(histogram: Sequence[int], length: int) -> tuple[int, ...]:
    """Returns the histogram after every longer row was cut to this length."""
    if len(histogram) <= length + 1:
        return tuple(histogram)
    return (*histogram[:length], sum(histogram[length:]))


def added(histograms: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Returns the histogram of all rows together."""
    return tuple(sum(column) for column in zip_longest(*histograms, fillvalue=0))


def unknown_share(split: SplitStatistics) -> float:
    """Returns the share of the tokens that the model's vocabulary does not know."""
    return split.unknown_tokens / split.tokens if split.tokens else 0.0


def imbalance(counts: Mapping[str, int]) -> float:
    """Returns how many times more rows the largest class has than the smallest: infinity where only that has none."""
    largest, smallest = max(counts.values()), min(counts.values())
    if not largest:
        return 0.0
    return largest / smallest if smallest else inf
