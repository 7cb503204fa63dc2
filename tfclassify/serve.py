"""``serve``: answers requests, as TensorFlow Serving does and with what it lacks: batching, keys, limits, a drain."""

from __future__ import annotations

if __name__ == "__main__":
    # Before anything heavy is imported: help must not wait for TensorFlow.
    from tfclassify.command_line import main

    raise SystemExit(main("serve"))

import gc
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

from tfclassify.display import SILENT, Display
from tfclassify.errors import UsageError
from tfclassify.hardware import check_processor
from tfclassify.runs import named_run
from tfclassify.serving.batching import BatchingOptions
from tfclassify.serving.grpc_services import GrpcOptions
from tfclassify.serving.guard import GuardOptions, TokenRules
from tfclassify.serving.rest.options import RestOptions
from tfclassify.serving.rest.transport import Tls
from tfclassify.serving.server import ModelOptions, Server, ServerOptions, start_server
from tfclassify.serving.server_configs import (
    MonitoringConfig,
    changed_models,
    changed_tls,
    read_batching,
    read_models,
    read_monitoring,
    read_tls,
)
from tfclassify.serving.telemetry import TelemetryOptions
from tfclassify.serving.versions import Latest, ModelConfig, find_versions
from tfclassify.settings import ServeRequest, parse
from tfclassify.settings.serving import BatchingSettings, GuardSettings, LimitSettings, TlsSettings, TokenSettings

LOOPBACK, EVERYWHERE = "127.0.0.1", ""
FOLDER = "the folder of a model, with numbered versions in it"
HURRY_SECONDS = 0.0
CORS_WITH_KEYS = ("Content-Type", "Authorization", "X-API-Key")


@dataclass(frozen=True)
class Served:
    """How a server ended: the ports it had, and which signal ended it."""

    rest_port: int | None
    grpc_port: int | None
    stopped_by: str


def serve(settings: ServeRequest | Mapping[str, Any], *, display: Display = SILENT) -> Served:
    """Serves models until it is told to stop (SIGTERM or SIGINT): then drains, and returns.

    Args:
        settings: models, ports, limits, who may ask.
        display: is told where it listens.

    Raises:
        UsageError: what is asked cannot be done: no model is named, a file is not what it should be, a port is taken.
    """
    request = parse(settings, ServeRequest)
    options = server_options(request)
    told = threading.Event()
    with _signals(told) as signals:
        server = start_server(options)
        # What was imported stays; to look through all of it for garbage, again and again, would hold up requests.
        gc.freeze()
        display.say(_listening(server, options))
        for config in without_versions(options.models.configs):
            display.say(f"{config.name} has no version in {config.base_path} yet; it answers once there is one")
        if options.host != LOOPBACK and options.guard == GuardOptions():
            display.say(
                f"anybody who reaches {options.host or 'this machine'} may ask: no keys are set (guard.keys_file=FILE)"
            )
        told.wait()
        _end(server, request, signals, told)
    return Served(server.rest_port, server.grpc_port, signals[0])


def without_versions(configs: Iterable[ModelConfig]) -> list[ModelConfig]:
    """Returns the models that have a folder, and nothing in it that a server could load."""
    return [each for each in configs if each.base_path.is_dir() and not find_versions(each.base_path).folders]


def server_options(request: ServeRequest) -> ServerOptions:
    """Returns the server that a request describes.

    Raises:
        UsageError: the request contradicts itself, or a file is not what it should be.
    """
    monitoring = MonitoringConfig(True) if request.monitoring_config_file is None else None
    monitoring = monitoring or read_monitoring(Path(str(request.monitoring_config_file)))
    check_processor(request.precision)
    models = _models(request)
    guarded = _guard(request.guard, request.tokens)
    rest = _rest(request, request.limits, monitoring, keys=guarded != GuardOptions())
    return ServerOptions(
        models=models,
        host=_host(request),
        rest_port=request.rest_api_port,
        grpc_port=request.port,
        rest=rest,
        tls=_tls(request.tls),
        grpc=_grpc(request),
        batching=_batching(request, request.batching),
        guard=guarded,
        telemetry=TelemetryOptions(tuple(config.name for config in models.configs), request.log_level),
        page=request.page,
    )


