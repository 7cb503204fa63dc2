"""The YAML of settings: what plain values are, what is refused, and that writing and reading agree."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.settings.dialect import line, load, written

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.from_regex(r"[-+.0-9eE_:~<=]{1,8}", fullmatch=True)
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("none", "none"),
        ("None", "None"),
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("3", 3),
        ("-3", -3),
        ("1_000", 1000),
        ("007", "007"),
        ("0x10", "0x10"),
        ("1:30", "1:30"),
        ("3e-4", 3e-4),
        ("1E5", 1e5),
        ("1.", 1.0),
        (".5", 0.5),
        ("2.5e+3", 2500.0),
        (".inf", math.inf),
        ("-.inf", -math.inf),
        (".", "."),
        ("e5", "e5"),
        ("1.2.3", "1.2.3"),
        ("2024-01-05", "2024-01-05"),
        ("2024-13-45", "2024-13-45"),
        ("=", "="),
        ("<<", "<<"),
        ("'3'", "3"),
        ('"no"', "no"),
        ("[1e-3, {a: no}]", [1e-3, {"a": "no"}]),
        ("{1: 2, no: 3, ~: 4}", {"1": 2, "no": 3, "~": 4}),
    ],
)
def test_plain_values(text: str, expected: Any) -> None:
    found = load(text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: 2\na: 3", "the key 'a' is given twice"),
        ("a: {b: 1, 'b': 2}", "the key 'b' is given twice"),
        ("? [a]\n: b", "a key is no text"),
        ("{a: 1}: b", "a key is no text"),
        ("a: &x {b: *x}", r"aliases \(\*\) and tags \(!\) are not taken"),
        ("a: &x 1\nb: *x", r"aliases \(\*\) and tags \(!\) are not taken"),
        ("a: !!timestamp never", r"aliases \(\*\) and tags \(!\) are not taken"),
        ("!!python/object:os.system x", r"aliases \(\*\) and tags \(!\) are not taken"),
        ("9" * 5000, "Exceeds the limit"),
        ("[" * 5000, "recursion"),
        ("a: [", "did not find expected node content|expected the node content"),
        ("a\n---\nb", "expected a single document"),
        ("\x07", "special characters are not allowed"),
    ],
)
def test_what_is_refused(text: str, problem: str) -> None:
    with pytest.raises(yaml.YAMLError, match=problem):
        load(text)


@given(st.text() | st.text("[]{}:,#&*!|>'\"%@-?=~. \n\t019aeENn_<"))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(yaml.YAMLError):
        json.dumps(load(text))


ODD = [
    "\x85",
    "\r",
    "\r\n",
    "\u2028 x",
    " a\n\n b \n",
    "\ufeff",
    "\t",
    "\x7f",
    "\ud800",
    "🙂",
    "- a",
    "# a",
    "x" * 200,
    "{",
    "}",
]


@pytest.mark.parametrize("text", ODD)
def test_odd_letters_survive(text: str) -> None:
    assert load(line("key", {text: [text]})) == {"key": {text: [text]}}


NAMES = st.from_regex(r"[a-z_]+", fullmatch=True)


@given(NAMES, VALUES)
def test_what_is_written_is_read_again_by_us_and_by_others(key: str, value: Any) -> None:
    text = line(key, value)
    assert len(text.splitlines()) == 1
    assert load(text) == {key: value}
    assert yaml.safe_load(text) == {key: value}


@given(NAMES, VALUES)
def test_a_line_may_stand_in_a_section_and_have_a_remark(key: str, value: Any) -> None:
    assert load(f"section:\n  first: 1\n  {line(key, value)}  # why: [so\n  last: 2\n") == {
        "section": {"first": 1, key: value, "last": 2}
    }


def test_lines_are_plain_where_they_can_be() -> None:
    twice = {"x": 1}
    assert line("a", [twice, twice, "é", "no", 1e-05]) == "a: [{x: 1}, {x: 1}, é, 'no', 1.0e-05]"
    assert line("a", {}) == "a: {}"
    assert line("a", None) == "a: null"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "null"),
        (True, "true"),
        (0.5, "0.5"),
        ((), "[]"),
        (((16, 21), (16, 24)), "[[16, 21], [16, 24]]"),
        (("cross_entropy", {"exits": {"weight": 0.5}}), "[cross_entropy, {exits: {weight: 0.5}}]"),
        ("minilm", "minilm"),
        ("package.module:metric", "package.module:metric"),
    ],
)
def test_a_value_as_an_override_takes_it(value: Any, expected: str) -> None:
    assert written(value) == expected
