"""The body of a request: read no further than is allowed, and inflated no further either."""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tfclassify.serving.rest.options import RestOptions
from tfclassify.serving.status import Code, Refusal

Receive = Callable[[], Awaitable[Any]]
_GZIP = 16 + zlib.MAX_WBITS
# Below this a ratio says nothing: a few hundred bytes of the same letter are no attack.
_RATIO_FROM_BYTES = 65_536


class ClientLeftError(Exception):
    """The client closed its connection: there is nobody to answer."""


async def read_body(receive: Receive, headers: Mapping[str, str], options: RestOptions) -> bytes:
    """Reads a whole body.

    Args:
        receive: of ASGI.
        headers: by lower-case name.
        options: limits.

    Raises:
        Refusal: 413, it is too large; nothing is read if its length says so. 415, it is encoded as we do not know.
        ClientLeftError: it ended early.
    """
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity") and "gzip" not in encoding:
        raise Refusal(Code.INVALID_ARGUMENT, "Content-Encoding is not supported; send gzip or none", http_status=415)
    if int(headers.get("content-length", 0)) > options.max_body_bytes:
        raise too_large(options)
    pieces, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeftError
        piece, more = message.get("body", b""), message.get("more_body", False)
        size += len(piece)
        if size > options.max_body_bytes:
            raise too_large(options)
        pieces.append(piece)
    body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    return inflated(body, options) if "gzip" in encoding else body


def inflated(body: bytes, options: RestOptions) -> bytes:
    """Inflates gzip; what is no whole gzip is an empty body, as in stock.

    Raises:
        Refusal: 413, it comes to more than is allowed, by what is inflated and not by what it says of itself.
    """
    inflater = zlib.decompressobj(_GZIP)
    allowed = min(options.max_body_bytes, max(_RATIO_FROM_BYTES, options.max_inflated_ratio * len(body)))
    try:
        content = inflater.decompress(body, allowed + 1)
    except zlib.error:
        return b""
    if len(content) > allowed:
        raise too_large(options)
    return content if inflater.eof and not inflater.unused_data else b""


def too_large(options: RestOptions) -> Refusal:
    """Returns the refusal of a body beyond the limit."""
    return Refusal(
        Code.INVALID_ARGUMENT,
        f"Request body is larger than {options.max_body_bytes} bytes, or inflates to more than "
        f"{options.max_inflated_ratio} times its size",
        http_status=413,
    )