def _models(request: ServeRequest) -> ModelOptions:
    configs, changed = _configs(request)
    return ModelOptions(
        configs=configs,
        changed_configs=changed,
        config_poll_seconds=float(request.model_config_file_poll_wait_seconds),
        poll_seconds=request.file_system_poll_wait_seconds,
        max_load_retries=request.max_num_load_retries,
        load_retry_seconds=request.load_retry_interval_micros / 1e6,
        labels_for_unavailable=request.allow_version_labels_for_unavailable_models,
        warm_up=request.enable_model_warmup,
        timeout_seconds=request.rest_api_timeout_in_ms / 1e3,
        intra_op_threads=request.tensorflow_intra_op_parallelism,
        inter_op_threads=request.tensorflow_inter_op_parallelism,
        tags=tuple(request.saved_model_tags.split(",")),
        bfloat16=request.precision == "bfloat16",
    )


def _configs(request: ServeRequest) -> tuple[tuple[ModelConfig, ...], Callable[[], tuple[ModelConfig, ...] | None]]:
    ways = [request.models, request.model_base_path, request.model_config_file]
    if sum(way is not None for way in ways) != 1:
        raise UsageError(
            f"{sum(way is not None for way in ways)} of models, model_base_path and model_config_file are given; "
            "expected one of them, such as models=reviews:saved_models/reviews"
        )
    if request.model_config_file is not None:
        path = Path(request.model_config_file)
        return read_models(path), changed_models(path)
    if request.model_base_path is not None:
        return (_model(request.model_name, request.model_base_path),), lambda: None
    return tuple(_named(word) for word in str(request.models).split(",")), lambda: None


def _named(word: str) -> ModelConfig:
    name, separator, place = word.strip().partition(":")
    if not separator or not name or not place:
        raise UsageError(f"models has {word!r}; expected NAME:DIR, such as reviews:saved_models/reviews")
    return _model(name, place)


def _model(name: str, place: str) -> ModelConfig:
    folder = Path(os.path.expanduser(place)).absolute()
    if not folder.is_dir():
        raise UsageError(f"{place} does not exist; expected {FOLDER}")
    if (folder / "saved_model.pb").is_file():
        raise UsageError(f"{place} is one version of a model; expected {FOLDER}: {Path(place).parent}")
    if named_run(place).plan.is_file():
        raise UsageError(f"{place} is a run; expected {FOLDER}: export run={place} output=saved_models/{name} makes it")
    return ModelConfig(name, folder, Latest(1), {})


def _host(request: ServeRequest) -> str:
    if request.host is not None:
        return request.host
    return LOOPBACK if request.models is not None else EVERYWHERE


def _rest(request: ServeRequest, limits: LimitSettings, monitoring: MonitoringConfig, *, keys: bool) -> RestOptions:
    made = RestOptions(
        max_body_bytes=limits.body_bytes,
        max_depth=limits.depth,
        max_instances=limits.instances,
        max_text_characters=limits.text_characters,
        timeout_seconds=request.rest_api_timeout_in_ms / 1e3,
        header_timeout_seconds=limits.header_seconds,
        body_timeout_seconds=limits.body_seconds,
        max_connections=limits.connections,
        cors=request.rest_api_enable_cors_support,
        metrics_path=monitoring.path if monitoring.enabled else None,
        echo_errors=request.echo_errors,
    )
    return replace(made, cors_headers=CORS_WITH_KEYS) if keys else made


def _grpc(request: ServeRequest) -> GrpcOptions:
    made = GrpcOptions(max_message_bytes=request.limits.body_bytes, health=request.enable_grpc_healthcheck_service)
    if request.ssl_config_file is None:
        return made
    path = Path(request.ssl_config_file)
    return replace(made, tls=read_tls(path), changed_tls=changed_tls(path))


