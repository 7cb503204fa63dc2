"""N-grams as numbers: the same in NumPy and in the graph, within one text, and spread over all buckets."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st

from tfclassify.text import ngram_hashing_ops as ops
from tfclassify.text.ngram_hashing import COEFFICIENTS, MOST_IDS, ORDERS, PRIME, PieceRun, hashed_ngrams
from tfclassify.text.word_pieces import SpecialIds

SPECIAL = SpecialIds(pad=0, unknown=1, cls=2, sep=3)
IDS = st.integers(4, MOST_IDS - 1)
ROWS = st.lists(st.lists(IDS, max_size=6), min_size=1, max_size=5)


def run_of(rows: list[list[int]], rows_b: list[list[int]] | None = None) -> PieceRun:
    sides = [rows] if rows_b is None else [rows, rows_b]
    ids = [value for side in sides for row in side for value in row]
    owners = [2 * number + place for place, side in enumerate(sides) for number, row in enumerate(side) for _ in row]
    return PieceRun(np.array(ids, np.int64), np.array(owners, np.int64))


def packed(rows: list[list[int]], rows_b: list[list[int]] | None) -> tuple[list[list[int]], ...]:
    """Ids, mask and types as BERT gets them."""
    second = [None] * len(rows) if rows_b is None else rows_b
    ids = [[2, *one, 3, *([] if two is None else [*two, 3])] for one, two in zip(rows, second, strict=True)]
    types = [
        [0] * (len(one) + 2) + [1] * (0 if two is None else len(two) + 1) for one, two in zip(rows, second, strict=True)
    ]
    width = max(map(len, ids))
    filled = [[*row, *[0] * (width - len(row))] for row in ids]
    mask = [[1] * len(row) + [0] * (width - len(row)) for row in ids]
    return filled, mask, [[*row, *[0] * (width - len(row))] for row in types]


def pairs(found: tuple[np.ndarray, np.ndarray]) -> list[tuple[int, int]]:
    return sorted(zip(*(np.asarray(each).tolist() for each in found), strict=True))


@tried(max_examples=30)
@given(ROWS, st.booleans(), st.integers(256, 1 << 24))
def test_the_graph_hashes_as_numpy_does(rows: list[list[int]], pair: bool, buckets: int) -> None:
    rows_b = rows[::-1] if pair else None
    ragged = [
        tf.ragged.constant(side, tf.int32, ragged_rank=1, row_splits_dtype=tf.int64) for side in (rows, rows_b or rows)
    ]
    expected = pairs(hashed_ngrams(run_of(rows, rows_b), buckets))
    found = ops.hashed_ngrams(ops.run_of_pieces(ragged[0], ragged[1] if pair else None), buckets)
    assert pairs(found) == expected
    tokens = [tf.constant(each, tf.int32) for each in packed(rows, rows_b)]
    of_tokens = ops.run_of_tokens(*tokens, SPECIAL)
    assert pairs(ops.hashed_ngrams(of_tokens, buckets)) == expected
    assert int(of_tokens.rows) == len(rows)


@tried(max_examples=30)
@given(st.lists(st.lists(st.integers(4, 8) | st.just(SPECIAL.unknown), max_size=6), min_size=1, max_size=4))
def test_of_tokens_there_is_no_ngram_with_an_unknown_word(rows: list[list[int]]) -> None:
    tokens = [tf.constant(each, tf.int32) for each in packed(rows, None)]
    found = pairs(ops.hashed_ngrams(ops.run_of_tokens(*tokens, SPECIAL), 1 << 20))
    # Of what lies between unknown words; the others have the same n-grams as if each were a text.
    expected = []
    for number, row in enumerate(rows):
        for part in "".join(" " if each == SPECIAL.unknown else chr(each) for each in row).split(" "):
            alone = pairs(hashed_ngrams(run_of([[ord(each) for each in part]]), 1 << 20))
            expected += [(number, bucket) for _, bucket in alone]
    assert found == sorted(expected)


def test_an_ngram_lies_within_one_text() -> None:
    owners, _ = hashed_ngrams(run_of([[7, 8, 9], [], [7]], [[5, 6], [4], []]), 1 << 20)
    # Of n pieces n 1-grams and n - 1 2-grams.
    assert np.bincount(owners).tolist() == [5 + 3, 1, 1]


def test_equal_ngrams_share_a_bucket_and_their_order_counts() -> None:
    owners, buckets = hashed_ngrams(run_of([[7, 8], [7, 8], [8, 7]]), 1 << 20)
    of = [set(buckets[owners == row].tolist()) for row in range(3)]
    assert of[0] == of[1]
    assert len(of[0] & of[2]) == 2
    assert len(of[0] | of[2]) == 4


def test_collisions_are_as_rare_as_chance_has_them() -> None:
    buckets, pieces = 1 << 12, 3000
    _, found = hashed_ngrams(run_of([[number] for number in range(4, 4 + pieces)]), buckets)
    used = len(set(found.tolist()))
    expected = buckets * (1 - (1 - 1 / buckets) ** pieces)
    assert abs(used - expected) < 200


def test_no_product_leaves_int64() -> None:
    assert max(COEFFICIENTS) < PRIME
    assert len(COEFFICIENTS) == 1 + max(ORDERS)
    assert sum(each * MOST_IDS for each in COEFFICIENTS) < 2**63
