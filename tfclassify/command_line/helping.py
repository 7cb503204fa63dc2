"""Help: the verbs, and for each verb its keys with type, default and meaning."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from tfclassify.command_line.verbs import VERBS, Verb

WIDTH = 110


def help_on_all() -> str:
    """Lists the verbs."""
    lines = [f"  {name:<9} {verb.summary}" for name, verb in VERBS.items()]
    return "\n".join(
        [
            "Plans, fine-tunes, judges and ships text classifiers on TensorFlow.",
            "",
            "usage: tfclassify VERB [settings.yaml] [section.key=value ...] [--json]",
            "       python -m tfclassify.VERB ...",
            "",
            *lines,
            "",
            "tfclassify VERB --help lists what a verb can be told. Without any settings, train uses the sample that",
            "comes with the package. Exit status: 0 done, 2 what was asked is wrong, 75 stopped on request, 1 else.",
        ]
    )


def help_on(name: str, verb: Verb) -> str:
    """Lists the keys of a verb."""
    return "\n".join(
        [
            f"tfclassify {name}: {verb.summary}.",
            "",
            f"usage: tfclassify {name} [settings.yaml] [section.key=value ...] [--json]",
            f"example: tfclassify {name} {verb.example}",
            "",
            *_keys(verb.request.model_json_schema(), verb.request),
        ]
    )


def _keys(schema: Mapping[str, Any], tree: type[BaseModel]) -> Iterator[str]:
    """Describes the keys of a tree, sections last, each under its dotted name."""
    for name, field in schema["properties"].items():
        if "$ref" not in field:
            yield from _key(name, field)
    for name, field in schema["properties"].items():
        if "$ref" in field:
            section = schema["$defs"][field["$ref"].rpartition("/")[2]]
            yield ""
            yield f"{name}: {section.get('description', '')}"
            for key, described in section["properties"].items():
                yield from _key(f"{name}.{key}", described)


def _key(name: str, field: Mapping[str, Any]) -> Iterator[str]:
    default = f", default {_plain(field['default'])}" if field.get("default") is not None else ""
    yield f"  {name}  ({_kind(field)}{default})"
    yield from textwrap.wrap(field.get("description", ""), WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)


def _kind(field: Mapping[str, Any]) -> str:
    if "anyOf" in field:
        options = [_kind(option) for option in field["anyOf"] if option.get("type") != "null"]
        return " or ".join(dict.fromkeys(options))
    if "const" in field:
        return str(field["const"])
    if "enum" in field:
        return " | ".join(map(str, field["enum"]))
    kinds = {"integer": "whole number", "string": "text", "boolean": "true or false", "array": "list"}
    return kinds.get(field.get("type", ""), field.get("type", "value"))


def _plain(value: Any) -> str:
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)
