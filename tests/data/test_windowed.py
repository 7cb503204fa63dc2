"""Rows of long texts: what batches get of them, in each epoch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_stores import pieces, ragged, split_of, store

from tfclassify.data import windowed
from tfclassify.data.batches import epoch_batches, fill, one_batch, training_batches
from tfclassify.data.rows import Limits, Rows, rows_cut, rows_of, rows_of_pieces, some_rows
from tfclassify.data.windowed import Sampling
from tfclassify.text.windows import Windowing

CLS, SEP = 1, 2
TEXTS = ["abc", "", "abcdefghij", "k" * 30, "lm. nopqrstuv"]
HOW = Windowing(6, 4, 4, 1.0, (ord("."),), ())


def limits(how: Windowing = HOW) -> Limits:
    return Limits(how.length, CLS, SEP, how)


def texts_of(ids: np.ndarray, mask: np.ndarray) -> list[str]:
    """The rows of a batch as texts, a bar where a window ends."""
    rows = [[chr(value) for value in row[there > 0]] for row, there in zip(ids, mask, strict=True)]
    return ["".join({chr(CLS): "", chr(SEP): "|"}.get(each, each) for each in row) for row in rows]


def read(rows: Rows, places: list[int], columns: int) -> list[str]:
    packed = rows.pack(np.array(places, np.int32), (len(places), columns))
    return texts_of(packed.ids, packed.mask)


def test_columns_are_tokens_or_whole_windows() -> None:
    rows = rows_of(split_of(store(TEXTS), range(5), [0] * 5), limits())
    assert rows.lengths.tolist() == [5, 2, 18, 24, 24]
    assert (limits().columns, limits().whole) == (24, 18)


def test_each_row_is_its_windows() -> None:
    rows = rows_of(split_of(store(TEXTS), range(5), [0] * 5), limits())
    assert read(rows, [2, 0, 4], 24) == ["abcd|efgh|ij|", "abc|", "lm.| nop|qrst|uv|"]
    assert read(rows, [0, 1], 5) == ["abc|", "|"]


def test_paragraphs_of_the_store_are_kept() -> None:
    made = replace(store(TEXTS), breaks=ragged([[], [], [2, 5], [], []]))
    rows = rows_of(split_of(made, [2], [0]), limits())
    assert read(rows, [0], 24) == ["ab|cde|fghi|j|"]


def test_rows_that_lose_tokens() -> None:
    split = split_of(store(TEXTS), range(5), [0] * 5)
    assert rows_cut(split, limits().whole) == 1
    assert rows_cut(split, Limits(6, CLS, SEP).whole) == 3


def test_head_and_tail_of_one_window() -> None:
    how = Windowing(6, 1, 4, 0.25)
    rows = rows_of_pieces(pieces(["abcdefghij", "abc"]), None, limits(how))
    assert rows.lengths.tolist() == [6, 5]
    assert read(rows, [0, 1], 6) == ["ahij|", "abc|"]


def test_pairs_are_read_as_ever() -> None:
    rows = rows_of_pieces(pieces(["abcdefghij"]), pieces(["xy"]), limits())
    assert rows.lengths.tolist() == [6]


def test_few_pieces_are_looked_at_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = rows_of_pieces(pieces(TEXTS * 4), None, limits()).lengths
    monkeypatch.setattr(windowed, "CHUNK_PIECES", 20)
    np.testing.assert_array_equal(rows_of_pieces(pieces(TEXTS * 4), None, limits()).lengths, expected)


@given(st.integers(1, 4), st.integers(0, 5), st.integers(0, 5))
def test_windows_are_drawn_by_seed_epoch_and_row(most: int, seed: int, epoch: int) -> None:
    split = split_of(store(TEXTS), range(5), [0] * 5)
    rows = rows_of(split, limits(), sampling=Sampling(most, seed))
    assert rows.lengths.tolist() == [5, 2, min(most, 3) * 6, most * 6, most * 6]
    once, again = (read(rows.of_epoch(epoch), places, most * 6) for places in ([2, 3, 4], [4, 2]))
    assert [once[2], once[0]] == again
    windows = once[0].strip("|").split("|")
    assert windows == [each for each in ("abcd", "efgh", "ij") if each in windows]
    assert len(windows) == min(most, 3)


def test_drawn_windows_say_which_they_are() -> None:
    split = split_of(store(TEXTS), range(5), [0] * 5)
    rows = rows_of(split, limits(), sampling=Sampling(2, 0))
    (batch,) = epoch_batches(rows.lengths, ((8, 18),), seed=0, epoch=0, shuffle=False)
    names = {"abcd": 0, "efgh": 1, "ij": 2}
    seen = set()
    for epoch in range(20):
        made = fill(rows.of_epoch(epoch), batch)
        assert (made["window_places"].shape, made["window_counts"].shape) == ((8, 2), (8,))
        place = batch.rows.tolist().index(2)
        (text,) = texts_of(made["input_ids"][[place]], made["attention_mask"][[place]])
        assert made["window_places"][place].tolist() == [names[each] for each in text.strip("|").split("|")]
        seen |= {tuple(made["window_places"][place])}
        # Of texts of 1, 1, 3 and 4 windows; rows that only fill the batch have none.
        assert made["window_counts"].tolist() == [[1, 1, 3, 4, 4][row] for row in batch.rows] + [0] * 3
    assert seen == {(0, 1), (0, 2), (1, 2)}


def test_batches_of_the_training_hold_what_was_drawn() -> None:
    split = split_of(store(TEXTS), range(5), [0] * 5)
    drawn, whole = (rows_of(split, limits(), sampling=sampling) for sampling in (Sampling(2, 0), None))
    for batch in training_batches(drawn, ((2, 6), (2, 24)), seed=0, epochs=1):
        assert batch["window_places"].shape == (2, 2)
    (batch,) = one_batch(some_rows(drawn, np.arange(3)), (2, 18))
    assert batch["window_counts"].numpy().tolist() == [3, 3]
    (batch,) = one_batch(whole, (2, 24))
    assert not {"window_places", "window_counts"} & batch.keys()


def test_each_epoch_draws_anew_and_answers_read_all() -> None:
    split = split_of(store(TEXTS), range(5), [0] * 5)
    rows = rows_of(split, limits(), sampling=Sampling(1, 0))
    assert {read(rows.of_epoch(epoch), [2], 6)[0] for epoch in range(20)} == {"abcd|", "efgh|", "ij|"}
    whole = rows_of(split, limits())
    assert whole.of_epoch(3) is whole


def test_a_training_that_goes_on_draws_the_same() -> None:
    split = split_of(store(TEXTS), range(5), [0] * 5)
    rows = rows_of(split, limits(), sampling=Sampling(2, 0))
    buckets = ((2, 6), (2, 12))
    whole = [*training_batches(rows, buckets, seed=0, epochs=2)]
    later = [*training_batches(rows, buckets, seed=0, epochs=2, first_epoch=1, first_step=1)]
    for expected, found in zip(whole[-len(later) :], later, strict=True):
        np.testing.assert_array_equal(found["input_ids"], expected["input_ids"])
    (batch,) = one_batch(rows, (2, 12))
    assert batch["input_ids"].shape == (2, 12)


def test_a_batch_of_windows_has_room_for_rows_that_only_fill_it() -> None:
    rows = rows_of_pieces(pieces(TEXTS), None, limits())
    (batch,) = epoch_batches(rows.lengths, ((8, 24),), seed=0, epoch=0, shuffle=False)
    made = fill(rows, batch)
    assert made["attention_mask"].sum(axis=1).tolist() == [2, 5, 16, 24, 21, 1, 1, 1]
