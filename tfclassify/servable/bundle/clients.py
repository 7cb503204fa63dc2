"""Requests and clients that run as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tfclassify.servable.bundle.facts import BundleFacts
from tfclassify.servable.bundle.templating import rendered

MOST_ROWS = 2
UNSEEN = {"text": "an example text", "number": 0.0, "category": ""}


def client_files(facts: BundleFacts, served: str) -> dict[str, str]:
    """Writes what asks the server, by the names of the files.

    Args:
        facts: of the version.
        served: the name that requests use; plain letters.
    """
    rows = _rows(facts)
    known = {"served": served, "inputs": facts.inputs, "max_rows": facts.max_batch_size, "version": facts.version}
    return {
        "requests.sh": rendered("requests.sh.jinja", **known),
        "rest_client.py": rendered("rest_client.py.jinja", **known),
        "grpc_client.py": rendered("grpc_client.py.jinja", **known),
        "rows.json": _json({"instances": rows}),
        "columns.json": _json({"inputs": {name: [row[name] for row in rows] for name in rows[0]}}),
        "examples.json": _json(list(facts.examples)),
    }


def _rows(facts: BundleFacts) -> Sequence[Mapping[str, Any]]:
    """Returns the inputs of the first examples, as many as every batch can hold."""
    found = [example["inputs"] for example in facts.examples[: min(MOST_ROWS, facts.max_batch_size)]]
    return found or [{name: UNSEEN[facts.features.get(name, "text")] for name in facts.inputs}]


def _json(value: object) -> str:
    # ASCII, so that no editor, terminal or shell spoils a text on its way.
    return json.dumps(value, indent=1, allow_nan=False) + "\n"
