"""Splits by a hash of the text: equal texts stay together, and the order of the rows means nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
PART_ROWS = 1 << 18


def text_hash(text: pa.StringArray) -> Hashes:
    """Returns the 8-byte BLAKE2b digest (no key, little-endian) of every text's UTF-8 bytes.

    It is the same on every platform and in every process. The probability that any two of a million
    different texts have one hash is 3e-8.

    Args:
        text: string[N] without nulls.

    Returns:
        uint64[N].

    Source: RFC 7693.
    """
    digests = [hashlib.blake2b(value, digest_size=8).digest() for value in text.cast(pa.large_binary()).to_pylist()]
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


def in_parts(*columns: Hashes, seed: int = 0) -> Iterator[tuple[NDArray[np.intp], ...]]:
    """Cuts rows into parts by their hashes, mixed with a seed: what is done with one needs no memory for the others.

    Args:
        columns: uint64[N] each.
        seed: see :func:`assign`.

    Yields:
        Of each column the places of some rows, rising. Rows of equal hash are in one part, of all columns; those of a
        part have lower mixed hashes than those of the next.
    """
    count = min(max(1, ceil(sum(map(len, columns)) / PART_ROWS)), 1 << 16)
    numbers = [_part_numbers(column, seed, count) for column in columns]
    for part in range(count):
        yield tuple(np.flatnonzero(each == part) for each in numbers)


def pair_hash(text: pa.StringArray, text_b: pa.StringArray | None) -> Hashes:
    """Returns the hash of every text, or of every pair of texts, uint64[N]."""
    if text_b is None:
        return text_hash(text)
    # A pair is the same as another when both texts are; the odd factor keeps (a, b) apart from (b, a).
    return text_hash(text) * np.uint64(0x9E3779B97F4A7C15) + text_hash(text_b)


def duplicates(hashes: Hashes) -> int:
    """Returns the number of rows whose text an earlier row has."""
    return len(hashes) - sum(len(np.unique(hashes[rows])) for (rows,) in in_parts(hashes))


def overlap(first: Hashes, second: Hashes) -> int:
    """Returns the number of different texts that both have."""
    parts = in_parts(first, second)
    return sum(len(np.intersect1d(first[rows], second[rows_b])) for rows, rows_b in parts)


def assign(hashes: Hashes, labels: NDArray[np.int32], *, seed: int, shares: Mapping[str, float]) -> NDArray[np.int8]:
    """Deals rows to splits, stratified by label.

    Within a label, rows go by the order of their hashes mixed with the seed. Shares are rounded so that the
    sum over the labels is right too: a label gets its share to within a row, and half the rows of one
    repeated text. Rows of equal hash stay together and count for the rarest of their labels. At least one
    row of a label stays in training, if the label has a text that no rarer label has.

    Args:
        hashes: uint64[N], see :func:`text_hash`.
        labels: int32[N], any integers.
        seed: seed of the run.
        shares: share of the rows for every split but training; together below 1.

    Returns:
        int8[N]: 0 for training, else the place of the split in ``shares``, counted from 1.
    """
    names, ranks = _ranked(labels)
    rows = np.zeros(len(names), np.int64)
    for (places,) in in_parts(hashes, seed=seed):
        rows += _rows_of(_texts(hashes[places], ranks[places], seed), len(names))
    ends = _ends(rows, list(shares.values()))
    sides = np.zeros(len(hashes), np.int8)
    before = np.zeros(len(names), np.int64)
    for (places,) in in_parts(hashes, seed=seed):
        texts = _texts(hashes[places], ranks[places], seed)
        sides[places] = _sides(texts, before, rows, ends)[texts.of_row]
        before += _rows_of(texts, len(names))
    return sides


def deal(hashes: Hashes, *, seed: int, splits: int) -> NDArray[np.int8]:
    """Deals rows to splits evenly by chance; rows of equal hash stay together.

    Returns:
        int8[N], from 1 to ``splits``.
    """
    return (_mix(hashes, seed) % np.uint64(splits) + np.uint64(1)).astype(np.int8)


@dataclass(frozen=True)
class _Texts:
    """The different texts of some rows by rising mixed hash: which one a row has, the rows and the rank of each."""

    of_row: NDArray[np.intp]
    sizes: NDArray[np.int64]
    ranks: NDArray[np.int64]


def _ranked(labels: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Returns the different labels, and the rank of every row's: by rows, the rarest first, and then by number."""
    names, counts = np.unique(labels, return_counts=True)
    rank_of_name = np.argsort(np.lexsort((names, counts))).astype(np.int32)
    ranks = np.empty(len(labels), np.int32)
    for start in range(0, len(labels), PART_ROWS):
        part = slice(start, start + PART_ROWS)
        ranks[part] = rank_of_name[np.searchsorted(names, labels[part])]
    return names, ranks


def _texts(hashes: Hashes, ranks: NDArray[np.int32], seed: int) -> _Texts:
    different, of_row, sizes = np.unique(_mix(hashes, seed), return_inverse=True, return_counts=True)
    rarest = np.full(len(different), np.iinfo(np.int32).max, np.int64)
    np.minimum.at(rarest, of_row, ranks)
    return _Texts(of_row, sizes, rarest)


def _rows_of(texts: _Texts, ranks: int) -> NDArray[np.int64]:
    """Returns how many rows count for each rank."""
    return np.bincount(texts.ranks, weights=texts.sizes, minlength=ranks).astype(np.int64)


def _sides(
    texts: _Texts, before: NDArray[np.int64], rows: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.int8]:
    """Returns the split of every text, where each rank has had some rows before these, of all its rows."""
    order = np.argsort(texts.ranks, kind="stable")
    ranks, sizes = texts.ranks[order], texts.sizes[order]
    here = _rows_of(texts, len(rows))
    last = np.cumsum(sizes) - (np.cumsum(here) - here)[ranks] + before[ranks]
    # Twice the place of a text's middle within its label, so that it stays an integer.
    middles = 2 * last - sizes
    sides = np.zeros(len(ranks), np.int8)
    for side, end in reversed(list(enumerate(ends, 1))):
        sides[middles <= 2 * end[ranks]] = side
    sides[last == rows[ranks]] = 0
    found = np.empty_like(sides)
    found[order] = sides
    return found


def _ends(rows: NDArray[np.int64], shares: list[float]) -> NDArray[np.int64]:
    """Returns int64[splits, labels]: where each split's rows end within a label."""
    so_far = np.cumsum(rows)
    sums = np.floor(np.outer(shares, so_far) + 0.5).astype(np.int64)
    return np.cumsum(np.diff(sums, axis=1, prepend=0), axis=0)


def _part_numbers(hashes: Hashes, seed: int, count: int) -> NDArray[np.uint16]:
    numbers = np.empty(len(hashes), np.uint16)
    half = np.uint64(32)
    for start in range(0, len(hashes), PART_ROWS):
        part = slice(start, start + PART_ROWS)
        numbers[part] = (_mix(np.asarray(hashes[part]), seed) >> half) * np.uint64(count) >> half
    return numbers


def _mix(hashes: Hashes, seed: int) -> Hashes:
    """Mixes hashes with a seed, one to one; SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    mixed = hashes + np.uint64(((seed + 1) * 0x9E3779B97F4A7C15) % 2**64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
