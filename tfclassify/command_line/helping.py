"""Help: the verbs, and for each verb its keys with type, default and meaning."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from tfclassify.command_line.verbs import VERBS, Verb

WIDTH = 110
KINDS = {
    "integer": "whole number",
    "string": "text",
    "boolean": "true | false",
    "array": "list",
    "object": "keys and values",
}


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
            *_keys(verb.request.model_json_schema()),
        ]
    )


def _keys(schema: Mapping[str, Any]) -> Iterator[str]:
    """Describes the keys of a tree, sections last, each under its dotted name."""
    required = schema.get("required", ())
    sections = {name: _section(field, schema) for name, field in schema["properties"].items()}
    for name, section in sections.items():
        if section is None:
            yield from _key(name, schema["properties"][name], required=name in required)
    for name, section in sections.items():
        if section is not None:
            yield ""
            yield f"{name}: {section.get('description', '')}"
            for key, described in section["properties"].items():
                yield from _key(f"{name}.{key}", described)


def _section(field: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
    # Older releases of pydantic put the reference into a list of one.
    place = {**field, **field.get("allOf", [{}])[0]}.get("$ref")
    return None if place is None else schema["$defs"][place.rpartition("/")[2]]


def _key(name: str, field: Mapping[str, Any], *, required: bool = False) -> Iterator[str]:
    default = f", default {_plain(field['default'])}" if field.get("default") is not None else ""
    yield f"  {name}  ({_kind(field)}{', needed' if required else default})"
    yield from textwrap.wrap(field.get("description", ""), WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)


def _kind(field: Mapping[str, Any]) -> str:
    if "anyOf" in field:
        options = [_kind(option) for option in field["anyOf"] if option.get("type") != "null"]
        return " | ".join(dict.fromkeys(options))
    if "const" in field:
        return str(field["const"])
    if "enum" in field:
        return " | ".join(map(str, field["enum"]))
    return KINDS.get(field.get("type", ""), field.get("type", "value"))


def _plain(value: Any) -> str:
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)
