"""One connection of the REST server: uvicorn's, made strict about what is no proper request, and about time.

uvicorn has no limit on a head's size or on the time that a request takes to arrive, takes HTTP/0.9, headers that come
twice and bytes that are no ASCII, closes before an early answer could be read, and leaves a request that is cut off
without an answer. All of that is put right here.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from tfclassify.serving.rest.hooks import REJECTIONS
from tfclassify.serving.rest.json_writing import error_text
from tfclassify.serving.rest.options import RestOptions

# How long, and for how many bytes, a connection that is given up is still read, so that the answer arrives.
LINGER_SECONDS = 2.0
LINGER_BYTES = 1 << 20
# So many may be read on for that long when there are too many connections; what comes beyond them is dropped.
MOST_REFUSED = 64
# A client that has closed its half gets its answer if it takes no longer than this; else it counts as gone.
HALF_CLOSED_SECONDS = 1.0
# A connection that is refused never came to the application, which counts all other refusals.
_REASONS = {**REJECTIONS, 503: "too_many_connections"}
_ONCE = frozenset({b"host", b"authorization", b"x-api-key", b"content-type", b"content-encoding", b"transfer-encoding"})
_IDLE, _HEAD, _BODY = range(3)
_UPGRADE = re.compile(rb"\r\nupgrade(?=[ \t]*:)", re.IGNORECASE)


class _RefusedError(Exception):
    """Ends the parser's work from inside one of its calls; the answer stands in the connection."""


def _without_upgrade(data: bytes) -> bytes:
    # Offered by clients that would rather speak HTTP/2, Java's own among them. We go on in HTTP/1.1; the parser, were
    # it to see the header, would take the body for another protocol.
    end = data.find(b"\r\n\r\n")
    end = len(data) if end < 0 else end
    return _UPGRADE.sub(b"\r\n-pgrade", data[:end]) + data[end:]


class _Transport:
    """A transport that sends the head and the body of an answer together, and whose ``close`` lets them arrive.

    Each write of uvicorn's would be a packet of its own, and wake the client before there is anything to read for it.
    """

    def __init__(self, inner: Any, loop: asyncio.AbstractEventLoop, unread: Callable[[], bool]) -> None:
        self.inner, self.loop, self.unread = inner, loop, unread
        self.closed = False
        self.waiting: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def write(self, data: bytes) -> None:
        if self.closed:
            return
        if not self.waiting:
            self.loop.call_soon(self._send)
        self.waiting.append(data)

    def _send(self) -> None:
        if self.waiting and not self.inner.is_closing():
            self.inner.write(b"".join(self.waiting))
        self.waiting.clear()

    def is_closing(self) -> bool:
        return self.closed or self.inner.is_closing()

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        self._send()
        # A client that does not read would hold the connection for ever.
        self.loop.call_later(LINGER_SECONDS, self.inner.abort)
        if self.unread() and self.inner.can_write_eof() and not self.inner.is_closing():
            self.inner.write_eof()
            self.inner.resume_reading()
        else:
            self.inner.close()


