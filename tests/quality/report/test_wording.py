"""Words of others: shown, not obeyed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.quality.report.wording import (
    DIRECTIONS,
    LABEL_CHARACTERS,
    excerpt,
    label_text,
    plural,
    shortened,
    visible,
    width,
)

ANYTHING = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x00b", "a␀b"),
        ("a\tb\nc", "a\tb\nc"),
        ("a\r\nb\rc", "a\nb␍c"),
        ("\x7f\x85", "␡\ufffd"),
        ("\ud800 alone", "\ufffd alone"),
        ("\u202eabc\u202c", "[RLO]abc[PDF]"),
        ("שלום 👩🏽‍💻 é", "שלום 👩🏽‍💻 é"),
    ],
)
def test_control_characters_are_shown_as_symbols(text, shown):
    assert visible(text) == shown


@given(ANYTHING)
def test_what_is_visible_can_be_written_and_turns_nothing_round(text):
    shown = visible(text)
    assert shown.encode("utf-8").decode("utf-8") == shown
    assert not {chr(code) for code in DIRECTIONS} & set(shown)
    assert visible(shown) == shown


def test_a_short_text_is_whole():
    assert excerpt("one\ntwo\n") == type(excerpt(""))("one\ntwo\n", 0)


def test_a_long_text_is_cut_and_the_rest_counted():
    found = excerpt("x" * 1000, characters=800)
    assert (found.text, found.left_out) == ("x" * 800, 200)


def test_a_text_of_many_lines_is_cut_at_a_line():
    found = excerpt("ab\n" * 30, lines=20)
    assert (found.text, found.left_out) == ("ab\n" * 20, 30)


@given(ANYTHING, st.integers(1, 20), st.integers(1, 4))
def test_an_excerpt_and_what_is_left_out_are_the_text(text, characters, lines):
    found = excerpt(text, characters=characters, lines=lines)
    assert found.text == visible(text[: len(text) - found.left_out])
    assert len(text) - found.left_out <= characters
    assert found.text.rstrip("\n").count("\n") < lines or found.text.count("\n") <= lines


@pytest.mark.parametrize(
    ("label", "shown"),
    [("a\nb\tc", "a b c"), ("", "(empty)"), ("  ", "(empty)"), ("x" * 80, "x" * 80), ("x" * 81, "x" * 79 + "…")],
)
def test_a_label_is_one_line(label, shown):
    assert label_text(label) == shown


@given(ANYTHING)
def test_a_label_always_has_letters_and_an_end(label):
    shown = label_text(label)
    assert shown
    assert len(shown) <= LABEL_CHARACTERS
    assert "\n" not in shown


def test_a_label_of_ten_thousand_characters_says_that_it_is_cut():
    assert label_text("ab " * 4000).endswith("…")
    assert label_text(" " * 400 + "far away") not in ("", "(empty)")


def test_east_asian_letters_take_two_columns_and_marks_none():
    assert width("ab") == 2
    assert width("我们") == 4
    assert width("e\u0301") == 1


@given(ANYTHING, st.integers(2, 30))
def test_a_shortened_label_fits(label, columns):
    assert width(shortened(label, columns)) <= max(columns, width("(empty)"))


def test_a_shortened_label_ends_in_an_ellipsis():
    assert shortened("card_arrival", 20) == "card_arrival"
    assert shortened("card_arrival", 8) == "card_ar…"
    assert shortened("我的卡还没有到", 8) == "我的卡…"


def test_plural():
    assert [plural(number, "row") for number in (0, 1, 2, 3080)] == ["0 rows", "1 row", "2 rows", "3,080 rows"]
    assert plural(2, "class") == "2 classes"
