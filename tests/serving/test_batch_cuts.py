"""Cutting waiting rows into batches, and choosing the first of them."""

from __future__ import annotations

from itertools import combinations, pairwise
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.serving.batch_costs import Cost
from tfclassify.serving.batch_cuts import Limits, Waiting, cut, first, run_rows, useful_bytes

COST = Cost(0.002, 1e-5)

lengths_strategy = st.lists(st.integers(1, 3000), min_size=1, max_size=9).map(sorted)


def total(lengths, pieces, cost, limits):
    run = run_rows(limits)
    return sum(cost.of(run[piece.stop - piece.start] * lengths[piece.stop - 1]) for piece in pieces)


def every_way(number):
    for many in range(number):
        for places in combinations(range(1, number), many):
            ends = [0, *places, number]
            yield [slice(a, b) for a, b in pairwise(ends)]


def fits(lengths, piece, cost, limits):
    rows = piece.stop - piece.start
    most = min(limits.padded_bytes, useful_bytes(cost))
    run = run_rows(limits)
    return rows == 1 or (rows <= limits.rows and run[rows] * lengths[piece.stop - 1] <= most)


@given(
    lengths_strategy,
    st.integers(1, 6),
    st.sampled_from([500, 5000, 65536]),
    st.sampled_from([1e-6, 1e-5, 1e-4]),
    st.booleans(),
)
def test_no_other_way_of_cutting_costs_less(lengths, rows, bytes_, speed, filled):
    limits = Limits(rows, bytes_, tuple(sorted({(rows + 1) // 2, rows})) if filled else ())
    cost = Cost(0.002, speed)
    pieces = cut(np.array(lengths), cost, limits)
    assert [place for piece in pieces for place in range(piece.start, piece.stop)] == list(range(len(lengths)))
    assert all(fits(lengths, piece, cost, limits) for piece in pieces)
    ways = [way for way in every_way(len(lengths)) if all(fits(lengths, piece, cost, limits) for piece in way)]
    assert total(lengths, pieces, cost, limits) == pytest.approx(min(total(lengths, w, cost, limits) for w in ways))


def test_no_rows_no_pieces():
    assert cut(np.array([], np.int64), COST, Limits(8, 1000)) == []


def test_a_batch_grows_no_more_once_its_beginning_is_nothing():
    pieces = cut(np.full(64, 100), COST, Limits(64, 10**9))
    assert max(piece.stop - piece.start for piece in pieces) * 100 <= useful_bytes(COST) < 100 * 65


def test_rows_that_are_run():
    assert run_rows(Limits(5, 1)).tolist() == [0, 1, 2, 3, 4, 5]
    assert run_rows(Limits(5, 1, (2, 5))).tolist() == [0, 2, 2, 5, 5, 5]


def chosen(due, *, deadlines=None, lengths=(10, 1000, 2000), max_age=1.0):
    """Returns the place of the piece that goes first at time 10, each row a piece."""
    deadlines = [inf] * len(due) if deadlines is None else deadlines
    waiting = Waiting(np.array(lengths), np.array(due, float), np.array(deadlines, float))
    pieces = [slice(place, place + 1) for place in range(len(due))]
    return first(waiting, pieces, COST, now=10.0, max_age_seconds=max_age).start


def test_cheap_pieces_go_first_among_those_that_came_together():
    assert chosen([9.9, 9.9, 9.9]) == 0


def test_long_waiting_outweighs_cost():
    assert chosen([9.999, 9.9, 9.6]) == 2


def test_past_the_age_the_oldest_goes():
    assert chosen([8.0, 7.5, 7.9]) == 1


def test_the_earliest_deadline_goes_while_it_can_be_kept():
    assert chosen([8.0, 9.9, 9.9], deadlines=[inf, 10.04, 10.03]) == 2
    assert chosen([8.0, 9.9, 9.9], deadlines=[inf, 10.04, 10.001]) == 1
    assert chosen([8.0, 9.9, 9.9], deadlines=[inf, 11, 12]) == 0


def test_rows_not_yet_due_can_be_chosen():
    assert chosen([11.0, 11.0, 11.0]) == 0
