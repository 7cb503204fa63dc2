"""Finding functions by name: a table's own, an installed package's entry point, or ``package.module:function``."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module, metadata
from typing import Any, TypeVar

from tfclassify.errors import UsageError, nearest

T = TypeVar("T")


def find(name: str, table: Mapping[str, T], *, group: str) -> T:
    """Looks a name up.

    Args:
        name: a key of the table, the name of an entry point, or ``package.module:function``.
        table: the package's own entries.
        group: entry-point group in which installed packages offer theirs, such as ``tfclassify.objectives``.

    Raises:
        UsageError: the name is nowhere to be found.
    """
    if name in table:
        return table[name]
    for entry in metadata.entry_points(group=group, name=name):
        return entry.load()
    if ":" in name:
        return _imported(name)
    kind = group.rpartition(".")[2].removesuffix("s")
    raise UsageError(
        f"no {kind} '{name}'{nearest(name, table)}; known: {', '.join(table)}; "
        "your own is given as package.module:function"
    )


def _imported(name: str) -> Any:
    module, _, attribute = name.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ImportError as error:
        raise UsageError(f"'{name}' cannot be imported: {error}") from error
    except AttributeError as error:
        raise UsageError(f"module '{module}' has no function '{attribute}'") from error
