"""What is wrong with a JSON text, in RapidJSON's words and at its offset, from what Python's scanner says of it."""

from __future__ import annotations

import json
import re

from tfclassify.serving.status import Code, Refusal

EMPTY = "The document is empty."
NOT_SINGULAR = "The document root must not be followed by other values."
INVALID_VALUE = "Invalid value."
NO_NAME = "Missing a name for object member."
NO_COLON = "Missing a colon after a name of object member."
NO_COMMA_IN_OBJECT = "Missing a comma or '}' after an object member."
NO_COMMA_IN_ARRAY = "Missing a comma or ']' after an array element."
INVALID_HEX = "Incorrect hex digit after \\u escape in string."
INVALID_SURROGATE = "The surrogate pair in string is invalid."
INVALID_ESCAPE = "Invalid escape character in string."
NO_QUOTE = "Missing a closing quotation mark in string."
INVALID_ENCODING = "Invalid encoding in string."
DOUBLE_TOO_BIG = "Number too big to be stored in double."
NO_FRACTION = "Miss fraction part in number."
NO_EXPONENT = "Miss exponent in number."

_SPACES = " \t\n\r"
_CLOSED_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_BRACKETS = re.compile(r"[^\[\]{}]++")
_NUMBER_BEFORE = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")
_HEX = re.compile(r"[0-9a-fA-F]{4}")
# Longer than any number that anybody writes by hand or by machine.
_NUMBER_REACH = 400


def invalid_argument(message: str) -> Refusal:
    """Returns a refusal as 400."""
    return Refusal(Code.INVALID_ARGUMENT, message)


def parse_error(words: str, offset: int) -> Refusal:
    """Returns the refusal of a text that is no JSON; the offset is in bytes."""
    return invalid_argument(f"JSON Parse error: {words} at offset: {offset}")


def byte_offset(text: str, place: int) -> int:
    """Returns how many bytes of UTF-8 stand before a place in a text."""
    return place if text.isascii() else len(text[:place].encode())


def fault(text: str, error: json.JSONDecodeError) -> tuple[str, int]:
    """Returns RapidJSON's words for an error of Python's scanner, and its place in the text."""
    for beginning, words_of in _BY_PYTHON.items():
        if error.msg.startswith(beginning):
            return words_of(text, error.pos)
    return INVALID_VALUE, error.pos


def number_tail(text: str, place: int) -> tuple[str, int] | None:
    """Returns what is wrong with a number that breaks off before ``place``; None if there is none."""
    before = _NUMBER_BEFORE.search(text, max(0, place - _NUMBER_REACH), place)
    if not before or place >= len(text):
        return None
    if text[place] == "." and not before[1] and not before[2]:
        return NO_FRACTION, place + 1
    if text[place] in "eE" and not before[2]:
        return NO_EXPONENT, place + 1 + (text[place + 1 : place + 2] in ("+", "-"))
    return None


def _value(text: str, place: int) -> tuple[str, int]:
    if not text.strip(_SPACES + "\0"):
        return EMPTY, len(text) - len(text.lstrip(_SPACES))
    return INVALID_VALUE, place + _begun(text, place)


def _begun(text: str, place: int) -> int:
    """How far the text goes along with a word that JSON knows: RapidJSON has read so far when it gives up."""
    sign = int(text[place : place + 1] == "-")
    words = ("NaN", "Infinity") if sign else ("null", "true", "false", "NaN", "Infinity")
    return sign + max(_alike(word, text[place + sign : place + sign + len(word)]) for word in words)


def _alike(word: str, text: str) -> int:
    return next((number for number, pair in enumerate(zip(word, text, strict=False)) if pair[0] != pair[1]), len(text))


def _comma(text: str, place: int) -> tuple[str, int]:
    return number_tail(text, place) or (NO_COMMA_IN_OBJECT if _in_object(text[:place]) else NO_COMMA_IN_ARRAY, place)


def _in_object(before: str) -> bool:
    brackets = _BRACKETS.sub("", _CLOSED_STRING.sub("", before))
    while (fewer := brackets.replace("[]", "").replace("{}", "")) != brackets:
        brackets = fewer
    return brackets.endswith("{")


def _hex(text: str, place: int) -> tuple[str, int]:
    # Python says so too of an escape that is whole and ends the text.
    return (NO_QUOTE, len(text)) if _HEX.match(text, place + 1) else (INVALID_HEX, place - 1)


def _open_string(text: str, place: int) -> tuple[str, int]:
    slashes = len(text) - len(text.rstrip("\\"))
    return (INVALID_ESCAPE, len(text) - 1) if slashes % 2 else (NO_QUOTE, len(text))


def _control(text: str, place: int) -> tuple[str, int]:
    # RapidJSON takes a NUL for the end of the text.
    return (NO_QUOTE if text[place] == "\0" else INVALID_ESCAPE), place


def _after_comma(text: str, place: int) -> int:
    return len(text) - len(text[place + 1 :].lstrip(_SPACES))


_BY_PYTHON = {
    "Expecting value": _value,
    "Expecting property name": lambda text, place: (NO_NAME, place),
    "Expecting ':'": lambda text, place: (NO_COLON, place),
    "Expecting ','": _comma,
    "Unterminated string": _open_string,
    "Invalid control character": _control,
    "Invalid \\escape": lambda text, place: (INVALID_ESCAPE, place),
    "Invalid \\uXXXX": _hex,
    # As Python 3.13 says of a comma before a bracket.
    "Illegal trailing comma before end of object": lambda text, place: (NO_NAME, _after_comma(text, place)),
    "Illegal trailing comma before end of array": lambda text, place: (INVALID_VALUE, _after_comma(text, place)),
}
