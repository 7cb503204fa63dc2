"""The parser says what RapidJSON says, takes what it takes, and is done soon whatever is thrown at it."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.serving.rest.json_text import parse
from tfclassify.serving.status import Code, Refusal


def parsed(body: str | bytes) -> Any:
    return parse(body if isinstance(body, bytes) else body.encode(), max_depth=64, max_members=100_000)


def fault(body: str | bytes) -> str:
    with pytest.raises(Refusal) as caught:
        parsed(body)
    assert caught.value.code == Code.INVALID_ARGUMENT
    beginning, _, words = caught.value.message.partition("JSON Parse error: ")
    assert not beginning
    return words


def fault_if_any(body: bytes) -> str | None:
    try:
        parsed(body)
    except Refusal:
        return fault(body)
    return None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "The document is empty"),
        ("  \n ", "The document is empty. at offset: 4"),
        ("values = [1]", "Invalid value. at offset: 0"),
        ("[1.0,]", "Invalid value. at offset: 5"),
        ("[+1]", "Invalid value. at offset: 1"),
        ("[-]", "Invalid value. at offset: 2"),
        ("[-a]", "Invalid value. at offset: 2"),
        ("[nulx]", "Invalid value. at offset: 4"),
        ("[tru", "Invalid value. at offset: 4"),
        ("[Infinit]", "Invalid value. at offset: 8"),
        ("[Nan]", "Invalid value. at offset: 3"),
        ("[.5]", "Invalid value. at offset: 1"),
        ("[", "Invalid value. at offset: 1"),
        ('{"a": }', "Invalid value. at offset: 6"),
        ("// no\n1", "Invalid value. at offset: 0"),
        ("{'a': 1}", "Missing a name for object member. at offset: 1"),
        ('{"a": 1,}', "Missing a name for object member. at offset: 8"),
        ("{1: 2}", "Missing a name for object member. at offset: 1"),
        ("{", "Missing a name for object member. at offset: 1"),
        ('{"a" 1}', "Missing a colon after a name of object member. at offset: 5"),
        ('{"a": 1 "b": 2}', "Missing a comma or '}' after an object member. at offset: 8"),
        ('{"a": [{}, "[{"] "b"}', "Missing a comma or '}' after an object member. at offset: 17"),
        ("[01]", "Missing a comma or ']' after an array element. at offset: 2"),
        ('{"a": [{"b": 1} 2]}', "Missing a comma or ']' after an array element. at offset: 16"),
        ("[1.5.2]", "Missing a comma or ']' after an array element. at offset: 4"),
        ("[1 .5]", "Missing a comma or ']' after an array element. at offset: 3"),
        ("[5.]", "Miss fraction part in number. at offset: 3"),
        ("[5.e1]", "Miss fraction part in number. at offset: 3"),
        ("5.", "Miss fraction part in number. at offset: 2"),
        ("[5e]", "Miss exponent in number. at offset: 3"),
        ("[5.5e+]", "Miss exponent in number. at offset: 6"),
        ('["\\q"]', "Invalid escape character in string. at offset: 2"),
        ('["a\nb"]', "Invalid escape character in string. at offset: 3"),
        ('["a\\', "Invalid escape character in string. at offset: 3"),
        ('["\\u12G4"]', "Incorrect hex digit after \\u escape in string. at offset: 2"),
        ('["\\u12', "Incorrect hex digit after \\u escape in string. at offset: 2"),
        ('["\\ud83d\\u0041"]', "The surrogate pair in string is invalid. at offset: 2"),
        ('["\\ud83d"]', "The surrogate pair in string is invalid. at offset: 2"),
        ('["\\\\ud83d\\\\", "\\udc00"]', "The surrogate pair in string is invalid. at offset: 15"),
        ('{"\\ud83d": x}', "The surrogate pair in string is invalid. at offset: 2"),
        ('["open', "Missing a closing quotation mark in string. at offset: 6"),
        ('["\\u0041', "Missing a closing quotation mark in string. at offset: 8"),
        ('["a\0b"]', "Missing a closing quotation mark in string. at offset: 3"),
        ('["é", x]', "Invalid value. at offset: 7"),
        ("[1e400]", "Number too big to be stored in double. at offset: 1"),
        ('["1e999", 21e999, 1e999]', "Number too big to be stored in double. at offset: 10"),
        ("[-" + "9" * 400 + "]", "Number too big to be stored in double. at offset: 1"),
        ("[1] x", "The document root must not be followed by other values. at offset: 4"),
        (b'["\xff"]', "Invalid encoding in string. at offset: 2"),
        (b"[1, \xff]", "Invalid value. at offset: 4"),
        (b'\xef\xbb\xbf["\xc3"]', "Invalid encoding in string. at offset: 5"),
        (b'\xef\xbb\xbf{"a": x}', "Invalid value. at offset: 9"),
        ('{"a": 1}'.encode("utf-16"), "Invalid value. at offset: 0"),
    ],
)
def test_errors_are_worded_and_placed_as_by_rapidjson(body: str | bytes, words: str) -> None:
    assert fault(body) == words


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("5", 5),
        (' {"a" : [ 1 , true, null ] }\r\n', {"a": [1, True, None]}),
        ('{"a": 1, "b": 2, "a": 3}', {"a": 1, "b": 2}),
        ('"\\ud83d\\ude00 \\u0000 \\\\ud83d"', "😀 \0 \\ud83d"),
        (b'\xef\xbb\xbf"x"', "x"),
        ("[Inf, -Inf, Infinity, -Infinity]", [math.inf, -math.inf, math.inf, -math.inf]),
        ('["Inf", "a\\"Inf", Inf]', ["Inf", 'a"Inf', math.inf]),
        ("[1e-400, 1.5e300]", [0.0, 1.5e300]),
    ],
)
def test_values(body: str | bytes, value: Any) -> None:
    assert parsed(body) == value


def test_nan_of_either_sign() -> None:
    assert [math.isnan(value) for value in parsed("[NaN, -NaN]")] == [True, True]


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("1", int),
        ("1.0", float),
        ("1e0", float),
        ("-0", int),
        (str(2**64 - 1), int),
        (str(2**64), float),
        (str(-(2**63)), int),
        (str(-(2**63) - 1), float),
        ("9" * 300, float),
    ],
)
def test_what_makes_a_whole_number(number: str, kind: type) -> None:
    (value,) = parsed(f"[{number}]")
    assert type(value) is kind
    assert value == kind(float(number)) or kind is int


@pytest.mark.parametrize(
    "body",
    [
        b'{"instances": ' + b"[" * 500_000 + b"]" * 500_000 + b"}",
        b'{"instances": [3], "extra": ' + b'{"a":' * 500_000 + b"1" + b"}" * 500_000 + b"}",
        b"[" * 1_000_000,
        b'["' + b"[" * 1_000_000 + b'", ' + b"[" * 65,
        b"[" * 65 + b'"' + b'\\"' * 1_000_000,
        b"[" + b"9" * 1_000_000 + b"]",
        b"[1e" + b"9" * 1_000_000 + b"]",
        b'"' + b'\\"' * 1_000_000,
        b"{" + b",".join(b'"%x":0' % number for number in range(200_000)) + b"}",
    ],
    ids=["lists", "objects", "open", "behind a string", "open string", "digits", "exponent", "quotes", "members"],
)
def test_hostile_bodies_are_refused_soon(body: bytes) -> None:
    began = time.process_time()
    fault(body)
    assert time.process_time() - began < 3


def test_brackets_in_strings_are_not_deep() -> None:
    assert parsed(json.dumps(["[" * 1000, '"[' * 1000]))[0] == "[" * 1000


def test_sixty_four_levels_are_taken_and_no_more() -> None:
    assert parsed("[" * 64 + "]" * 64)
    assert fault("[" * 65 + "]" * 65) == "Nested deeper than 64 lists and objects."


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=30,
)


@given(JSON, st.booleans(), st.sampled_from([None, 2]))
def test_every_value_is_read_back(value: Any, escaped: bool, indent: int | None) -> None:
    # A lone surrogate is refused, by design.
    text = json.dumps(value, ensure_ascii=escaped, indent=indent)
    if any("\ud800" <= letter <= "\udfff" for letter in json.dumps(value, ensure_ascii=False)):
        return
    read = parsed(text)
    assert read == value
    assert json.dumps(read) == json.dumps(value)


@given(JSON, st.data())
def test_a_text_cut_or_changed_is_read_or_refused_but_never_breaks(value: Any, data: st.DataObject) -> None:
    body = json.dumps(value).encode()
    place = data.draw(st.integers(0, len(body)))
    changed = body[:place] + data.draw(st.binary(max_size=3)) + body[place + data.draw(st.integers(0, 3)) :]
    words = fault_if_any(changed)
    if words and words != "The document is empty":
        assert 0 <= int(words.rpartition("at offset: ")[2]) <= len(changed)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    fault_if_any(body)
