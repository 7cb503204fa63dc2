"""Splits by a hash of the text: equal texts stay together, and the order of the rows means nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]


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


def pair_hash(text: pa.StringArray, text_b: pa.StringArray | None) -> Hashes:
    """Returns the hash of every text, or of every pair of texts, uint64[N]."""
    if text_b is None:
        return text_hash(text)
    # A pair is the same as another when both texts are; the odd factor keeps (a, b) apart from (b, a).
    return text_hash(text) * np.uint64(0x9E3779B97F4A7C15) + text_hash(text_b)


def duplicates(hashes: Hashes) -> int:
    """Returns the number of rows whose text an earlier row has."""
    return len(hashes) - len(np.unique(hashes))


def overlap(first: Hashes, second: Hashes) -> int:
    """Returns the number of different texts that both have."""
    return len(np.intersect1d(first, second))


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
    texts, text_of_row = np.unique(hashes, return_inverse=True)
    sizes = np.bincount(text_of_row, minlength=len(texts))
    ranks = _text_ranks(text_of_row, labels, len(texts))
    order = np.lexsort((_mix(texts, seed), ranks))
    rows = np.bincount(ranks, weights=sizes).astype(np.int64)
    first_row = np.cumsum(rows) - rows
    # Twice the place of a text's middle within its label, so that it stays an integer.
    middles = 2 * (np.cumsum(sizes[order]) - first_row[ranks[order]]) - sizes[order]
    sides = np.zeros(len(texts), np.int8)
    for side, end in reversed(list(enumerate(_ends(rows, list(shares.values())), 1))):
        sides[order[middles <= 2 * end[ranks[order]]]] = side
    last = np.append(ranks[order][1:] != ranks[order][:-1], True)[: len(texts)]
    sides[order[last]] = 0
    return sides[text_of_row]


def deal(hashes: Hashes, *, seed: int, splits: int) -> NDArray[np.int8]:
    """Deals rows to splits evenly by chance; rows of equal hash stay together.

    Returns:
        int8[N], from 1 to ``splits``.
    """
    return (_mix(hashes, seed) % np.uint64(splits) + np.uint64(1)).astype(np.int8)


def _text_ranks(text_of_row: NDArray[np.intp], labels: NDArray[np.int32], texts: int) -> NDArray[np.int64]:
    """Returns the rank of every text's rarest label, labels ranked by rows and then by number."""
    names, label_of_row, counts = np.unique(labels, return_inverse=True, return_counts=True)
    rank_of_label = np.argsort(np.lexsort((names, counts)))
    ranks = np.full(texts, len(names), np.int64)
    np.minimum.at(ranks, text_of_row, rank_of_label[label_of_row])
    return ranks


def _ends(rows: NDArray[np.int64], shares: list[float]) -> NDArray[np.int64]:
    """Returns int64[splits, labels]: where each split's rows end within a label."""
    so_far = np.cumsum(rows)
    sums = np.floor(np.outer(shares, so_far) + 0.5).astype(np.int64)
    return np.cumsum(np.diff(sums, axis=1, prepend=0), axis=0)


def _mix(hashes: Hashes, seed: int) -> Hashes:
    """Mixes hashes with a seed, one to one; SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    mixed = hashes + np.uint64(((seed + 1) * 0x9E3779B97F4A7C15) % 2**64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
