"""Splits by a hash of the text: what must hold for any data, and what must never change."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from random import Random
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tfclassify.data import splits
from tfclassify.data.splits import assign, duplicates, in_parts, overlap, text_hash

SHARES = {"validation": 0.1, "test": 0.2}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def dealt(
    hashes: list[int] | NDArray[np.uint64],
    labels: list[int] | NDArray[np.int32],
    seed: int = 0,
    shares: Mapping[str, float] = SHARES,
) -> NDArray[np.int8]:
    return assign(np.array(hashes, np.uint64), np.array(labels, np.int32), seed=seed, shares=shares)


# Hashes


@given(st.lists(TEXT, max_size=5))
def test_the_hash_is_that_of_the_bytes(texts: list[str]) -> None:
    found = text_hash(pa.array(texts, pa.string()))
    assert found.dtype == np.uint64
    assert found.tolist() == [digest(text) for text in texts]
    assert text_hash(pa.array(["x", *texts], pa.string())[1:]).tolist() == found.tolist()


def test_the_hash_never_changes() -> None:
    """Splits of data sets that were cut long ago hang on it."""
    found = text_hash(pa.array(["", "How do I reset my password?", "é"]))
    assert [f"{value:016x}" for value in found.tolist()] == [
        "b4b2797457a0a6e4",
        "4ba4c9c497d44892",
        "2f19f3ef8bbf1acb",
    ]


def test_the_deal_never_changes() -> None:
    hashes = text_hash(pa.array([f"text {row}" for row in range(24)]))
    found = dealt(hashes, [row % 3 for row in range(24)], seed=7)
    assert "".join(map(str, found.tolist())) == "000020000212000002100200"
    # Texts that are there three times, each with two labels.
    hashes = text_hash(pa.array([f"text {row // 3}" for row in range(60)]))
    found = dealt(hashes, [row % 2 for row in range(60)], seed=7, shares={"validation": 0.1, "test": 0.25})
    assert "".join(map(str, found.tolist())) == "0" * 12 + "222" + "0" * 15 + "111222" + "0" * 12 + "222111222222"


def test_duplicates_and_overlap() -> None:
    first, second = np.array([1, 2, 1, 1, 3], np.uint64), np.array([3, 1, 1, 9], np.uint64)
    assert (duplicates(first), duplicates(second)) == (2, 1)
    assert overlap(first, second) == 2
    none = np.zeros(0, np.uint64)
    assert (duplicates(none), overlap(first, none)) == (0, 0)


# Deals

LABELS = st.integers(1, 4).flatmap(lambda classes: st.lists(st.integers(-1, classes), min_size=1, max_size=60))
SEEDS = st.integers(0, 2**31 - 1)
SOME_SHARES = st.sampled_from(
    [{"validation": 0.1}, {"validation": 0.1, "test": 0.1}, {"test": 0.5}, {"validation": 0.45, "test": 0.5}, {}]
)


@st.composite
def data(draw: st.DrawFn, *, repeats: bool) -> tuple[list[int], list[int]]:
    """Hashes and labels; with repeats, rows of one hash and maybe different labels."""
    labels = draw(LABELS)
    pool = st.integers(0, max(2, len(labels) // 2)) if repeats else st.integers(0, 2**64 - 1)
    hashes = draw(st.lists(pool, min_size=len(labels), max_size=len(labels), unique=not repeats))
    return hashes, labels


@given(rows=data(repeats=True), seed=SEEDS, shares=SOME_SHARES)
def test_equal_hashes_are_on_one_side(rows: tuple[list[int], list[int]], seed: int, shares: dict[str, float]) -> None:
    found = dealt(*rows, seed=seed, shares=shares)
    assert found.dtype == np.int8
    assert set(found.tolist()) <= set(range(len(shares) + 1))
    sides: dict[int, set[int]] = {}
    for value, side in zip(rows[0], found.tolist(), strict=True):
        sides.setdefault(value, set()).add(side)
    assert all(len(found) == 1 for found in sides.values())


@given(rows=data(repeats=False), seed=SEEDS, shares=SOME_SHARES)
def test_every_label_gets_its_share_to_within_a_row(
    rows: tuple[list[int], list[int]], seed: int, shares: dict[str, float]
) -> None:
    labels = rows[1]
    found = dealt(*rows, seed=seed, shares=shares).tolist()
    counts = Counter(zip(labels, found, strict=True))
    sizes = Counter(labels)
    for label, size in sizes.items():
        # At least one row stays in training, whatever the shares say.
        assert counts[label, 0] >= 1
        for side, share in enumerate(shares.values(), 1):
            short = 1 if counts[label, 0] == 1 else 0
            assert share * size - 1 - short < counts[label, side] < share * size + 1
    for side, share in enumerate(shares.values(), 1):
        taken = sum(count for (_, place), count in counts.items() if place == side)
        kept_back = sum(1 for label in sizes if counts[label, 0] == 1)
        assert share * len(labels) - 0.5 - kept_back <= taken <= share * len(labels) + 0.5


@given(rows=data(repeats=True), seed=SEEDS, shares=SOME_SHARES)
def test_a_share_is_missed_by_half_a_repeated_text_at_most(
    rows: tuple[list[int], list[int]], seed: int, shares: dict[str, float]
) -> None:
    hashes, labels = rows
    found = dealt(hashes, labels, seed=seed, shares=shares).tolist()
    rank = {label: place for place, (_, label) in enumerate(sorted((n, x) for x, n in Counter(labels).items()))}
    owner: dict[int, int] = {}
    for value, label in zip(hashes, labels, strict=True):
        owner[value] = min(owner.get(value, label), label, key=lambda x: rank[x])
    sizes = Counter(hashes)
    for label in set(owner.values()):
        texts = [value for value in sizes if owner[value] == label]
        rows_here = sum(sizes[value] for value in texts)
        most = max(sizes[value] for value in texts)
        sides = dict(zip(hashes, found, strict=True))
        assert any(sides[value] == 0 for value in texts)
        # Both ends of a split may be off by half the rows of a text, and the text kept for training by a whole one.
        for side, share in enumerate(shares.values(), 1):
            taken = sum(sizes[value] for value in texts if sides[value] == side)
            kept = [value for value in texts if sides[value] == 0]
            slack = most if len(kept) == 1 else 0
            assert share * rows_here - 1 - most - slack <= taken <= share * rows_here + 1 + most


@given(rows=data(repeats=True), seed=SEEDS, order=st.randoms(use_true_random=False))
def test_the_order_of_the_rows_means_nothing(rows: tuple[list[int], list[int]], seed: int, order: Random) -> None:
    hashes, labels = rows
    places = list(range(len(labels)))
    order.shuffle(places)
    found = dealt(hashes, labels, seed=seed)
    again = dealt([hashes[place] for place in places], [labels[place] for place in places], seed=seed)
    assert again.tolist() == found[places].tolist()


def test_the_seed_matters_and_nothing_else() -> None:
    hashes = text_hash(pa.array([str(row) for row in range(200)]))
    labels = np.arange(200) % 2
    first = dealt(hashes, labels, seed=1)
    assert (first == dealt(hashes, labels, seed=1)).all()
    assert (first != dealt(hashes, labels, seed=2)).sum() > 30
    assert [int((first == side).sum()) for side in (0, 1, 2)] == [140, 20, 40]


def test_a_row_stays_where_it_is_when_others_come() -> None:
    """Most rows of a data set that grows keep their side: the order within a label is that of the hashes."""
    hashes = text_hash(pa.array([str(row) for row in range(1100)]))
    labels = np.zeros(1100, np.int32)
    before, after = dealt(hashes[:1000], labels[:1000]), dealt(hashes, labels)[:1000]
    assert (before == after).mean() > 0.95


def test_labels_of_a_single_row_stay_in_training() -> None:
    assert dealt(list(range(5)), list(range(5))).tolist() == [0] * 5
    assert dealt([3], [0], shares={"test": 0.9}).tolist() == [0]


def test_one_label() -> None:
    found = dealt(text_hash(pa.array([str(row) for row in range(100)])), [0] * 100)
    assert Counter(found.tolist()) == {0: 70, 1: 10, 2: 20}


def test_one_text_only() -> None:
    assert dealt([7] * 10, [0] * 10).tolist() == [0] * 10
    assert len(set(dealt([7] * 10, [0, 1] * 5).tolist())) == 1


def test_no_rows_and_no_shares() -> None:
    assert dealt([], []).tolist() == []
    assert dealt([1, 2], [0, 1], shares={}).tolist() == [0, 0]


def test_many_small_labels_get_their_shares_together() -> None:
    """Rounded label by label, a tenth of five rows would be nothing or twice as much, for each of the labels."""
    labels = np.repeat(np.arange(150), 5)
    found = dealt(text_hash(pa.array([str(row) for row in range(750)])), labels)
    assert Counter(found.tolist()) == {0: 525, 1: 75, 2: 150}
    assert np.bincount(labels[found == 1]).max() == 1


def test_a_text_with_two_labels_counts_for_the_rarer() -> None:
    # Text 1 has label 0, which ten rows have, and label 1, which two have.
    hashes = [1, 1, *range(10, 19), 99]
    labels = [0, 1, *[0] * 9, 1]
    found = dealt(hashes, labels, shares={"test": 0.5})
    assert len(set(found[:2].tolist())) == 1
    # Label 1 has texts 1 and 99 to itself: one goes to the test.
    assert sorted({int(found[0]), int(found[-1])}) == [0, 1]


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_sides_are_independent_of_labels_and_hash_order(share: float) -> None:
    hashes = np.arange(10_000, dtype=np.uint64)
    found = dealt(hashes, hashes.astype(np.int32) % 2, shares={"test": share})
    assert abs(found[:5000].mean() - share) < 0.03
    assert abs(np.corrcoef(found[:-1], found[1:])[0, 1]) < 0.04


# In parts

HASHES = st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 9), max_size=40)


@given(
    hashes=HASHES, others=HASHES, labels=st.lists(st.integers(-2, 3), min_size=40, max_size=40), seed=st.integers(0, 9)
)
def test_in_parts_it_is_the_same_as_in_one_go(
    hashes: list[int], others: list[int], labels: list[int], seed: int
) -> None:
    first, second = np.array(hashes, np.uint64), np.array(others, np.uint64)
    whole = (dealt(hashes, labels[: len(hashes)], seed).tolist(), duplicates(first), overlap(first, second))
    with patch.object(splits, "PART_ROWS", 3):
        parts = (dealt(hashes, labels[: len(hashes)], seed).tolist(), duplicates(first), overlap(first, second))
        places = [rows for (rows,) in in_parts(first, seed=seed)]
    assert parts == whole
    assert sorted(np.concatenate(places).tolist()) == list(range(len(hashes)))
    assert len(places) == max(1, -(-len(hashes) // 3))
    assert whole[1:] == (len(hashes) - len(set(hashes)), len(set(hashes) & set(others)))
