"""Finding functions by name: a table's own, an installed package's entry point, or ``package.module:function``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module, metadata
from inspect import Parameter, signature
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
        UsageError: the name is nowhere to be found, or what it names is no function. Whatever else goes wrong while
            the module of a user is imported is raised as it is.
    """
    if name in table:
        return table[name]
    for entry in metadata.entry_points(group=group, name=name):
        return _function(entry.value.partition("[")[0].strip())
    if ":" in name:
        return _function(name)
    known = sorted({*table, *metadata.entry_points(group=group).names})
    kind = group.rpartition(".")[2].removesuffix("s")
    raise UsageError(
        f"no {kind} '{name}'; known: {', '.join(known)}; your own is given as package.module:function"
        f"{nearest(name, known)}"
    )


def check_options(
    name: str,
    function: Callable[..., Any],
    options: Mapping[str, Any],
    *,
    setting: str,
    arguments: int,
    also: Sequence[str] = (),
) -> None:
    """Checks that a function that was found by its name takes the options it is given.

    Args:
        name: by which the function was found.
        function: what comes after its arguments are its options.
        options: given by name.
        setting: the key of the settings that names it.
        arguments: how many it is always called with.
        also: options that are not the function's own.

    Raises:
        UsageError: there is no such option.
    """
    parameters = signature(function).parameters.values()
    if any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters):
        return
    known = [parameter.name for parameter in [*parameters][arguments:]]
    for option in options:
        if option not in known:
            expected = ", ".join([*also, *known]) or "none"
            raise UsageError(f"{setting}: {name} has no option '{option}'; options: {expected}{nearest(option, known)}")


def _function(name: str) -> Any:
    """Imports ``package.module:function``; the function may lie deeper, as in ``module:Class.method``."""
    module, _, attributes = name.partition(":")
    if not all(part.isidentifier() for part in [*module.split("."), *attributes.split(".")]):
        raise UsageError(f"'{name}' cannot be imported; expected package.module:function")
    try:
        found: Any = import_module(module)
    except ImportError as error:
        raise UsageError(f"'{name}' cannot be imported: {error}") from error
    for attribute in attributes.split("."):
        if not hasattr(found, attribute):
            raise UsageError(f"module '{module}' has no function '{attributes}'{nearest(attribute, dir(found))}")
        found = getattr(found, attribute)
    if not callable(found):
        raise UsageError(f"'{name}' is of type {type(found).__name__}; expected a function")
    return found
