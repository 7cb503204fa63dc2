"""N-grams of word pieces as numbers: each 1-gram and 2-gram of ids falls into one of M buckets, by integers alone.

The same arithmetic runs in NumPy, here, and in TensorFlow, in ``ngram_hashing_ops.py``; no product leaves int64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Of six data sets, 3-grams made five worse and none better; 1-grams alone cost trec6 three points.
ORDERS = (1, 2)
# Hashes are values of the field of this size, 2^31 - 1, before they become buckets.
PRIME = 2_147_483_647
# Of the order, and of each piece by its place; an id is below 2^22, so that a sum of products stays below 2^55.
COEFFICIENTS = (1_640_531_527, 1_327_217_885, 774_363_547)
MOST_IDS = 1 << 22


@dataclass(frozen=True)
class PieceRun:
    """T word pieces of N texts or pairs in a row: ``ids`` and, for each, the ``segments`` int64[T] that it is of.

    Text r has segment 2r, and its second text 2r + 1. Pieces of a segment lie together; no n-gram spans two segments.
    """

    ids: NDArray[np.integer]
    segments: NDArray[np.int64]


def hashed_ngrams(pieces: PieceRun, buckets: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the n-grams of pieces: for each the number of its text, and its bucket.

    The hash is multilinear over a prime field: two different n-grams of a length share a bucket about as rarely as
    chance would have it, whatever the ids.

    Args:
        pieces: T of them, with ids from 0 to below 2^22.
        buckets: M.

    Returns:
        int64[G] rows, and int64[G] buckets from 0 to below M.

    Source: J. L. Carter, M. N. Wegman, "Universal classes of hash functions", JCSS 18 (1979).
    """
    values, segments = pieces.ids.astype(np.int64), pieces.segments
    rows, found = [], []
    for order in ORDERS:
        count = max(len(values) - order + 1, 0)
        within = segments[:count] == segments[order - 1 :][:count]
        hashed = np.full(count, COEFFICIENTS[0] * order, np.int64)
        for place in range(order):
            hashed += COEFFICIENTS[1 + place] * values[place : place + count]
        rows.append(segments[:count][within] // 2)
        found.append(hashed[within] % PRIME % buckets)
    return np.concatenate(rows), np.concatenate(found)
