"""Windows of long texts: nothing is lost or read more often than the stride says, and they end where texts do."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.text.packing import Slices
from tfclassify.text.windows import (
    Flat,
    Spans,
    Windowing,
    counts,
    kept,
    pack_windows,
    row_lengths,
    sampled,
    spans,
    windowing,
)

END, CLOSER, CLS, SEP = 5, 6, 2, 3


@st.composite
def ways(draw: st.DrawFn) -> Windowing:
    length = draw(st.integers(4, 12))
    share = draw(st.sampled_from([1.0, 0.25, 0.9, 1e-9]))
    return Windowing(length, draw(st.integers(1, 6)), draw(st.integers(1, length - 2)), share, (END,), (CLOSER,))


texts = st.lists(st.lists(st.integers(5, 12), max_size=60), min_size=1, max_size=5)


def slices(rows: list[list[int]]) -> Slices:
    lengths = np.array([len(row) for row in rows], np.int32)
    values = np.array([value for row in rows for value in row], np.int32)
    return Slices(values, np.cumsum(lengths) - lengths.astype(np.int64), lengths)


def cut(row: list[int], how: Windowing, breaks: list[int] | None = None) -> list[list[int]]:
    """The windows of a text, as its pieces."""
    flat = kept(slices([row]), how, None if breaks is None else [np.array(breaks, np.int64)])
    found = spans(flat, how)
    pairs = zip(found.starts[0], found.lengths[0], strict=True)
    return [flat.values[start : start + length].tolist() for start, length in pairs]


@given(texts, ways())
def test_each_piece_is_read_as_often_as_the_stride_says(rows: list[list[int]], how: Windowing) -> None:
    flat = kept(slices(rows), how)
    found = spans(flat, how)
    for text in range(len(rows)):
        begin, end = flat.offsets[text], flat.offsets[text + 1]
        windows = [
            (start, start + length)
            for start, length in zip(found.starts[text], found.lengths[text], strict=True)
            if length
        ]
        read = np.zeros(end - begin, int)
        for start, stop in windows:
            assert stop - start <= how.room
            read[start - begin : stop - begin] += 1
        shared = np.zeros(end - begin, int)
        for (_, stop), (start, _) in pairwise(windows):
            assert stop - start == how.overlap
            shared[start - begin : stop - begin] += 1
        np.testing.assert_array_equal(read, 1 + shared)
        assert len(windows) <= how.most


@given(texts, ways())
def test_a_text_is_cut_as_if_it_were_alone(rows: list[list[int]], how: Windowing) -> None:
    flat = kept(slices(rows), how)
    found = spans(flat, how)
    for text, row in enumerate(rows):
        pairs = zip(found.starts[text], found.lengths[text], strict=True)
        windows = [flat.values[start : start + length].tolist() for start, length in pairs if length]
        assert windows == [window for window in cut(row, how) if window]


def test_without_marks_windows_are_full() -> None:
    how = Windowing(6, 3, 4, 1.0, (END,), (CLOSER,))
    assert cut([*range(10, 20)], how) == [[10, 11, 12, 13], [14, 15, 16, 17], [18, 19]]


def test_a_window_ends_at_the_last_sentence_of_its_later_half() -> None:
    how = Windowing(8, 3, 6, 1.0, (END,), (CLOSER,))
    assert cut([10, 11, 12, END, 13, 14, 15, 16], how)[0] == [10, 11, 12, END]
    # An end in its former half would leave the window half empty.
    assert cut([10, END, 12, 13, 14, 15, 16, 17], how)[0] == [10, END, 12, 13, 14, 15]


def test_what_closes_a_sentence_stays_with_it() -> None:
    how = Windowing(8, 3, 6, 1.0, (END,), (CLOSER,))
    assert cut([10, 11, END, CLOSER, CLOSER, 12, 13, 14], how)[0] == [10, 11, END, CLOSER, CLOSER]
    assert cut([10, 11, 12, END, END, END, 13, 14], how)[0] == [10, 11, 12, END, END, END]


def test_a_paragraph_goes_before_a_later_sentence() -> None:
    how = Windowing(8, 3, 6, 1.0, (END,), (CLOSER,))
    row = [10, 11, 12, 13, END, 14, 15, 16]
    assert cut(row, how)[0] == [10, 11, 12, 13, END]
    assert cut(row, how, breaks=[3])[0] == [10, 11, 12]


def test_borders_give_way_where_the_rest_would_not_fit() -> None:
    how = Windowing(8, 2, 6, 1.0, (END,), (CLOSER,))
    row = [10, 11, 12, END, *range(13, 21)]
    assert cut(row, how) == [[10, 11, 12, END, 13, 14], [*range(15, 21)]]


@pytest.mark.parametrize(
    ("head_share", "windows"),
    [(1.0, [[*range(10, 14)], [*range(14, 18)]]), (0.25, [[10, 11, 24, 25], [*range(26, 30)]])],
)
def test_what_stays_of_a_text_that_does_not_fit(head_share: float, windows: list[list[int]]) -> None:
    how = Windowing(6, 2, 4, head_share, (END,), (CLOSER,))
    assert how.capacity == 8
    assert cut([*range(10, 30)], how) == windows


def test_one_window_of_head_and_tail() -> None:
    assert cut([*range(10, 30)], Windowing(10, 1, 8, 0.25)) == [[10, 11, *range(24, 30)]]


def test_paragraphs_of_head_and_tail_stay_where_they_were() -> None:
    how = Windowing(10, 2, 8, 0.25, (END,), ())
    flat = kept(slices([[*range(10, 50)]]), how, [np.array([0, 3, 20, 28, 33, 40])])
    # 4 pieces of the beginning and 12 of the end, which begins with the 28th.
    assert flat.breaks.tolist() == [3, 4, 4 + 5]


def test_lengths_are_tokens_or_whole_windows() -> None:
    how = Windowing(6, 3, 4, 1.0)
    pieces = np.array([0, 3, 4, 5, 12, 99], np.int32)
    found = row_lengths(pieces, np.array([1, 1, 1, 2, 3, 3]), how)
    assert found.tolist() == [2, 5, 6, 12, 18, 18]


def test_windows_are_packed_side_by_side() -> None:
    how = Windowing(6, 3, 4, 1.0)
    flat = kept(slices([[10, 11], [*range(20, 26)]]), how)
    made = pack_windows(flat, spans(flat, how), how, shape=(3, 12), cls=CLS, sep=SEP)
    assert made.ids.tolist() == [
        [CLS, 10, 11, SEP, 0, 0, 0, 0, 0, 0, 0, 0],
        [CLS, 20, 21, 22, 23, SEP, CLS, 24, 25, SEP, 0, 0],
        [0] * 12,
    ]
    assert made.mask.tolist() == [[1] * 4 + [0] * 8, [1] * 10 + [0] * 2, [0] * 12]


def test_short_texts_are_packed_without_windows() -> None:
    how = Windowing(8, 3, 6, 1.0)
    flat = kept(slices([[10, 11], []]), how)
    made = pack_windows(flat, spans(flat, how), how, shape=(2, 5), cls=CLS, sep=SEP)
    assert made.ids.tolist() == [[CLS, 10, 11, SEP, 0], [CLS, SEP, 0, 0, 0]]


def test_some_windows_of_a_text() -> None:
    found = Spans(np.array([[0, 4, 8], [12, 14, 14]]), np.array([[4, 4, 4], [2, 0, 0]], np.int32))
    made, drawn = sampled(found, [np.array([0, 2]), np.array([0])], most=2)
    assert made.starts[0].tolist() == [0, 8]
    assert made.lengths.tolist() == [[4, 4], [2, 0]]
    assert drawn.places.tolist() == [[0, 2], [0, 0]]
    assert drawn.counts.tolist() == [3, 1]


def test_counts_of_windows() -> None:
    assert counts(Spans(np.zeros((2, 2), np.int64), np.array([[3, 1], [0, 0]], np.int32))).tolist() == [2, 1]


def test_marks_are_those_of_the_vocabulary() -> None:
    made = windowing(["[PAD]", "a", ".", ")", "?"], length=8, most=2, stride=6, head_share=1.0)
    assert (made.ends, made.closers) == ((2, 4), (3,))


def test_no_texts_at_all() -> None:
    flat = Flat(np.zeros(0, np.int32), np.zeros(1, np.int64), np.zeros(0, np.int64))
    assert spans(flat, Windowing(8, 2, 6, 1.0)).lengths.shape == (0, 1)
