"""What a request may hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfclassify.serving.loaded import Tensors
from tfclassify.serving.rest.json_faults import invalid_argument
from tfclassify.serving.rest.options import RestOptions
from tfclassify.serving.status import Code, Refusal


def check_rows(document: Mapping[str, Any], options: RestOptions) -> None:
    """Raises Refusal, 400, if a request has more rows than are allowed; looked at before they are made into tensors."""
    for key in ("instances", "examples", "inputs"):
        value = document.get(key)
        if isinstance(value, list):
            _check_count(key, len(value), options)
        elif key == "inputs" and isinstance(value, dict):
            for column in value.values():
                _check_count(key, len(column) if isinstance(column, list) else 1, options)


def check_texts(tensors: Tensors, options: RestOptions) -> None:
    """Raises Refusal if a string is longer than is allowed (413), or no text where a text is wanted (400)."""
    for name, values in tensors.items():
        if values.dtype.kind == "O":
            for number, value in enumerate(values.reshape(-1)):
                _check_text(name, number, value, options)


def _check_count(key: str, count: int, options: RestOptions) -> None:
    if count > options.max_instances:
        raise invalid_argument(f"Too many elements in '{key}': {count}, at most {options.max_instances} are allowed")


def _check_text(name: str, number: int, value: bytes, options: RestOptions) -> None:
    try:
        characters = len(value.decode()) if len(value) > options.max_text_characters else 0
        if name in options.text_inputs and not value.isascii():
            value.decode()
    except UnicodeDecodeError:
        if name in options.text_inputs:
            raise invalid_argument(f"Element {number} of input {name} is not valid UTF-8") from None
        characters = len(value)
    if characters > options.max_text_characters:
        raise Refusal(
            Code.INVALID_ARGUMENT,
            f"Element {number} of input {name} has {characters} characters, at most "
            f"{options.max_text_characters} are allowed",
            http_status=413,
        )
