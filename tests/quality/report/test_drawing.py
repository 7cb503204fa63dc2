"""Elements, ticks and frames."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.quality.report.pictures.drawing import Frame, element, padded, tick_words, ticks, whole_ticks


def test_an_element_escapes_its_words_and_attributes():
    assert element("text", "</text>", "<b>", x=1.25, class_='a"b', text_anchor=None) == (
        '<text x="1.2" class="a&#34;b">&lt;/text&gt;&lt;b&gt;</text>'
    )
    assert element("rect", width=10.0, aria_label="x") == '<rect width="10" aria-label="x"/>'
    assert element("rect", x=float("nan")) == '<rect x="0"/>'


@pytest.mark.parametrize(
    ("low", "high", "number", "expected"),
    [
        (0, 1, 5, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0.73, 0.93, 5, [0.75, 0.8, 0.85, 0.9]),
        (-1, 1, 4, [-1, -0.5, 0, 0.5, 1]),
        (0, 4000, 4, [0, 1000, 2000, 3000, 4000]),
        (3, 3, 5, [3]),
    ],
)
def test_ticks_are_round(low, high, number, expected):
    assert ticks(low, high, number) == pytest.approx(expected)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 10))
def test_ticks_lie_within_and_are_evenly_apart(low, span, number):
    found = ticks(low, low + span, number)
    assert all(low - span * 1e-6 <= value <= low + span * (1 + 1e-6) for value in found)
    assert 1 <= len(found) <= number + 1
    steps = [after - before for before, after in pairwise(found)]
    assert steps == pytest.approx([steps[0]] * len(steps) if steps else [], rel=1e-3)


@given(st.floats(-1e4, 1e4), st.floats(0.01, 1e4))
def test_words_of_ticks_tell_them_apart(low, span):
    words = [written for _, written in tick_words(ticks(low, low + span))]
    assert len(set(words)) == len(words)
    assert len({len(written.partition(".")[2]) for written in words}) == 1


def test_whole_ticks_have_no_halves():
    assert whole_ticks(1, 4, 8) == [1, 2, 3, 4]
    assert whole_ticks(0.5, 1.5, 8) == [1]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_a_padded_range_is_never_empty(values):
    low, high = padded(values)
    assert low < min(values)
    assert high > max(values)


def test_a_frame_maps_its_edges():
    frame = Frame(10, 20, 100, 50, (0, 4), (1, 3))
    assert (frame.x(0), frame.x(4), frame.x(2)) == (10, 110, 60)
    assert (frame.y(1), frame.y(3), frame.y(2)) == (70, 20, 45)
