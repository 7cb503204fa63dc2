"""Nearest names, and what a usage error is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.errors import UsageError, closest, excerpt, nearest

NAMES = ("learning_rate", "epochs", "BERT", "weight_decay")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("learnig_rate", "learning_rate"),
        ("Epochs", "epochs"),
        ("bert", "BERT"),
        ("EPOHCS", "epochs"),
        ("", None),
        ("zzz", None),
        ("rate", None),
    ],
)
def test_the_closest_name(name: str, expected: str | None) -> None:
    assert closest(name, NAMES) == expected
    assert nearest(name, NAMES) == ("" if expected is None else f"; did you mean '{expected}'?")


def test_choices_may_be_an_iterator_or_none_at_all() -> None:
    assert nearest("epoch", iter(NAMES)) == "; did you mean 'epochs'?"
    assert nearest("epoch", []) == ""


@given(st.lists(st.text(min_size=1), min_size=1, unique_by=str.casefold))
def test_a_right_name_is_closest_to_itself(names: list[str]) -> None:
    assert closest(names[-1], names) == names[-1]


@given(st.text(), st.lists(st.text()))
def test_what_is_suggested_is_a_choice(name: str, choices: list[str]) -> None:
    assert closest(name, choices) in {None, *choices}


def test_a_usage_error_is_a_value_error_that_says_its_line() -> None:
    with pytest.raises(ValueError, match=r"^one line$"):
        raise UsageError("one line")


def test_a_message_is_one_line_whatever_it_quotes() -> None:
    ends = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
    message = str(UsageError(f"no column 'a{ends}b'"))
    assert message.splitlines() == [message]
    assert message == "no column 'a\\n\\r\\x0b\\x0c\\x1c\\x1d\\x1e\\x85\\u2028\\u2029b'"


def test_an_excerpt_is_short() -> None:
    assert excerpt("a" * 60) == "a" * 60
    assert excerpt("a" * 61) == "a" * 57 + "..."
