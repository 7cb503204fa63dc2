"""What a caller may ask for, and who a caller is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tfclassify.errors import UsageError, nearest

SCOPES = ("predict", "metadata", "metrics", "admin")


@dataclass(frozen=True)
class Caller:
    """Who asks: the name of a key, the subject of a token, or anonymous; and what that one may ask for."""

    name: str
    scopes: frozenset[str]


def scopes_of(names: Iterable[str], *, where: str) -> frozenset[str]:
    """Checks names of scopes.

    Args:
        names: some of predict, metadata, metrics, admin.
        where: they were given, for the message.

    Raises:
        UsageError: there is no such scope, or none is given.
    """
    given = frozenset(names)
    for name in sorted(given - set(SCOPES)):
        raise UsageError(f"{where}: no scope '{name}'; scopes: {', '.join(SCOPES)}{nearest(name, SCOPES)}")
    if not given:
        raise UsageError(f"{where}: no scope is given; expected some of: {', '.join(SCOPES)}")
    return given
