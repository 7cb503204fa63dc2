"""A request as it came: first line, headers, and who sent it."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True)
class Request:
    """A request without its body.

    Attributes:
        verb: ``GET``, ...
        target: path and query as they came, one character per byte.
        headers: by lower-case name.
        peer: the other end's address.
        state: what application and connection tell each other; ``pending`` is what an early leaver cancels.
        request_id: the client's, if it is fit for headers and logs, else a new one.
        traceparent: of W3C's form, or empty.
        began: on ``time.monotonic()``.
    """

    verb: str
    target: str
    headers: Mapping[str, str]
    peer: str
    state: MutableMapping[str, Any]
    request_id: str
    traceparent: str
    began: float = field(default_factory=time.monotonic)

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def has_body(self) -> bool:
        """Whether anything follows the head."""
        return self.headers.get("content-length", "0").lstrip("0") != "" or "transfer-encoding" in self.headers


def request_ids() -> Iterator[str]:
    """Gives ids of 32 hexadecimal digits: half of them chance, so that no other server gives the same, and a number."""
    first = secrets.token_hex(8)
    return (f"{first}{number:016x}" for number in count(1))


def request_of(scope: MutableMapping[str, Any], new_ids: Iterator[str]) -> Request:
    """Reads the scope of an ASGI call, and gives the request an id where it has none."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    state = scope.setdefault("state", {})
    asked_id = headers.get("x-request-id", "")
    trace = headers.get("traceparent", "")
    return Request(
        verb=scope["method"],
        target=_target(scope, state),
        headers=headers,
        peer=(scope.get("client") or ("",))[0],
        state=state,
        request_id=asked_id if _REQUEST_ID.fullmatch(asked_id) else next(new_ids),
        traceparent=trace if _TRACEPARENT.fullmatch(trace) else "",
    )


def _target(scope: MutableMapping[str, Any], state: Mapping[str, Any]) -> str:
    # The parts of ASGI lose an empty query; a target with a host in front is taken by its parts.
    target = state.get("target", b"")
    if not target.startswith(b"/"):
        query = scope.get("query_string", b"")
        target = scope["raw_path"] + (b"?" + query if query else b"")
    return target.decode("latin-1")
