"""What a request's first line asks for, by TensorFlow Serving's two patterns and the health routes beside them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from tfclassify.serving.rest.json_faults import invalid_argument

API = re.compile(r"/v1/[^\n]*", re.IGNORECASE | re.ASCII)
_WHICH = r"(?:(?:/versions/([0-9]+))|(?:/labels/([^/:]+)))?"
_RUN = re.compile(rf"/v1/models/([^/:]+){_WHICH}:(classify|regress|predict)", re.IGNORECASE | re.ASCII)
_LOOK = re.compile(rf"/v1/models(?:/([^/:]+))?{_WHICH}(?:/(metadata))?", re.IGNORECASE | re.ASCII)
_READY = re.compile(r"/v2/models/([^/]+)(?:/versions/([0-9]+))?/ready", re.ASCII)
_GREATEST_VERSION = 2**63 - 1


@dataclass(frozen=True)
class Route:
    """A model and what is asked of it.

    Attributes:
        method: ``predict``, ``classify``, ``regress``, ``status``, ``metadata`` or ``ready``.
        model: its name.
        version: of it, if one is asked for.
        label: of a version, if one is asked for.
    """

    method: str
    model: str
    version: int | None = None
    label: str | None = None


def route(verb: str, target: str) -> Route:
    """Finds what a request under ``/v1/`` asks for.

    Args:
        verb: ``GET``, ``POST``, ...
        target: path and query as they came, one character per byte: both are held against the patterns, and names
            are percent-decoded after that.

    Raises:
        Refusal: 400, there is no such route, or the version is beyond 64 bits.
    """
    if verb == "POST" and (match := _RUN.fullmatch(target)):
        name, version, label, method = match.groups()
        # The pattern knows no case, the word does.
        if method in ("classify", "regress", "predict"):
            return Route(method, _name(name), _version(version), _label(label))
    if verb == "GET" and (match := _LOOK.fullmatch(target)):
        name, version, label, what = match.groups()
        if not name:
            raise invalid_argument("Missing model name in request.")
        method = "metadata" if what == "metadata" else "status"
        return Route(method, _name(name), _version(version), _label(label))
    raise invalid_argument(f"Malformed request: {verb} {unescaped(target)}")


def ready_route(target: str) -> Route | None:
    """Finds the model whose readiness an Open Inference request asks for."""
    match = _READY.fullmatch(target)
    return Route("ready", _name(match[1]), _version(match[2])) if match else None


def unescaped(target: str) -> str:
    """Returns a target as text, of bytes that are none with marks in their place."""
    return target.encode("latin-1").decode("utf-8", "replace")


def _name(part: str) -> str:
    return unquote_to_bytes(part.encode("latin-1")).decode("utf-8", "replace")


def _label(part: str | None) -> str | None:
    return None if part is None else _name(part)


def _version(digits: str | None) -> int | None:
    if digits is None:
        return None
    # Python itself refuses to read a number of some thousand digits.
    if len(digits.lstrip("0")) > 19 or int(digits) > _GREATEST_VERSION:
        raise invalid_argument(f"Failed to convert version: {digits} to numeric.")
    return int(digits)
