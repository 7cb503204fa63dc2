"""Answers over HTTP."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from tfclassify.serving.rest.json_writing import error_text
from tfclassify.serving.rest.options import RestOptions
from tfclassify.serving.status import Code, Refusal

Send = Callable[[Any], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]
JSON = b"application/json"
HTML = b"text/html; charset=utf-8"
PLAIN = b"text/plain; charset=utf-8"
ALLOWED_VERBS = b"GET, POST, OPTIONS"
# As libevent answers for a path that nobody serves.
NOT_FOUND_PAGE = b"<HTML><HEAD>\n<TITLE>404 Not Found</TITLE>\n</HEAD><BODY>\n<H1>Not Found</H1>\n</BODY></HTML>\n"


@dataclass(frozen=True)
class Reply:
    """An answer.

    Attributes:
        body: of it.
        status: of HTTP.
        code: the canonical one it stands for.
        kind: content type; empty for none.
        headers: further ones.
    """

    body: bytes = b""
    status: int = 200
    code: Code = Code.OK
    kind: bytes = JSON
    headers: Headers = field(default=())


def refusal_reply(refusal: Refusal) -> Reply:
    """Returns the answer to a request that is refused."""
    headers: list[tuple[bytes, bytes]] = []
    if refusal.retry_after_seconds is not None:
        headers.append((b"retry-after", str(math.ceil(refusal.retry_after_seconds)).encode()))
    if refusal.http_status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if refusal.http_status == 405:
        headers.append((b"allow", ALLOWED_VERBS))
    return Reply(error_text(refusal.message), refusal.http_status, refusal.code, JSON, tuple(headers))


def not_found_page() -> Reply:
    """Returns the page for a path that is not served."""
    return Reply(NOT_FOUND_PAGE, 404, Code.NOT_FOUND, b"text/html")


def cors_headers(options: RestOptions) -> Headers:
    """Returns what lets browsers of other origins read an answer."""
    if not options.cors:
        return ()
    return (
        (b"access-control-allow-origin", b"*"),
        (b"access-control-allow-methods", b"POST, GET"),
        (b"access-control-allow-headers", ", ".join(options.cors_headers).encode()),
    )


async def send_reply(send: Send, reply: Reply, *, headers: Headers, close: bool) -> None:
    """Sends an answer.

    Args:
        send: of ASGI.
        reply: what to send.
        headers: of the connection, beside those of the answer.
        close: whether the connection ends with it.
    """
    listed = [(b"content-length", str(len(reply.body)).encode()), *reply.headers, *headers]
    if reply.kind:
        listed.append((b"content-type", reply.kind))
    if close:
        listed.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": reply.status, "headers": listed})
    await send({"type": "http.response.body", "body": reply.body})
