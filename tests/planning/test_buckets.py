"""Bucket lengths are the best there are, and an epoch is as it was foreseen."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.data import batches as dealing
from tfclassify.planning.buckets import (
    Bucket,
    batches_of,
    choose_lengths,
    expected_batches,
    make_buckets,
    padding_share,
    rows_for,
)

HISTOGRAMS = st.lists(st.integers(0, 9), min_size=1, max_size=14)
LARGE = st.lists(st.integers(0, 1000), min_size=1, max_size=200)


def padding(histogram: list[int], lengths: tuple[int, ...]) -> int:
    """Padding when every row is in the shortest bucket that holds it."""
    filled = [(length, rows) for length, rows in enumerate(histogram) if rows]
    return sum(rows * (min(end for end in lengths if end >= length) - length) for length, rows in filled)


def least_padding(histogram: list[int], *, max_shapes: int, multiple: int) -> int:
    """The same for the best of all choices of lengths, each of them tried."""
    longest = max((length for length, rows in enumerate(histogram) if rows), default=0)
    top = -(-max(longest, 1) // multiple) * multiple
    inner = range(multiple, top, multiple)
    choices = [(*lower, top) for size in range(max_shapes) for lower in combinations(inner, size)]
    return min(padding(histogram, lengths) for lengths in choices)


def least_dealt(histogram: list[int], *, max_shapes: int, size: int) -> float:
    """The least padding share of epochs as they are dealt, over all choices of lengths."""
    top = max((length for length, rows in enumerate(histogram) if rows), default=1) or 1
    choices = [(*lower, top) for number in range(max_shapes) for lower in combinations(range(1, top), number)]
    return min(padding_share(histogram, [(size, length) for length in lengths]) for lengths in choices)


def lengths_of(histogram: list[int]) -> np.ndarray:
    return np.repeat(np.arange(len(histogram)), histogram).astype(np.int32)


def buckets_of(histogram: list[int], shapes: int, batch_size: int, batch_tokens: int) -> tuple[Bucket, ...]:
    lengths = choose_lengths(histogram, max_shapes=shapes)
    return make_buckets(lengths, batch_size=batch_size, batch_tokens=batch_tokens)


@given(HISTOGRAMS, st.integers(1, 5), st.sampled_from([1, 2, 3, 8]))
def test_no_other_lengths_waste_less(histogram: list[int], max_shapes: int, multiple: int) -> None:
    lengths = choose_lengths(histogram, max_shapes=max_shapes, multiple=multiple)
    assert padding(histogram, lengths) == least_padding(histogram, max_shapes=max_shapes, multiple=multiple)


@given(HISTOGRAMS, st.integers(1, 5), st.integers(1, 12))
def test_no_other_lengths_waste_less_with_what_is_left_over(histogram: list[int], max_shapes: int, size: int) -> None:
    lengths = choose_lengths(histogram, max_shapes=max_shapes, rows=lambda _: size)
    dealt = padding_share(histogram, [(size, length) for length in lengths])
    assert dealt == pytest.approx(least_dealt(histogram, max_shapes=max_shapes, size=size), abs=1e-12)


@given(LARGE, st.integers(1, 12), st.sampled_from([1, 8, 64]))
def test_lengths_rise_and_hold_every_row(histogram: list[int], max_shapes: int, multiple: int) -> None:
    lengths = choose_lengths(histogram, max_shapes=max_shapes, multiple=multiple)
    assert 1 <= len(lengths) <= max_shapes
    assert list(lengths) == sorted(set(lengths))
    assert all(length > 0 and length % multiple == 0 for length in lengths)
    longest = max((length for length, rows in enumerate(histogram) if rows), default=1)
    assert lengths[-1] == -(-max(longest, 1) // multiple) * multiple


@given(LARGE, st.sampled_from([1, 8]))
def test_more_shapes_waste_less_until_nothing_is_wasted(histogram: list[int], multiple: int) -> None:
    wasted = [padding(histogram, choose_lengths(histogram, max_shapes=n, multiple=multiple)) for n in range(1, 8)]
    shapes = [len(choose_lengths(histogram, max_shapes=n, multiple=multiple)) for n in range(1, 8)]
    for before, after in zip(range(6), range(1, 7), strict=True):
        assert wasted[after] < wasted[before] or (wasted[after], shapes[after]) == (wasted[before], shapes[before])


@pytest.mark.parametrize(
    ("histogram", "max_shapes", "multiple", "expected"),
    [
        ([0, 0, 0, 0, 10, 0, 0, 0, 10], 1, 1, (8,)),
        ([0, 0, 0, 0, 10, 0, 0, 0, 10], 2, 1, (4, 8)),
        ([0, 0, 0, 0, 10, 0, 0, 0, 10], 9, 1, (4, 8)),
        ([0, 0, 0, 0, 10, 0, 0, 0, 10], 2, 8, (8,)),
        ([0, 0, 0, 0, 10, 0, 0, 0, 10], 2, 3, (6, 9)),
        ([0, 100, 1, 1], 2, 1, (1, 3)),
        ([0, 2, 3, 100], 2, 1, (2, 3)),
        ([5], 3, 1, (1,)),
        ([0, 0, 0], 3, 4, (4,)),
        ([], 2, 1, (1,)),
    ],
)
def test_lengths_of_small_histograms(
    histogram: list[int], max_shapes: int, multiple: int, expected: tuple[int, ...]
) -> None:
    assert choose_lengths(histogram, max_shapes=max_shapes, multiple=multiple) == expected


def test_counts_beyond_32_bits_do_not_overflow() -> None:
    histogram = [0, 2_000_000_000, 0, 0, 3_000_000_000, 0, 0, 1]
    assert choose_lengths(histogram, max_shapes=2) == (4, 7)
    assert expected_batches(histogram, ((2, 4), (1, 7))) == [(2_500_000_000, (2, 4)), (1, (1, 7))]


@pytest.mark.parametrize(
    ("length", "batch_size", "batch_tokens", "expected"),
    [(16, 32, 4096, 32), (128, 32, 2048, 16), (512, 32, 100, 1), (3, 8, 10, 3), (512, 1, 10**6, 1)],
)
def test_rows_keep_both_limits(length: int, batch_size: int, batch_tokens: int, expected: int) -> None:
    assert rows_for(length, batch_size=batch_size, batch_tokens=batch_tokens) == expected


def test_buckets_are_rows_and_lengths() -> None:
    assert make_buckets((8, 64), batch_size=32, batch_tokens=512) == ((32, 8), (8, 64))


EPOCHS = (
    st.lists(st.integers(0, 40), min_size=1, max_size=30),
    st.integers(1, 5),
    st.integers(1, 40),
    st.integers(1, 500),
)


@given(*EPOCHS, st.booleans(), st.integers(0, 3))
def test_an_epoch_is_dealt_as_foreseen(
    histogram: list[int], shapes: int, batch_size: int, batch_tokens: int, shuffle: bool, epoch: int
) -> None:
    buckets = buckets_of(histogram, shapes, batch_size, batch_tokens)
    lengths = lengths_of(histogram)
    dealt = dealing.epoch_batches(lengths, buckets, seed=1, epoch=epoch, shuffle=shuffle)
    foreseen: Counter[Bucket] = Counter()
    for number, bucket in expected_batches(histogram, buckets):
        foreseen[bucket] += number
    assert foreseen == Counter(batch.bucket for batch in dealt)
    assert padding_share(histogram, buckets) == pytest.approx(dealing.padding_share(lengths, dealt), abs=1e-12)


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=30),
    st.lists(st.tuples(st.integers(1, 20), st.integers(1, 30)), min_size=1, max_size=4, unique_by=lambda each: each[1]),
)
def test_an_epoch_of_shapes_of_ones_own_is_dealt_as_foreseen(histogram: list[int], shapes: list[Bucket]) -> None:
    buckets = sorted([*shapes, (3, 30)] if max(length for _, length in shapes) < 30 else shapes, key=lambda b: b[1])
    dealt = dealing.epoch_batches(lengths_of(histogram), buckets, seed=0, epoch=0, shuffle=True)
    foreseen: Counter[Bucket] = Counter()
    for number, bucket in expected_batches(histogram, buckets):
        foreseen[bucket] += number
    assert foreseen == Counter(batch.bucket for batch in dealt)


@given(*EPOCHS)
def test_every_row_and_token_has_its_place(
    histogram: list[int], shapes: int, batch_size: int, batch_tokens: int
) -> None:
    buckets = buckets_of(histogram, shapes, batch_size, batch_tokens)
    expected = expected_batches(histogram, buckets)
    rows, tokens = sum(histogram), sum(length * count for length, count in enumerate(histogram))
    assert rows <= sum(number * size for number, (size, _) in expected) < rows + max(size for size, _ in buckets)
    assert tokens <= sum(number * size * length for number, (size, length) in expected)
    assert 0.0 <= padding_share(histogram, buckets) <= 1.0
    assert all(number > 0 for number, _ in expected)


def test_an_epoch_by_hand() -> None:
    # Five rows of 10 tokens and ten of 3: the third batch of 2 takes a short row; of the other nine one is alone.
    histogram = [0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 5]
    assert expected_batches(histogram, ((4, 4), (2, 10))) == [(3, (4, 4)), (3, (2, 10))]
    assert padding_share(histogram, ((4, 4), (2, 10))) == pytest.approx(1 - 80 / 108)


def test_a_few_short_rows_take_no_long_batch() -> None:
    for rows in (1, 3, 8):
        assert expected_batches([0, 0, rows], ((8, 4), (2, 64))) == [(1, (8, 4))]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([3, 0, 1], [0, 0, 1]),
        # Of what the longest bucket lacks the next one has too little, and itself no batch.
        ([9, 1, 1], [2, 0, 1]),
        ([4, 4, 4], [1, 1, 1]),
        ([0, 5, 0], [0, 2, 0]),
        ([0, 0, 0], [0, 0, 0]),
    ],
)
def test_batches_by_hand(counts: list[int], expected: list[int]) -> None:
    assert batches_of(counts, [4, 4, 4]) == expected


def test_no_rows_are_no_batches() -> None:
    assert expected_batches([0, 0], ((4, 2),)) == []
    assert padding_share([0, 0], ((4, 2),)) == 0.0
