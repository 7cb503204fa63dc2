"""The canonical status codes of a server, and the one way to refuse a request."""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """Canonical codes, with gRPC's numbers."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


# As TensorFlow Serving's REST maps them.
HTTP_STATUS: dict[Code, int] = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.UNKNOWN: 500,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.DATA_LOSS: 500,
    Code.UNAUTHENTICATED: 401,
}


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not a fault of the server
    """A request is refused.

    Attributes:
        code: canonical.
        message: for the client; without the text of the request, a path or a trace.
        http_status: where HTTP has a finer one than the code maps to (405, 413, 415, 431).
        retry_after_seconds: when to try again, of a server that is full or not ready.
    """

    def __init__(
        self, code: Code, message: str, *, http_status: int | None = None, retry_after_seconds: float | None = None
    ) -> None:
        """Takes the HTTP status that the code maps to, unless a finer one is given."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.http_status = HTTP_STATUS[code] if http_status is None else http_status
        self.retry_after_seconds = retry_after_seconds
