"""What a REST server takes, and for how long it waits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RestOptions:
    """Limits and habits of the REST server.

    Attributes:
        max_body_bytes: of a request, as sent and as inflated; beyond: 413.
        max_inflated_ratio: inflated to sent bytes of a compressed body, looked at from 64 KiB on; beyond: 413.
        max_depth: of lists and objects in each other; beyond: 400.
        max_members: of all objects of a request together; beyond: 400.
        max_instances: rows of a request; beyond: 400.
        max_text_characters: of one string; beyond: 413.
        text_inputs: names of inputs that take text: base64 of anything but UTF-8 is refused there.
        timeout_seconds: for an answer, counted from when the request is read; beyond: 504.
        header_timeout_seconds: for a request's head to arrive; beyond: 408.
        body_timeout_seconds: for a request's body to arrive; beyond: 408.
        keep_alive_seconds: that an idle connection is kept.
        max_header_bytes: of a request's head; beyond: 431.
        max_connections: at a time; beyond: 503.
        large_body_bytes: from which a body is read in a thread, so that others need not wait for it.
        cors: whether browsers of other origins may call.
        cors_headers: that such a browser may send.
        metrics_path: where metrics are shown; None: nowhere.
        echo_errors: whether errors quote the value that is wrong, as stock does; at most 256 characters.
    """

    max_body_bytes: int = 10 * 2**20
    max_inflated_ratio: int = 100
    max_depth: int = 64
    max_members: int = 100_000
    max_instances: int = 1024
    max_text_characters: int = 100_000
    text_inputs: tuple[str, ...] = ("text", "text_b")
    timeout_seconds: float = 30.0
    header_timeout_seconds: float = 10.0
    body_timeout_seconds: float = 30.0
    keep_alive_seconds: float = 60.0
    max_header_bytes: int = 65_536
    max_connections: int = 1024
    large_body_bytes: int = 262_144
    cors: bool = False
    cors_headers: tuple[str, ...] = ("Content-Type",)
    metrics_path: str | None = None
    echo_errors: bool = True
