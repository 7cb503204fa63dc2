"""YAML of plain data, read alike by YAML 1.1 and 1.2."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

# Two letters at least: a lone y is true for some readers, and 1e3 a number for others.
UNQUOTED = re.compile(r"[A-Za-z][A-Za-z0-9 ./_-]*[A-Za-z0-9./_-]")

# A string is never broken: not every reader folds it back alike.
LINE = 1_000_000


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def yaml_text(document: Mapping[str, Any], *, head: str = "") -> str:
    """Writes a document.

    Args:
        document: of dicts, lists, strings, numbers, booleans and None.
        head: what is said above it, in lines of their own.
    """
    said = "".join(f"# {line}\n" for line in head.splitlines())
    return said + yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=False, width=LINE)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # As a block, so that PromQL and JSON are read without a backslash before every quote.
    if "\n" in text or '"' in text:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|")
    style = None if UNQUOTED.fullmatch(text) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
