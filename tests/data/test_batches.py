"""Batches: every row once per epoch, whatever the lengths; the same for the same seed and epoch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.data.batches import (
    Batch,
    epoch_batches,
    fill,
    one_batch,
    padding_share,
    steps_per_epoch,
    training_batches,
)
from tfclassify.data.ragged import Ragged
from tfclassify.data.rows import Limits, Rows, rows_of_pieces

BUCKETS = ((4, 5), (4, 8), (2, 16))


def lengths_of(values: list[int]) -> np.ndarray:
    return np.array(values, np.int32)


def rows_of_lengths(lengths: list[int]) -> Rows:
    """Rows whose pieces are their own number."""
    values = np.repeat(np.arange(100, 100 + len(lengths)), np.array(lengths) - 2).astype(np.int32)
    offsets = np.concatenate([[0], np.cumsum(np.array(lengths) - 2)]).astype(np.int64)
    return rows_of_pieces(Ragged(values, offsets), None, Limits(16, 1, 2))


@given(
    lengths=st.lists(st.integers(2, 16), max_size=60),
    seed=st.integers(0, 9),
    epoch=st.integers(0, 3),
    shuffle=st.booleans(),
)
def test_every_row_is_there_exactly_once(lengths: list[int], seed: int, epoch: int, shuffle: bool) -> None:
    batches = epoch_batches(lengths_of(lengths), BUCKETS, seed=seed, epoch=epoch, shuffle=shuffle)
    assert sorted(row for batch in batches for row in batch.rows) == list(range(len(lengths)))
    assert all(batch.bucket in BUCKETS for batch in batches)
    assert all(len(batch.rows) <= batch.bucket[0] for batch in batches)
    assert all(lengths[row] <= batch.bucket[1] for batch in batches for row in batch.rows)
    assert sum(len(batch.rows) < batch.bucket[0] for batch in batches) <= 1
    assert len(batches) == steps_per_epoch(lengths_of(lengths), BUCKETS)


def test_the_order_is_that_of_seed_and_epoch() -> None:
    lengths = lengths_of([3 + row % 13 for row in range(97)])

    def order(seed: int, epoch: int) -> list[list[int]]:
        batches = epoch_batches(lengths, BUCKETS, seed=seed, epoch=epoch, shuffle=True)
        return [batch.rows.tolist() for batch in batches]

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)


def test_without_shuffling_rows_go_by_length_and_then_by_place() -> None:
    batches = epoch_batches(lengths_of([9, 3, 3, 7, 3]), BUCKETS, seed=0, epoch=0, shuffle=False)
    assert [batch.rows.tolist() for batch in batches] == [[1, 2, 4], [3, 0]]


def test_padding_share() -> None:
    batches = [Batch(np.array([0, 1], np.int32), (4, 5))]
    assert padding_share(lengths_of([5, 3]), batches) == pytest.approx(1 - 8 / 20)
    assert padding_share(lengths_of([]), []) == 0.0


def test_filled_arrays() -> None:
    arrays = fill(rows_of_lengths([4, 3, 5]), Batch(np.array([2, 0], np.int32), (4, 5)))
    assert arrays["input_ids"].tolist() == [[1, 102, 102, 102, 2], [1, 100, 100, 2, 0], [0] * 5, [0] * 5]
    # A row that only fills the shape has one token to attend to, and no weight.
    assert arrays["attention_mask"].tolist() == [[1] * 5, [1, 1, 1, 1, 0], [1, 0, 0, 0, 0], [1, 0, 0, 0, 0]]
    assert arrays["weights"].tolist() == [1.0, 1.0, 0.0, 0.0]
    assert {name: array.dtype for name, array in arrays.items()} == {
        "input_ids": np.int32,
        "attention_mask": np.int32,
        "token_type_ids": np.int32,
        "labels": np.int32,
        "weights": np.float32,
    }


def test_a_batch_that_is_shared_out_is_filled_up_with_rows_that_do_not_count() -> None:
    rows = rows_of_lengths([4, 3, 5])
    arrays = fill(rows, Batch(np.array([2, 0], np.int32), (4, 5)), multiple=3)
    assert {name: array.shape[0] for name, array in arrays.items()} == dict.fromkeys(arrays, 6)
    assert arrays["weights"].tolist() == [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    assert (arrays["attention_mask"].sum(axis=1) > 0).all()


@pytest.mark.parametrize("multiple", [2, 3, 8])
def test_the_rows_are_the_same_for_any_number_of_shares(multiple: int) -> None:
    rows = rows_of_lengths([3 + row % 13 for row in range(23)])
    alone, shared = (
        training_batches(rows, BUCKETS, seed=5, epochs=2, multiple=each).as_numpy_iterator() for each in (1, multiple)
    )
    for left, right in zip(alone, shared, strict=True):
        assert len(right["weights"]) % multiple == 0
        assert (right["input_ids"][: len(left["weights"])] == left["input_ids"]).all()
        assert not right["weights"][len(left["weights"]) :].any()


def test_training_batches_are_those_of_each_epoch() -> None:
    rows = rows_of_lengths([3 + row % 13 for row in range(23)])
    made = list(training_batches(rows, BUCKETS, seed=5, epochs=3).as_numpy_iterator())
    expected = [
        fill(rows, batch)
        for epoch in range(3)
        for batch in epoch_batches(rows.lengths, BUCKETS, seed=5, epoch=epoch, shuffle=True)
    ]
    assert len(made) == len(expected)
    for left, right in zip(made, expected, strict=True):
        assert all((left[name] == right[name]).all() for name in right)
    assert (
        next(iter(training_batches(rows, BUCKETS, seed=5, epochs=3, first_epoch=2).as_numpy_iterator()))[
            "input_ids"
        ].tolist()
        == made[2 * len(made) // 3]["input_ids"].tolist()
    )


def test_nothing_tunes_the_batches_so_that_a_fit_ends_when_its_last_step_is_made() -> None:
    rows = rows_of_lengths([3 + row % 13 for row in range(23)])
    for made in (training_batches(rows, BUCKETS, seed=5, epochs=3), one_batch(rows, BUCKETS[0])):
        assert made.options().autotune.enabled is False


def test_a_row_that_no_shape_holds_is_not_left_out_in_silence() -> None:
    with pytest.raises(ValueError, match=r"^a row has 17 tokens; expected at most 16, as in the last bucket$"):
        epoch_batches(lengths_of([3, 17]), BUCKETS, seed=0, epoch=0, shuffle=True)


@given(st.lists(st.integers(2, 16), min_size=1, max_size=60))
def test_a_row_is_in_a_longer_shape_than_it_needs_only_to_fill_a_batch(lengths: list[int]) -> None:
    batches = epoch_batches(lengths_of(lengths), BUCKETS, seed=0, epoch=0, shuffle=True)
    for place in range(1, len(BUCKETS)):
        shortest = {row for row, length in enumerate(lengths) if length <= BUCKETS[place - 1][1]}
        moved = [row for batch in batches if batch.bucket in BUCKETS[place:] for row in batch.rows if row in shortest]
        assert len(moved) < max(rows for rows, _ in BUCKETS[place:])


def test_rows_meet_others_in_each_epoch() -> None:
    lengths = lengths_of([4] * 400)
    epochs = [epoch_batches(lengths, BUCKETS, seed=0, epoch=epoch, shuffle=True) for epoch in (0, 1)]
    first, second = ({frozenset(batch.rows.tolist()) for batch in batches} for batches in epochs)
    assert len(first & second) < 5


def test_shapes_come_in_no_order() -> None:
    lengths = lengths_of([3 + row % 13 for row in range(400)])
    longest = [
        batch.bucket[1] for batch in epoch_batches(lengths, BUCKETS, seed=0, epoch=0, shuffle=True) if batch.bucket
    ]
    assert longest != sorted(longest)
    assert longest != sorted(longest, reverse=True)


def test_several_labels_a_row() -> None:
    rows = replace(rows_of_lengths([4, 5]), targets=np.array([[1, 0], [1, 1]], np.float32))
    (filled,) = training_batches(rows, ((4, 5),), seed=0, epochs=1).as_numpy_iterator()
    assert sorted(filled["labels"].tolist()) == [[0, 0], [0, 0], [1, 0], [1, 1]]
    assert filled["labels"].dtype == np.float32
    assert training_batches(rows, BUCKETS, seed=0, epochs=1).element_spec["labels"].shape.as_list() == [None, 2]


def test_a_rows_weight_goes_with_it() -> None:
    rows = replace(rows_of_lengths([4, 5, 6]), weights=np.array([0.5, 2.0, 3.0], np.float32))
    filled = fill(rows, Batch(np.array([2, 0], np.int32), (4, 8)))
    assert filled["weights"].tolist() == [3.0, 0.5, 0.0, 0.0]
