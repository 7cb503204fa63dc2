"""The JSON Schema of a settings file, for editors: ``python -m tfclassify.settings.schema > FILE``."""

from __future__ import annotations

import json
import sys

from tfclassify.settings.tree import Settings


def schema() -> str:
    """Returns the JSON Schema (draft 2020-12) of a settings file with nested keys, as indented text."""
    described = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Settings.model_json_schema()}
    return json.dumps(described, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema())
