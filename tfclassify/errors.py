"""The one error that means "what was asked is wrong": a line for a person, exit status 2 in the shell."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

LINE_ENDS = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
EXCERPT_CHARACTERS = 60


class UsageError(ValueError):
    """What was asked cannot be done as asked; the message says what was given, what was expected, what to do."""

    def __init__(self, message: str) -> None:
        """Takes a message, which stays one line whatever names it quotes."""
        super().__init__(one_line(message))


def one_line(text: str) -> str:
    """Returns a text with its line ends written as Python writes them: names of labels and columns may hold some."""
    return LINE_ENDS.sub(lambda match: repr(match.group())[1:-1], text)


def excerpt(text: str) -> str:
    """Returns the beginning of a text that may be long."""
    return text if len(text) <= EXCERPT_CHARACTERS else f"{text[: EXCERPT_CHARACTERS - 3]}..."


def closest(name: str, choices: Iterable[str]) -> str | None:
    """Returns the choice most like ``name`` whatever the case of its letters, or None if none is much like it."""
    by_folded = {choice.casefold(): choice for choice in choices}
    matches = difflib.get_close_matches(name.casefold(), by_folded, n=1)
    return by_folded[matches[0]] if matches else None


def nearest(name: str, choices: Iterable[str]) -> str:
    """Returns ``"; did you mean 'x'?"`` for the choice most like ``name``, or an empty string; ends a message."""
    match = closest(name, choices)
    return f"; did you mean '{match}'?" if match is not None else ""
