"""The gRPC server: TensorFlow Serving's two services, and the standard one for health.

It runs on ``grpc.aio`` in a thread with a loop of its own. With the other kind of server every request in flight
holds a thread while the model runs, and the number of threads bounds what batching can bring together; here a request
that waits is a few objects, and as many may wait as the queue takes.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from tfclassify.errors import UsageError
from tfclassify.serving.grpc_answers import MODEL_METHODS, PREDICTION_METHODS
from tfclassify.serving.grpc_calls import Guard, Method, Telemetry, handler
from tfclassify.serving.models import Models
from tfclassify.serving.server_configs import TlsConfig

PREDICTION, MODEL = "PredictionService", "ModelService"
PACKAGE = "tensorflow.serving"
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
STARTING_SECONDS = 30.0


@dataclass(frozen=True)
class GrpcOptions:
    """How the server listens.

    Attributes:
        max_message_bytes: of a request, also after it was inflated.
        max_concurrent_calls: beyond which calls are refused as RESOURCE_EXHAUSTED.
        health: serve ``grpc.health.v1.Health``: ``""`` serves while the server runs, ``PredictionService`` while every
            model has a version that answers.
        health_seconds: between two looks whether the models answer.
        tls: key and certificates; None listens in the clear.
        changed_tls: is asked at each handshake for those to use from now on; None leaves them.
        channel_arguments: further ``(name, value)`` for gRPC's core.
    """

    max_message_bytes: int = 10 * 2**20
    max_concurrent_calls: int = 1000
    health: bool = False
    health_seconds: float = 1.0
    tls: TlsConfig | None = None
    changed_tls: Callable[[], TlsConfig | None] = lambda: None
    channel_arguments: tuple[tuple[str, int | str], ...] = ()


@dataclass(frozen=True)
class GrpcServer:
    """A server that runs.

    Attributes:
        port: that it listens on.
        stop: ``(grace_seconds)``: refuses new calls, gives those in flight so long to end, then cancels them; returns
            when it is over.
    """

    port: int
    stop: Callable[[float], None]


def serve(models: Models, *, address: str, options: GrpcOptions, guard: Guard, telemetry: Telemetry) -> GrpcServer:
    """Starts to listen.

    Args:
        models: that are asked.
        address: ``host:port``, port 0 for any that is free, or ``unix:PATH``.
        options: of the server.
        guard: ``authorize`` lets a caller in.
        telemetry: ``request`` is told of every call.

    Raises:
        UsageError: the address cannot be listened on, or the key does not fit the certificate.
    """
    started: Future[GrpcServer] = Future()
    services = _services(models, guard=guard, telemetry=telemetry)

    def run() -> None:
        try:
            asyncio.run(_run(models, address, options, services, started))
        except Exception as error:
            # Whoever waits for the start is told, not the thread.
            if started.done():
                raise
            started.set_exception(error)

    thread = threading.Thread(target=run, name="grpc", daemon=True)
    thread.start()
    server = started.result(STARTING_SECONDS)

    def stop(grace_seconds: float) -> None:
        server.stop(grace_seconds)
        thread.join()

    return replace(server, stop=stop)


def _server(options: GrpcOptions) -> Any:
    return grpc.aio.server(
        maximum_concurrent_rpcs=options.max_concurrent_calls,
        options=(
            ("grpc.max_receive_message_length", options.max_message_bytes),
            ("grpc.max_send_message_length", -1),
            # Or a second server could listen on the same port, and clients would meet either.
            ("grpc.so_reuseport", 0),
            *options.channel_arguments,
        ),
    )


def _listen(server: Any, address: str, options: GrpcOptions) -> int:
    try:
        if options.tls is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, _credentials(options.tls, options.changed_tls))
    except (RuntimeError, ValueError) as error:
        raise _not_listening(address) from error
    if not port and not address.startswith("unix:"):
        raise _not_listening(address)
    return int(port)


async def _run(
    models: Models,
    address: str,
    options: GrpcOptions,
    services: Sequence[Callable[[Any], None]],
    started: Future[GrpcServer],
) -> None:
    server = _server(options)
    try:
        port = _listen(server, address, options)
    except UsageError:
        await server.stop(None)
        raise
    for add in services:
        add(server)
    watching = _add_health(server, models, options) if options.health else None
    await server.start()
    loop, ends = asyncio.get_running_loop(), asyncio.Queue[float]()

    def end(grace_seconds: float) -> None:
        with suppress(RuntimeError):  # the loop has ended before
            loop.call_soon_threadsafe(ends.put_nowait, grace_seconds)

    started.set_result(GrpcServer(port, end))
    grace_seconds = await ends.get()
    if watching is not None:
        await _end_health(*watching)
    await server.stop(grace_seconds)


def _services(models: Models, *, guard: Guard, telemetry: Telemetry) -> list[Callable[[Any], None]]:
    def handlers(methods: Sequence[Method]) -> SimpleNamespace:
        return SimpleNamespace(
            **{each.name: handler(each, models, guard=guard, telemetry=telemetry) for each in methods}
        )

    prediction, model = handlers(PREDICTION_METHODS), handlers(MODEL_METHODS)
    return [
        lambda server: prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(prediction, server),
        lambda server: model_service_pb2_grpc.add_ModelServiceServicer_to_server(model, server),
    ]


def _credentials(tls: TlsConfig, changed: Callable[[], TlsConfig | None]) -> Any:
    def latest() -> Any:
        found = changed()
        return None if found is None else _certificates(found)

    return grpc.dynamic_ssl_server_credentials(
        _certificates(tls), latest, require_client_authentication=tls.client_verify
    )


def _certificates(tls: TlsConfig) -> Any:
    return grpc.ssl_server_certificate_configuration(
        [(tls.server_key, tls.server_cert)], root_certificates=tls.custom_ca
    )


def _add_health(server: Any, models: Models, options: GrpcOptions) -> tuple[Any, asyncio.Task[None]]:
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)

    async def watch() -> None:
        # What restarts a server asks for "", and must not do so because a model is missing.
        for name in ("", MODEL, f"{PACKAGE}.{MODEL}"):
            await servicer.set(name, SERVING)
        while True:
            status = SERVING if models.ready() else NOT_SERVING
            for name in (PREDICTION, f"{PACKAGE}.{PREDICTION}"):
                await servicer.set(name, status)
            await asyncio.sleep(options.health_seconds)

    return servicer, asyncio.create_task(watch())


async def _end_health(servicer: Any, watching: asyncio.Task[None]) -> None:
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    await servicer.enter_graceful_shutdown()


def _not_listening(address: str) -> UsageError:
    return UsageError(
        f"gRPC cannot listen on {address}; expected a host and a port that is free and open to this user, "
        "and with TLS a key that fits its certificate"
    )
