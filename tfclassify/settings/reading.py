"""From YAML files and dotted overrides to a validated tree, with one helpful line for whatever is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from tfclassify.errors import UsageError, nearest

Tree = TypeVar("Tree", bound=BaseModel)


def read(arguments: Sequence[str], tree: type[Tree]) -> Tree:
    """Reads the words of a command line: YAML files first, then ``section.key=value`` overrides, in order.

    Args:
        arguments: file names ending in .yaml or .yml, and overrides whose values are YAML.
        tree: the pydantic model to fill.

    Raises:
        UsageError: a file is missing or no mapping, a word is no override, a key or a value is wrong.
    """
    values: dict[str, Any] = {}
    for argument in arguments:
        given = _override(argument) if "=" in argument else _file(argument)
        values = _merged(values, given)
    return parse(values, tree)


def parse(values: Mapping[str, Any] | Tree, tree: type[Tree]) -> Tree:
    """Validates plain values; keys may be nested or dotted.

    Raises:
        UsageError: a key or a value is wrong.
    """
    if isinstance(values, tree):
        return values
    nested: dict[str, Any] = {}
    for key, value in dict(values).items():
        nested = _merged(nested, _nested(str(key), value))
    try:
        return tree.model_validate(nested)
    except ValidationError as error:
        raise UsageError(_explain(error, tree)) from error


def changed(settings: Tree, values: Mapping[str, Any]) -> Tree:
    """Returns the settings with some keys (dotted) set to other values, validated again."""
    given = settings.model_dump()
    for key, value in values.items():
        given = _merged(given, _nested(key, value))
    return type(settings).model_validate(given)


def _file(argument: str) -> dict[str, Any]:
    if not argument.endswith((".yaml", ".yml")):
        raise UsageError(f"'{argument}' is neither a settings file (.yaml) nor an override (section.key=value)")
    path = Path(argument)
    if not path.is_file():
        raise UsageError(f"settings file '{argument}' does not exist{_nearest_file(path)}")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise UsageError(f"settings file '{argument}' is not YAML: {_one_line(error)}") from error
    if not isinstance(values, dict | None):
        raise UsageError(f"settings file '{argument}' holds a {type(values).__name__}; expected keys and values")
    return values or {}


def _nearest_file(path: Path) -> str:
    beside = path.parent.glob("*.y*ml") if path.parent.is_dir() else ()
    return nearest(path.name, [other.name for other in beside])


def _override(argument: str) -> dict[str, Any]:
    key, _, text = argument.partition("=")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = text
    # Separators such as "|" or "@" are no YAML value, or an empty one; they are meant as they stand.
    value = text if value == "" and text.strip("'\" ") else value
    return _nested(key.removeprefix("--"), _number(value))


def _number(value: Any) -> Any:
    # YAML 1.1 reads 3e-4 as a string; people mean a number.
    if not isinstance(value, str) or "e" not in value.lower():
        return value
    try:
        return float(value)
    except ValueError:
        return value


def _nested(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


def _merged(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(left)
    for key, value in right.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


def _explain(error: ValidationError, tree: type[BaseModel]) -> str:
    problems = error.errors(include_url=False)
    first = min(problems, key=lambda problem: problem["type"] != "extra_forbidden")
    names = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        return _unknown_key(names, tree)
    if first["type"] == "missing":
        return f"{'.'.join(names)} is missing; give it as {'.'.join(names)}=..."
    path = _key_path(names, tree)
    mine = [problem for problem in problems if _key_path([str(p) for p in problem["loc"]], tree) == path]
    wanted = " or ".join(dict.fromkeys(_wanted(problem["msg"]) for problem in mine))
    return f"{path} is {_given(first['input'])}; expected {wanted}"


def _given(value: Any) -> str:
    return repr(value) if len(repr(value)) <= 80 else f"{repr(value)[:77]}..."


def _wanted(message: str) -> str:
    for start in ("Input should be ", "String should have ", "Value should have "):
        message = message.removeprefix(start)
    message = message.partition(", unable")[0].partition(", got")[0]
    return message[:1].lower() + message[1:]


def _unknown_key(names: Sequence[str], tree: type[BaseModel]) -> str:
    fields = _fields(names[:-1], tree)
    place = ".".join(names[:-1]) or "the settings"
    return f"no field '{names[-1]}' in {place}{nearest(names[-1], fields)}; fields: {', '.join(fields)}"


def _fields(names: Sequence[str], tree: type[BaseModel]) -> list[str]:
    for name in names:
        tree = tree.model_fields[name].annotation  # type: ignore[assignment]  # sections are plain models
    return list(tree.model_fields)


def _key_path(names: Sequence[str], tree: type[BaseModel]) -> str:
    """Keeps the part of a pydantic location that names a key; behind it stand branches of a union."""
    path = []
    for name in names:
        fields = getattr(tree, "model_fields", {})
        if name not in fields:
            break
        path.append(name)
        tree = fields[name].annotation
    return ".".join(path)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
