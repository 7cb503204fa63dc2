"""The one error that means "what was asked is wrong": a line for a person, exit status 2 in the shell."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UsageError(ValueError):
    """What was asked cannot be done as asked; the message says what was given, what was expected, what to do."""


def closest(name: str, choices: Iterable[str]) -> str | None:
    """Returns the choice most like ``name`` whatever the case of its letters, or None if none is much like it."""
    by_folded = {choice.casefold(): choice for choice in choices}
    matches = difflib.get_close_matches(name.casefold(), by_folded, n=1)
    return by_folded[matches[0]] if matches else None


def nearest(name: str, choices: Iterable[str]) -> str:
    """Returns ``"; did you mean 'x'?"`` for the choice most like ``name``, or an empty string; ends a message."""
    match = closest(name, choices)
    return f"; did you mean '{match}'?" if match is not None else ""
