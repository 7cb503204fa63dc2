"""Strings that JSON cannot hold: an object of the one key ``b64``."""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from typing import Any

from tfclassify.serving.rest.json_faults import invalid_argument

_ALPHABET = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_WHITE = re.compile(r"[ \t\n\v\f\r]+")


def is_base64(value: Any) -> bool:
    """Returns whether a JSON value is an object of one key, ``b64``, and a string."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)


def decoded(value: Mapping[str, str]) -> bytes:
    """Returns what such an object holds; the padding may be left out, as for stock's decoder.

    Raises:
        Refusal: 400, it is no base64.
    """
    text = _WHITE.sub("", value["b64"])
    bare = text.rstrip("=")
    padded = len(text) == len(bare) or len(text) % 4 == 0
    if not _ALPHABET.fullmatch(text) or not padded or len(bare) % 4 == 1:
        raise invalid_argument("Unable to base64 decode")
    return binascii.a2b_base64(bare + "=" * (-len(bare) % 4))
