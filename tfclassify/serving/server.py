"""The whole server: models, REST and gRPC, put together, started, drained and stopped."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tfclassify.errors import UsageError
from tfclassify.serving import grpc_services
from tfclassify.serving.batching import BatchingOptions, batched
from tfclassify.serving.counted import counted
from tfclassify.serving.grpc_services import GrpcOptions
from tfclassify.serving.guard import Authorize, GuardOptions, guard
from tfclassify.serving.loaded import Loaded
from tfclassify.serving.models import ModelConfig, Models
from tfclassify.serving.open_files import room_for_connections
from tfclassify.serving.page import page
from tfclassify.serving.rest.application import application
from tfclassify.serving.rest.options import RestOptions
from tfclassify.serving.rest.transport import Tls, listen, start
from tfclassify.serving.served import Served, direct
from tfclassify.serving.session import load_saved_model
from tfclassify.serving.telemetry import Telemetry, TelemetryOptions, telemetry

DIRECT_THREADS = 4
FACTS = "servable.json"
# Of a token and the space before it, in a text of few rare words.
BYTES_PER_TOKEN = 6


@dataclass(frozen=True)
class ModelOptions:
    """How models are found, loaded and run.

    Attributes:
        configs: the models.
        changed_configs: those to serve from now on, or None where nothing has changed; asked every
            ``config_poll_seconds``, and never where that is 0.
        config_poll_seconds: between two looks.
        poll_seconds: between two looks at the folders of versions; 0 looks once.
        max_load_retries: of a version that cannot be loaded.
        load_retry_seconds: between two tries.
        labels_for_unavailable: whether a new label may name a version that is not available yet.
        warm_up: whether warm-up requests are answered first.
        timeout_seconds: of one run of a graph.
        intra_op_threads: of one op; 0 leaves it to TensorFlow.
        inter_op_threads: ops at a time; 0 leaves it to TensorFlow.
        tags: of the graph to load.
        bfloat16: whether answers are computed in it.
    """

    configs: tuple[ModelConfig, ...]
    changed_configs: Callable[[], tuple[ModelConfig, ...] | None] = lambda: None
    config_poll_seconds: float = 0.0
    poll_seconds: float = 1.0
    max_load_retries: int = 5
    load_retry_seconds: float = 60.0
    labels_for_unavailable: bool = False
    warm_up: bool = True
    timeout_seconds: float = 30.0
    intra_op_threads: int = 0
    inter_op_threads: int = 0
    tags: tuple[str, ...] = ("serve",)
    bfloat16: bool = False


@dataclass(frozen=True)
class ServerOptions:
    """A server.

    Attributes:
        models: that it serves.
        host: address to listen on; empty: every address.
        rest_port: 0 for none.
        grpc_port: 0 for none.
        rest: limits and habits of REST.
        tls: of REST.
        grpc: options of gRPC.
        batching: None runs every request on its own.
        guard: who may ask.
        telemetry: what is told.
        page: whether there is a page to try the models.
    """

    models: ModelOptions
    host: str
    rest_port: int
    grpc_port: int
    rest: RestOptions
    tls: Tls | None
    grpc: GrpcOptions
    batching: BatchingOptions | None
    guard: GuardOptions
    telemetry: TelemetryOptions
    page: bool


@dataclass(frozen=True)
class Server:
    """A server that runs.

    Attributes:
        models: that it serves.
        rest_port: that it listens on; None: no REST.
        grpc_port: that it listens on; None: no gRPC.
        drain: says from now on that it is not ready, and answers all the same.
        stop: ``(grace_seconds)``: takes no more requests, gives those in flight so long, frees the models.
    """

    models: Models
    rest_port: int | None
    grpc_port: int | None
    drain: Callable[[], None]
    stop: Callable[[float], None]


def start_server(options: ServerOptions) -> Server:
    """Starts a server: it listens at once, and answers 503 until its models are there.

    Raises:
        UsageError: an address cannot be listened on, or options contradict each other.
    """
    if not options.rest_port and not options.grpc_port:
        raise UsageError("neither a REST port nor a gRPC port is given; expected one of them above 0")
    told, draining, ended = telemetry(options.telemetry), threading.Event(), threading.Event()
    authorize = guard(options.guard)
    models = _models(options, told)

    def ready() -> bool:
        return models.ready() and not draining.is_set()

    stops: list[Callable[[float], None]] = []
    try:
        rest_port, grpc_port = _open(options, models, authorize, told, ready, stops)
    except UsageError:
        _stop_all(stops, 0.0)
        told.close()
        raise
    models.start()
    watcher = _watch(options.models, models, told, ended)

    def stop(grace_seconds: float) -> None:
        ended.set()
        draining.set()
        _stop_all(stops, grace_seconds)
        if watcher is not None:
            watcher.join()
        models.stop()
        told.close()

    return Server(models, rest_port, grpc_port, draining.set, stop)


def _open(
    options: ServerOptions,
    models: Models,
    authorize: Authorize,
    told: Telemetry,
    ready: Callable[[], bool],
    stops: list[Callable[[float], None]],
) -> tuple[int | None, int | None]:
    """Opens both ports; returns them, and adds to ``stops`` what ends them. Both are there before either answers."""
    rest_port = grpc_port = None
    with ExitStack() as undo:
        if options.rest_port:
            listener = undo.enter_context(listen(options.host, options.rest_port))
        if options.grpc_port:
            # gRPC itself would say why it cannot have a port on lines of its own.
            listen(options.host, options.grpc_port).close()
            address = f"{options.host or '[::]'}:{options.grpc_port}"
            grpc = grpc_services.serve(models, address=address, options=options.grpc, guard=authorize, telemetry=told)
            stops.append(grpc.stop)
            grpc_port = grpc.port
        if options.rest_port:
            shown = page(models, models.names) if options.page else None
            app = application(models, options.rest, guard=authorize, telemetry=told, page=shown, ready=ready)
            limited = _limited(options.rest, told)
            rest = start(app, listener, limited, tls=options.tls, rejected=told.rejected)
            stops.append(rest.stop)
            rest_port = rest.port
        undo.pop_all()
    return rest_port, grpc_port


def _limited(rest: RestOptions, told: Telemetry) -> RestOptions:
    room = room_for_connections(rest.max_connections)
    if room < rest.max_connections:
        told.event("connections_limited", {"connections": room, "reason": "the limit of open files"})
    return replace(rest, max_connections=room)


def _models(options: ServerOptions, told: Telemetry) -> Models:
    asked = options.models
    return Models(
        asked.configs,
        load=partial(_load, asked),
        wrap=partial(_wrap, options.batching, told),
        events=told.event,
        watched=partial(_counted, told),
        poll_seconds=asked.poll_seconds,
        max_load_retries=asked.max_load_retries,
        load_retry_seconds=asked.load_retry_seconds,
        allow_labels_for_unavailable=asked.labels_for_unavailable,
        replay_warm_up=asked.warm_up,
        # S34: a server whose folders are emptied by accident goes on with what it has, and says so.
        keep_when_emptied=True,
    )


def _load(asked: ModelOptions, folder: Path, name: str, version: int) -> Loaded:
    return load_saved_model(
        folder,
        name=name,
        version=version,
        timeout_seconds=asked.timeout_seconds,
        tags=asked.tags,
        intra_op_threads=asked.intra_op_threads,
        inter_op_threads=asked.inter_op_threads,
        bfloat16=asked.bfloat16,
    )


def _wrap(batching: BatchingOptions | None, told: Telemetry, loaded: Loaded, folder: Path) -> Served:
    if batching is None:
        return direct(loaded, folder, threads=DIRECT_THREADS)
    return batched(loaded, folder, _fitted(batching, folder), observe=partial(told.observe.batch, loaded.name))


def _counted(told: Telemetry, served: Served) -> Served:
    return counted(served, partial(told.observe.routes, served.loaded.name))


def _fitted(batching: BatchingOptions, folder: Path) -> BatchingOptions:
    """Returns the options for a servable, which says how much of a text it reads, and whether it pads."""
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        # Servables of before there were windows do not say how many they read.
        longest = int(facts["max_length"]) * int(facts.get("windows", 1))
        full, pads = longest * BYTES_PER_TOKEN, bool(facts["pads"])
    except (OSError, ValueError, LookupError, TypeError):
        return batching
    made = replace(batching, full_length_bytes=full, padded=pads)
    if pads or batching.allowed_batch_sizes:
        return made
    return replace(made, max_batch_rows=min(batching.max_batch_rows, max(1, batching.max_batch_bytes // full)))


def _watch(asked: ModelOptions, models: Models, told: Telemetry, ended: threading.Event) -> threading.Thread | None:
    """Looks again and again whether other models are to be served."""
    if not asked.config_poll_seconds:
        return None

    def watch() -> None:
        while not ended.wait(asked.config_poll_seconds):
            try:
                configs = asked.changed_configs()
                if configs is not None:
                    models.reconfigure(configs)
            except UsageError as error:
                # What was served is served on.
                told.event("config_refused", {"reason": str(error)})

    thread = threading.Thread(target=watch, name="config", daemon=True)
    thread.start()
    return thread


def _stop_all(stops: list[Callable[[float], None]], grace_seconds: float) -> None:
    """Stops both ports at once, or the second would go on taking requests for the first one's grace."""
    if not stops:
        return
    with ThreadPoolExecutor(len(stops)) as pool:
        for done in [pool.submit(stop, grace_seconds) for stop in stops]:
            done.result()
