"""Status and metadata of models as TensorFlow Serving writes them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from google.protobuf.json_format import MessageToDict

from tfclassify.serving.loaded import Loaded


def status_answer(statuses: Iterable[Any]) -> bytes:
    """Returns the state of versions; the version is a string, as JSON has 64 bits written."""
    versions = [
        {
            "version": str(status.version),
            "state": status.state,
            "status": {"error_code": status.error_code, "error_message": status.error_message},
        }
        for status in statuses
    ]
    return _written({"model_version_status": versions})


def metadata_answer(loaded: Loaded) -> bytes:
    """Returns the signatures of a model."""
    definitions = {
        name: MessageToDict(definition, always_print_fields_with_no_presence=True, preserving_proto_field_name=True)
        for name, definition in loaded.definitions.items()
    }
    return _written(
        {
            "model_spec": {"name": loaded.name, "signature_name": "", "version": str(loaded.version)},
            "metadata": {"signature_def": {"signature_def": definitions}},
        }
    )


def server_answer(version: str) -> bytes:
    """Returns what the Open Inference Protocol asks of a server."""
    return _written({"name": "tfclassify", "version": version, "extensions": []})


def _written(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()
