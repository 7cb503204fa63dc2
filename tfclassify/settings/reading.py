"""From YAML files and dotted overrides to a validated tree, with one helpful line for whatever is wrong."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from tfclassify.errors import UsageError, nearest
from tfclassify.settings import dialect
from tfclassify.settings.explaining import explain, keys, shown

Tree = TypeVar("Tree", bound=BaseModel)

NULLS = ("", "~", "null", "Null", "NULL")
# To YAML a list of one null.


def read(arguments: Sequence[str], tree: type[Tree]) -> Tree:
    """Reads the words of a command line: YAML files and ``section.key=value`` overrides; of two values the later wins.

    Args:
        arguments: file names ending in .yaml or .yml, and overrides. The value of an override is a YAML list, map,
            quoted string or null; anything else is text as it stands, which its field reads (3, 1e-3, yes).
        tree: the pydantic model to fill.

    Raises:
        UsageError: a file is missing or no mapping, a word is no override, a key or a value is wrong.
    """
    values: dict[str, Any] = {}
    for argument in arguments:
        given = _override(argument) if "=" in argument else _flag(argument, tree) or _file(argument, tree)
        values = _merged(values, _nested(given))
    return parse(values, tree)


def parse(values: Mapping[str, Any] | Tree, tree: type[Tree]) -> Tree:
    """Validates plain values; keys may be nested or dotted.

    Raises:
        UsageError: a key or a value is wrong.
    """
    if isinstance(values, tree):
        return values
    if not isinstance(values, Mapping):
        raise UsageError(f"the settings are {shown(values)}; expected keys and values")
    nested = _nested(values)
    try:
        return tree.model_validate(nested)
    except ValidationError as error:
        raise UsageError(explain(error, nested, tree)) from error


def changed(settings: Tree, values: Mapping[str, Any]) -> Tree:
    """Returns the settings with some keys (dotted) set to other values, validated again.

    Raises:
        UsageError: a key or a value is wrong.
    """
    return parse({**settings.model_dump(), **values}, type(settings))


def _flag(argument: str, tree: type[BaseModel]) -> dict[str, Any] | None:
    """Reads ``--key`` as yes, where the key is one of yes and no."""
    key = argument.removeprefix("--")
    field = tree.model_fields.get(key)
    return {key: True} if argument.startswith("--") and field is not None and field.annotation is bool else None


def _file(argument: str, tree: type[BaseModel]) -> dict[str, Any]:
    if not argument.endswith((".yaml", ".yml")):
        raise UsageError(_no_settings(argument, tree))
    # Not Path.is_dir and Path.is_file, which raise where a name is too long.
    if os.path.isdir(argument):
        raise UsageError(f"settings file {argument!r} is a folder")
    if not os.path.isfile(argument):
        raise UsageError(f"settings file {argument!r} does not exist{_nearest_file(Path(argument))}")
    try:
        values = dialect.load(Path(argument).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"settings file {argument!r} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"settings file {argument!r} is not UTF-8 (byte {error.start})") from error
    except yaml.YAMLError as error:
        raise UsageError(f"settings file {argument!r} is not YAML: {_problem(error)}") from error
    if not isinstance(values, dict | None):
        raise UsageError(f"settings file {argument!r} holds {shown(values)}; expected keys and values")
    return values or {}


def _no_settings(argument: str, tree: type[BaseModel]) -> str:
    key = argument.removeprefix("--")
    if key in keys(tree):
        return f"{key} has no value; give it as {key}=..."
    expected = "a settings file (.yaml) nor an override (section.key=value, such as data.train=FILE)"
    return f"{argument!r} is neither {expected}{_likely(argument, tree) or nearest(key, keys(tree))}"


def _likely(argument: str, tree: type[BaseModel]) -> str:
    """Says what a word was likely meant for: the end of a list that the shell cut, or a file that lacks its key."""
    if argument.endswith(("]", "}", "],", "},")):
        return "; a value with spaces is given in quotes, such as 'data.features=[price, brand]'"
    meant = next((key for key in ("input", "data.train", "servable") if key in keys(tree)), None)
    return f"; did you mean '{meant}={argument}'?" if meant is not None and os.path.isfile(argument) else ""


def _nearest_file(path: Path) -> str:
    beside = path.parent.glob("*.y*ml") if os.path.isdir(path.parent) else ()
    return nearest(path.name, [other.name for other in beside])


def _problem(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{error.problem} (line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1})"
    return " ".join(str(error).split())


def _override(argument: str) -> dict[str, Any]:
    key, _, text = argument.partition("=")
    key = key.removeprefix("--")
    if not key:
        raise UsageError(f"{argument!r} names no key; expected section.key=value")
    return {key: _value(text)}


def _value(text: str) -> Any:
    if text in NULLS:
        return None
    # As text a label 007 stays one, "a #1" loses no comment, "a: b" is no map, and the separator "|" no empty value.
    if not text.startswith(("[", "{", "'", '"')):
        return text
    try:
        return dialect.load(text)
    except yaml.YAMLError:
        return text


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in values.items():
        for part in reversed(str(key).split(".")):
            value = {part: value}
        nested = _merged(nested, value)
    return nested


def _merged(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(left)
    for key, value in right.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merged(merged[key], value) if both else value
    return merged
