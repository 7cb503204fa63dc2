"""The JSON Schema of a settings file, for editors: ``python -m tfclassify.settings.schema > FILE``."""

from __future__ import annotations

import json
import sys

from tfclassify.settings.tree import Settings


def schema() -> str:
    """Returns the JSON Schema (draft 2020-12) of a settings file as indented text."""
    return json.dumps(Settings.model_json_schema(), indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema())
