"""The JSON Schema of a settings file: kept in the repository, and of one mind with the settings."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tfclassify.settings import Settings, keys
from tfclassify.settings.schema import schema

KEPT = Path(__file__).parents[2] / "configs" / "settings.schema.json"


def properties_of(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    found = node.get("properties", {})
    section = node.get("$ref", "").rpartition("/")[2]
    return definitions[section]["properties"] if section else found


def test_the_kept_schema_is_that_of_the_settings() -> None:
    assert KEPT.read_text(encoding="utf-8") == schema(), (
        "the settings have changed: python -m tfclassify.settings.schema > configs/settings.schema.json"
    )


def test_the_module_prints_it() -> None:
    command = [sys.executable, "-W", "error", "-m", "tfclassify.settings.schema"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == schema()


def test_it_is_a_schema_of_the_draft_that_it_names() -> None:
    found = json.loads(schema())
    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert found["type"] == "object"
    assert found["additionalProperties"] is False


@pytest.mark.parametrize("key", keys(Settings))
def test_every_key_is_described(key: str) -> None:
    found = json.loads(schema())
    node: dict[str, Any] = found
    for part in key.split("."):
        node = properties_of(node, found["$defs"])[part]
    assert node["description"].endswith(".")
    assert len(node["description"]) > 10
    assert "default" in node
    assert '"gt":' not in json.dumps(node), "a bound that no schema knows"
