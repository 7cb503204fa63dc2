"""JSON as TensorFlow Serving's parser, RapidJSON, takes it, on Python's own scanner.

What a client can see is kept: the words of errors, the first of equal keys, bare ``NaN`` and ``Infinity``, whole
numbers apart from those with a point or an exponent. Invalid text, and text behind the value, are refused here only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfclassify.serving.rest.json_faults import (
    DOUBLE_TOO_BIG,
    EMPTY,
    INVALID_ENCODING,
    INVALID_SURROGATE,
    NOT_SINGULAR,
    byte_offset,
    fault,
    invalid_argument,
    number_tail,
    parse_error,
)

_MARK = b"\xef\xbb\xbf"
# A string that is never closed reaches to the end: else each of its quotes would be tried as a beginning.
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)'
_STRINGS = re.compile(_STRING.encode(), re.DOTALL)
_SPACE = re.compile(r"[ \t\n\r]*")
_WIDE_NUMBER = re.compile(r"[0-9]{19}|[eE]\+?[0-9]{3}")
_SHORT_INFINITY = re.compile(r"-?Inf|-NaN")
_UNKNOWN_TO_PYTHON = re.compile(_STRING + r"|-?Inf(?!i)|-NaN", re.DOTALL)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_PAIRED = re.compile(
    r"(?:[^\\]++|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u(?![dD][89a-fA-F])|\\[^u])*+", re.DOTALL
)
_OTHER_THAN_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = np.zeros(256, np.int8)
_STEP[list(b"[{")] = 1
_STEP[list(b"]}")] = -1
_CHUNK = 1 << 16


def parse(body: bytes, *, max_depth: int, max_members: int) -> Any:
    """Reads one JSON value.

    Args:
        body: UTF-8, with or without a byte order mark.
        max_depth: of lists and objects in each other, looked at before anything is parsed.
        max_members: of all objects together.

    Returns:
        The value; of equal keys in an object the first; whole numbers of at most 64 bits as int, all others as float.

    Raises:
        Refusal: 400 ``JSON Parse error: ... at offset: N``, N in bytes.
    """
    if not body:
        raise invalid_argument(f"JSON Parse error: {EMPTY.rstrip('.')}")
    _refuse_large(body, max_depth, max_members)
    start = len(_MARK) if body.startswith(_MARK) else 0
    try:
        text = (body[start:] if start else body).decode()
    except UnicodeDecodeError as error:
        raise parse_error(_of_bytes(body, start + error.start), start + error.start) from None
    return _parsed(text, start)


def _parsed(text: str, start: int) -> Any:
    try:
        value, end = _decoder_of(text).raw_decode(text, _SPACE.match(text).end())  # type: ignore[union-attr]
    except json.JSONDecodeError as error:
        if _SHORT_INFINITY.match(text, error.pos) and (spelled := _UNKNOWN_TO_PYTHON.sub(_spelled, text)) != text:
            return _parsed(spelled, start)
        words, place = fault(text, error)
        _refuse_surrogates(text, place, start)
        raise parse_error(words, start + byte_offset(text, place)) from None
    except _TooBigError as error:
        raise parse_error(DOUBLE_TOO_BIG, start + byte_offset(text, _place(text, error.args[0]))) from None
    _refuse_surrogates(text, len(text), start)
    rest = _SPACE.match(text, end).end()  # type: ignore[union-attr]
    if rest != len(text):
        words, place = number_tail(text, rest) or (NOT_SINGULAR, rest)
        raise parse_error(words, start + byte_offset(text, place))
    return value


class _TooBigError(Exception):
    """A number is beyond a double; holds it as written."""


def _first_wins(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else dict(reversed(pairs))


def _whole(digits: str) -> int | float:
    if len(digits) > 310:
        raise _TooBigError(digits)
    number = int(digits)
    return number if -(2**63) <= number < 2**64 else _broken(digits)


def _broken(digits: str) -> float:
    number = float(digits)
    if number in (np.inf, -np.inf):
        raise _TooBigError(digits)
    return number


_QUICK = json.JSONDecoder(object_pairs_hook=_first_wins)
_WIDE = json.JSONDecoder(object_pairs_hook=_first_wins, parse_int=_whole, parse_float=_broken)


def _decoder_of(text: str) -> json.JSONDecoder:
    # Calls of Python per number are only paid for where a number may pass 64 bits or a double.
    return _WIDE if _WIDE_NUMBER.search(text) else _QUICK


def _place(text: str, digits: str) -> int:
    hidden = re.sub(_STRING, lambda match: '"' * len(match[0]), text, flags=re.DOTALL)
    place = hidden.find(digits)
    while place > 0 and hidden[place - 1] in "0123456789.eE+-":
        place = hidden.find(digits, place + 1)
    return max(place, 0)


def _spelled(match: re.Match[str]) -> str:
    return {"Inf": "Infinity", "-Inf": "-Infinity", "-NaN": "NaN"}.get(match[0], match[0])


def _refuse_surrogates(text: str, end: int, start: int) -> None:
    if not _SURROGATE.search(text, 0, end):
        return
    paired = _PAIRED.match(text).end()  # type: ignore[union-attr]
    if paired < end:
        raise parse_error(INVALID_SURROGATE, start + byte_offset(text, paired))


def _of_bytes(body: bytes, place: int) -> str:
    inside = _STRINGS.sub(lambda match: b"" if len(match[0]) > 1 and match[0].endswith(b'"') else b'"', body[:place])
    return INVALID_ENCODING if b'"' in inside else "Invalid value."


def _refuse_large(body: bytes, max_depth: int, max_members: int) -> None:
    deep = body.count(b"[") + body.count(b"{") > max_depth
    wide = body.count(b":") > max_members
    if not deep and not wide:
        return
    bare = _STRINGS.sub(b"", body)
    if deep and _deeper(bare.translate(None, _OTHER_THAN_BRACKETS), max_depth):
        raise invalid_argument(f"JSON Parse error: Nested deeper than {max_depth} lists and objects.")
    if wide and bare.count(b":") > max_members:
        raise invalid_argument(f"JSON Parse error: More than {max_members} members of objects.")


def _deeper(brackets: bytes, limit: int) -> bool:
    depth = 0
    for begin in range(0, len(brackets), _CHUNK):
        depths = np.cumsum(_STEP[np.frombuffer(brackets[begin : begin + _CHUNK], np.uint8)], dtype=np.int64) + depth
        if depths.max() > limit:
            return True
        depth = int(depths[-1])
    return False
