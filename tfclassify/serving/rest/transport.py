"""The REST server on a socket: uvicorn in a thread of its own, with TLS if there is a certificate."""

from __future__ import annotations

import asyncio
import functools
import os
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from tfclassify.errors import UsageError
from tfclassify.serving.rest.application import Application
from tfclassify.serving.rest.connections import Connection
from tfclassify.serving.rest.options import RestOptions

BACKLOG = 2048
_LAST_WORDS_SECONDS = 0.05
_LOOK_AT_CERTIFICATE_SECONDS = 10.0


@dataclass(frozen=True)
class Tls:
    """Files of a server that speaks TLS.

    Attributes:
        certificate: PEM, with the chain.
        key: PEM.
        client_authority: PEM of who signs clients' certificates; None: clients need none.
    """

    certificate: Path
    key: Path
    client_authority: Path | None = None


@dataclass(frozen=True)
class RestServer:
    """A server that runs.

    Attributes:
        host: that it listens on.
        port: that it listens on.
        stop: takes no more connections, finishes what is under way for at most so many seconds, ends; returns when
            it has ended. A second call with less time overtakes the first.
        ended: set when it has ended.
    """

    host: str
    port: int
    stop: Callable[[float], None]
    ended: threading.Event


class _Server(uvicorn.Server):
    """uvicorn's server, which at its end leaves no connection open: the loop could not be closed over one."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends the server."""
        await super().shutdown(sockets)
        # Requests that were cut short are still told so.
        await asyncio.sleep(_LAST_WORDS_SECONDS)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(_LAST_WORDS_SECONDS)


def listen(host: str, port: int) -> socket.socket:
    """Opens a socket.

    Args:
        host: name or address; empty: all addresses, IPv6 and IPv4.
        port: 0 for any that is free.

    Raises:
        UsageError: it cannot be had.
    """
    if not 0 <= port <= 65_535:
        raise UsageError(f"cannot listen on port {port}; expected 0 (any that is free) to 65535")
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        if not host and socket.has_dualstack_ipv6():
            return socket.create_server(("::", port), family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=True)
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        # What Python adds to the words of the system repeats the address; errors of names have negative numbers.
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise UsageError(f"cannot listen on {host or '*'}:{port}: {reason}; give another host or port") from error


def tls_context(tls: Tls) -> ssl.SSLContext:
    """Makes a context of TLS 1.2 and later.

    Raises:
        UsageError: a file cannot be read, or is no certificate or key.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(tls.certificate, tls.key)
        if tls.client_authority is not None:
            context.load_verify_locations(tls.client_authority)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"TLS with certificate {tls.certificate} and key {tls.key} cannot be had: "
            f"{error.strerror or error}; expected PEM files that belong together"
        ) from error
    return context


def start(
    application: Application,
    listener: socket.socket,
    options: RestOptions,
    *,
    tls: Tls | None = None,
    rejected: Callable[[str], None] = lambda reason: None,
) -> RestServer:
    """Serves an application until it is told to stop.

    Args:
        application: to serve.
        listener: a socket that listens.
        options: limits of connections.
        tls: certificate and key, read again when they change; None: plain HTTP.
        rejected: is told why a request was turned away that the application never saw.

    Raises:
        UsageError: there is no TLS with these files.
    """
    context = tls_context(tls) if tls else None
    host, port = listener.getsockname()[:2]
    protocol = functools.partial(Connection, options=options, rejected=rejected)
    server = _Server(_config(application, options, context, protocol))
    ended = threading.Event()

    def run() -> None:
        try:
            server.run(sockets=[listener])
        finally:
            ended.set()

    def stop(grace_seconds: float) -> None:
        server.config.timeout_graceful_shutdown = grace_seconds  # type: ignore[assignment]
        server.should_exit = True
        if not ended.wait(grace_seconds + 2.0):
            server.force_exit = True
            ended.wait(5.0)

    threading.Thread(target=run, name="rest", daemon=True).start()
    if tls and context:
        threading.Thread(target=_renew, args=(context, tls, ended), name="rest-tls", daemon=True).start()
    return RestServer(host, port, stop, ended)


def _config(
    application: Application, options: RestOptions, context: ssl.SSLContext | None, protocol: Callable[..., Connection]
) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        interface="asgi3",
        http=protocol,  # type: ignore[arg-type]
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=options.keep_alive_seconds,  # type: ignore[arg-type]
        ssl_context_factory=(lambda config, default: context) if context else None,
    )


def _renew(context: ssl.SSLContext, tls: Tls, ended: threading.Event) -> None:
    before = _changed(tls)
    while not ended.wait(_LOOK_AT_CERTIFICATE_SECONDS):
        now = _changed(tls)
        if now and now != before:
            try:
                # A pair that does not belong together would leave a context without a key: so it is tried elsewhere.
                tls_context(tls)
                context.load_cert_chain(tls.certificate, tls.key)
                before = now
            except (UsageError, OSError, ssl.SSLError):
                # Half of a pair was replaced; the other half is on its way, and the old pair still holds.
                continue


def _changed(tls: Tls) -> tuple[float, ...]:
    try:
        return tuple(path.stat().st_mtime for path in (tls.certificate, tls.key))
    except OSError:
        return ()
