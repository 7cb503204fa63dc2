"""The YAML of settings: of plain values only null, true, false and decimal numbers are more than text.

PyYAML reads YAML 1.1, where ``no`` is false, ``1e-3`` a text, ``2024-01-05`` a date, ``007`` seven and ``1:30`` ninety.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

Resolvers = dict[str, list[tuple[str, re.Pattern[str]]]]


def _resolvers(start: Mapping[str, list[Any]]) -> Resolvers:
    """Adds to resolvers, by the first letter of a plain value: what kind it is, if it matches."""
    resolvers = {letter: list(known) for letter, known in start.items()}
    for kind, pattern, letters in (
        ("null", r"~|null|Null|NULL|", ["", *"~nN"]),
        ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
        ("int", r"[-+]?(0|[1-9][0-9_]*)", "-+0123456789"),
        ("float", r"[-+]?((0|[1-9][0-9_]*)(\.[0-9_]*)?|\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?", "-+.0123456789"),
        ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+."),
    ):
        for letter in letters:
            resolvers.setdefault(letter, []).append((f"tag:yaml.org,2002:{kind}", re.compile(rf"({pattern})\Z")))
    return resolvers


class Loader(yaml.SafeLoader):
    """Reads text. What it does not take, settings do not need, and PyYAML reads without care."""

    yaml_implicit_resolvers = _resolvers({})

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuses aliases, which can hold themselves or grow without bounds, and tags, which no value has to fit."""
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or event.tag is not None:
            raise yaml.MarkedYAMLError(problem="aliases (*) and tags (!) are not taken", problem_mark=event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Takes keys as they stand, and refuses to lose one that is given twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key is no text", problem_mark=key.start_mark)
            if key.value in seen:
                problem = f"the key {key.value!r} is given twice"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(key.value)
            key.tag = self.DEFAULT_SCALAR_TAG
        return super().construct_mapping(node, deep)


class Dumper(yaml.SafeDumper):
    """Writes values so that ``Loader`` and readers of YAML 1.1 read the same ones."""

    # What either would take for more than text is quoted.
    yaml_implicit_resolvers = _resolvers(yaml.SafeDumper.yaml_implicit_resolvers)

    def represent_scalar(self, tag: str, value: str, style: str | None = None) -> yaml.ScalarNode:
        """Escapes line breaks: a line stays one, and some of them are read as another where they are not escaped."""
        broken = any(line_break in value for line_break in "\n\r\x85\u2028\u2029")
        return super().represent_scalar(tag, value, '"' if broken else style)

    def ignore_aliases(self, data: Any) -> bool:
        """Writes out whatever occurs twice."""
        return True


def load(text: str) -> Any:
    """Reads one YAML document.

    Raises:
        yaml.YAMLError: the text is not YAML, or of a kind that settings do not need.
    """
    try:
        return yaml.load(text, Loader)  # noqa: S506  # it is a safe loader
    except (ValueError, RecursionError) as error:
        # Integers of thousands of digits; lists in lists without end.
        raise yaml.YAMLError(str(error)) from error


def line(key: str, value: Any) -> str:
    """Writes the name of a field and its value, lists and all, as one line of YAML; ``load`` gives them back."""
    flow = yaml.dump(
        {key: value}, Dumper=Dumper, default_flow_style=True, allow_unicode=True, sort_keys=False, width=float("inf")
    )
    return flow.strip().removeprefix("{").removesuffix("}")


def written(value: Any) -> str:
    """Writes a value as an override takes it: text as it stands, anything else as YAML."""
    return value if isinstance(value, str) else line("value", value).removeprefix("value: ")