def _batching(request: ServeRequest, asked: BatchingSettings) -> BatchingOptions | None:
    if not request.enable_batching:
        if request.batching_parameters_file is not None:
            raise UsageError("batching_parameters_file is given, but enable_batching is false; leave one of them out")
        return None
    made = BatchingOptions(
        max_batch_rows=asked.rows,
        max_batch_bytes=asked.bytes,
        max_queue_rows=asked.queue_rows,
        max_wait_seconds=asked.wait_seconds,
        num_batch_threads=asked.threads,
    )
    if request.batching_parameters_file is None:
        return made
    read = read_batching(Path(request.batching_parameters_file))
    return replace(
        made,
        max_batch_rows=read.max_batch_size,
        max_queue_rows=read.max_batch_size * read.max_enqueued_batches,
        max_wait_seconds=read.batch_timeout_micros / 1e6,
        num_batch_threads=read.num_batch_threads or asked.threads,
        allowed_batch_sizes=read.allowed_batch_sizes,
    )


def _guard(asked: GuardSettings, tokens: TokenSettings) -> GuardOptions:
    return GuardOptions(
        keys_file=_path(asked.keys_file),
        keys_variable=asked.keys_variable,
        tokens=_tokens(tokens),
        anonymous_scopes=asked.anonymous_scopes,
        requests_per_second=asked.requests_per_second,
        burst=asked.burst,
    )


def _tokens(asked: TokenSettings) -> TokenRules | None:
    if asked == TokenSettings():
        return None
    if not asked.algorithms or asked.issuer is None or asked.audience is None:
        raise UsageError("tokens is given in part; expected algorithms, issuer and audience, and a file with a key")
    return TokenRules(
        algorithms=asked.algorithms,
        issuer=asked.issuer,
        audience=asked.audience,
        secret_file=_path(asked.secret_file),
        public_key_file=_path(asked.public_key_file),
        jwks_file=_path(asked.jwks_file),
        leeway_seconds=asked.leeway_seconds,
        scope_claim=asked.scope_claim,
    )


def _tls(asked: TlsSettings) -> Tls | None:
    certificate, key = _path(asked.certificate), _path(asked.key)
    if certificate is None and key is None and asked.client_authority is None:
        return None
    if certificate is None or key is None:
        raise UsageError("tls is given in part; expected tls.certificate=FILE and tls.key=FILE")
    return Tls(certificate, key, _path(asked.client_authority))


def _path(given: str | None) -> Path | None:
    return None if given is None else Path(os.path.expanduser(given))


def _listening(server: Server, options: ServerOptions) -> str:
    scheme, host = "https" if options.tls else "http", options.host or "0.0.0.0"  # noqa: S104 - only shown
    places = [
        *([f"REST on {scheme}://{host}:{server.rest_port}"] if server.rest_port else []),
        *([f"gRPC on {host}:{server.grpc_port}"] if server.grpc_port else []),
    ]
    return f"serving {', '.join(config.name for config in options.models.configs)}: {', '.join(places)}"


@contextmanager
def _signals(told: threading.Event) -> Iterator[list[str]]:
    """Notes the signals that end a server, and gives the process its own ways back at the end."""
    noted: list[str] = []

    def note(number: int, frame: FrameType | None) -> None:
        noted.append(signal.Signals(number).name)
        told.set()

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    # A server goes on when the terminal it was started from is closed.
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(server: Server, request: ServeRequest, signals: list[str], told: threading.Event) -> None:
    """Drains and stops; a second signal cuts both short."""
    server.drain()
    told.clear()
    if len(signals) == 1 and told.wait(request.drain_seconds):
        # Somebody is in a hurry.
        server.stop(HURRY_SECONDS)
        return
    stopping = threading.Thread(target=server.stop, args=(request.grace_seconds,), name="stopping")
    stopping.start()
    while stopping.is_alive():
        stopping.join(0.1)
        if len(signals) > 1:
            server.stop(HURRY_SECONDS)
            break
    stopping.join()