class Connection(HttpToolsProtocol):
    """uvicorn's protocol with limits."""

    def __init__(self, *arguments: Any, options: RestOptions, rejected: Callable[[str], None], **named: Any) -> None:
        """Begins with nothing read; ``rejected`` is told why a request is turned away before it is one."""
        super().__init__(*arguments, **named)
        self.options, self.rejected = options, rejected
        self.phase = _IDLE
        self.head_bytes = 0
        self.pending_bytes = 0
        self.left_over = 0
        self.refused = False
        self.clock: asyncio.TimerHandle | None = None
        self.answer: tuple[int, str] | None = None

    def connection_made(self, transport: Any) -> None:
        """Counts the connection, and waits for a head."""
        super().connection_made(cast(asyncio.Transport, _Transport(transport, self.loop, self._unread)))
        if len(self.connections) > self.options.max_connections + MOST_REFUSED:
            self.rejected(_REASONS[503])
            self.transport.abort()
            return
        if len(self.connections) > self.options.max_connections:
            self._refuse(503, "Too many connections", b"retry-after: 1\r\n")
            return
        self._wait(self.options.header_timeout_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends what is still worked on for it."""
        self._stop_clock()
        if self.cycle is not None and not self.cycle.response_complete:
            self._cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Reads on, and sees to it that there is an end to it."""
        if self.transport.is_closing():
            self._throw_away(data)
            return
        self._unset_keepalive_if_required()
        before = self.phase
        try:
            self.parser.feed_data(_without_upgrade(data) if before != _BODY and b"pgrade" in data else data)
        except httptools.HttpParserUpgrade:
            # No other protocol is spoken here: what comes next on this connection would not be read as HTTP.
            self.cycle.keep_alive = False
        except httptools.HttpParserError:
            self._refuse(*(self.answer or (400, "Malformed HTTP request")))
            return
        # The parser says nothing of a header before it has all of it.
        self.pending_bytes = self.pending_bytes + len(data) if before == self.phase == _HEAD else 0
        if self.pending_bytes > self.options.max_header_bytes:
            self._refuse(431, "Request header is too large")
            return
        self._keep_time()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answers a request that is cut off; one that is whole still gets its answer, if that is soon."""
        if self.transport.is_closing():
            return False
        if self.phase != _IDLE:
            self._refuse(400, "Request ends before its end")
            return False
        if self.cycle is None or self.cycle.response_complete or self.scheme == "https":
            return False
        self.cycle.keep_alive = False
        self.loop.call_later(HALF_CLOSED_SECONDS, self._give_up, self.cycle)
        return True

    def on_message_begin(self) -> None:
        """Begins a head."""
        super().on_message_begin()
        self.phase, self.head_bytes = _HEAD, 0

    def on_url(self, url: bytes) -> None:
        """Takes a piece of the target."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Takes a header that is ASCII and comes once where it may come only once."""
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)
        name = name.lower()
        if not value.isascii():
            self._end(400, "Header values must be ASCII")
        if name in _ONCE and sum(name == known for known, _ in self.headers) > 1:
            self._end(400, f"Header {name.decode()} occurs twice")
        if name == b"transfer-encoding" and value.strip().lower() != b"chunked":
            self._end(400, "Transfer-Encoding is not supported; send chunked or none")

    def on_headers_complete(self) -> None:
        """Begins the request; the application gets the target as it came."""
        version = self.parser.get_http_version()
        chunked = any(name == b"transfer-encoding" for name, _ in self.headers)
        if version not in ("1.0", "1.1") or (version == "1.0" and chunked):
            self._end(400, "HTTP version is not supported")
        self._stop_clock()
        self.phase = _BODY
        self.scope["state"]["target"] = self.url
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Ends the body."""
        self.phase = _IDLE
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Looks no longer after a body that nobody waits for."""
        super().on_response_complete()
        if self.phase == _BODY:
            self._stop_clock()

    def timeout_keep_alive_handler(self) -> None:
        """Closes, also on a client that does not read."""
        self.transport.close()

    def _unread(self) -> bool:
        return self.refused or self.phase != _IDLE

    def _count(self, size: int) -> None:
        self.head_bytes += size
        if self.head_bytes > self.options.max_header_bytes:
            self._end(431, "Request header is too large")

    def _end(self, status: int, message: str) -> None:
        self.answer = (status, message)
        raise _RefusedError

    def _keep_time(self) -> None:
        answering = self.cycle is not None and not self.cycle.response_complete
        if self.phase == _BODY:
            self._wait(self.options.body_timeout_seconds)
        elif self.phase == _HEAD or not answering:
            self._wait(self.options.header_timeout_seconds)
        else:
            self._stop_clock()

    def _wait(self, seconds: float) -> None:
        if self.clock is None:
            self.clock = self.loop.call_later(seconds, self._too_slow)

    def _stop_clock(self) -> None:
        if self.clock is not None:
            self.clock.cancel()
            self.clock = None

    def _too_slow(self) -> None:
        self.clock = None
        if self.phase == _IDLE:
            self.transport.close()
        else:
            self._refuse(408, "Request did not arrive in time")

    def _refuse(self, status: int, message: str, header: bytes = b"") -> None:
        self._stop_clock()
        if status in _REASONS:
            self.rejected(_REASONS[status])
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            started = cycle.response_started
            cycle.disconnected = True
            cycle.message_event.set()
            self._cancel()
            if started:
                self.transport.abort()
                return
        body = error_text(message)
        head = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n" % len(body)
        self.transport.write(STATUS_LINE[status] + head + header + b"\r\n" + body)
        self.refused = True
        self.transport.close()

    def _cancel(self) -> None:
        pending = self.cycle.scope["state"].get("pending")
        if pending is not None:
            pending.cancel()

    def _give_up(self, cycle: Any) -> None:
        if not cycle.response_complete:
            self.transport.abort()

    def _throw_away(self, data: bytes) -> None:
        self.left_over += len(data)
        if self.left_over > LINGER_BYTES:
            self.transport.pause_reading()
