"""What is told of a server: metrics, and lines of a log."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from tfclassify.errors import UsageError
from tfclassify.serving.guard.scopes import Caller
from tfclassify.serving.status import Code
from tfclassify.serving.telemetry.logs import Logs, about_texts, hashed, open_logs, request_id_of, traceparent_of
from tfclassify.serving.telemetry.metrics import Metrics, new_metrics, silent_metrics
from tfclassify.serving.telemetry.names import Served

__all__ = ["Telemetry", "TelemetryOptions", "request_id_of", "silent_telemetry", "telemetry", "traceparent_of"]

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
# Events that say something went wrong; the others are told as they go.
WRONG = {
    "load_failed": logging.ERROR,
    "internal_error": logging.ERROR,
    "base_path_unreadable": logging.WARNING,
    "base_path_emptied": logging.WARNING,
    "version_doubled": logging.WARNING,
    "connections_limited": logging.WARNING,
}
LEAST_KEY_BYTES = 16
SERVER_FAULT = 500


@dataclass(frozen=True)
class Telemetry:
    """Whom to tell; each may be called from any thread and raises nothing of a client's making.

    Attributes:
        request: of a request that was answered, by name: ``model, version, method, entrypoint ("REST"|"GRPC"),
            code, http_status, seconds, queue_seconds, batch_rows, instances, bytes_in, request_id, traceparent,
            caller``, and where they are known ``route`` (the template) and ``texts``.
        event: ``(name, fields)`` of what became of the server and its models.
        rejected: ``(reason)`` why a request was turned away.
        exposition: the metrics as text.
        observe: more of what can be counted.
        close: writes the lines that wait.
    """

    request: Callable[..., None]
    event: Callable[[str, Mapping[str, Any]], None]
    rejected: Callable[[str], None]
    exposition: Callable[[], bytes]
    observe: Metrics
    close: Callable[[], None]


@dataclass(frozen=True)
class TelemetryOptions:
    """What is told, and how.

    Attributes:
        models: names of the configured models, the only ones that become labels of metrics.
        level: of the log: debug, info, warning or error. A request is info, or error where the server was at fault.
        text_key: says that lengths and keyed hashes of texts are logged, and with which key.
    """

    models: tuple[str, ...] = ()
    level: str = "info"
    text_key: bytes | None = None


def telemetry(options: TelemetryOptions, *, stream: TextIO | None = None) -> Telemetry:
    """Opens the log and makes the metrics.

    Raises:
        UsageError: the level is none, or the key is too short to keep what it hashes to itself.
    """
    if options.level not in LEVELS:
        raise UsageError(f"no log level '{options.level}'; levels: {', '.join(LEVELS)}")
    if options.text_key is not None and len(options.text_key) < LEAST_KEY_BYTES:
        raise UsageError(
            f"the key for hashes of texts has {len(options.text_key)} bytes; expected at least {LEAST_KEY_BYTES}"
        )
    served = Served(options.models)
    counted = new_metrics(served)
    opened = open_logs(level=LEVELS[options.level], stream=stream)

    def event(name: str, fields: Mapping[str, Any]) -> None:
        counted.event(name, fields)
        opened.log(WRONG.get(name, logging.INFO), name, dict(fields))

    return Telemetry(
        request=_requests(counted, opened, served, text_key=options.text_key),
        event=event,
        rejected=counted.rejected,
        exposition=counted.exposition,
        observe=counted,
        close=opened.close,
    )


def silent_telemetry() -> Telemetry:
    """Makes telemetry that tells nobody."""
    quiet = silent_metrics()
    return Telemetry(quiet.request, quiet.event, quiet.rejected, quiet.exposition, quiet, close=quiet.request)


def _requests(counted: Metrics, opened: Logs, served: Served, *, text_key: bytes | None) -> Callable[..., None]:
    # Hashes of callers are for telling them apart in one log, so their key need not outlive the process.
    callers_key = os.urandom(LEAST_KEY_BYTES)

    def request(
        *,
        model: str | None,
        code: Code,
        http_status: int,
        seconds: float,
        queue_seconds: float | None = None,
        batch_rows: int | None = None,
        instances: int | None = None,
        request_id: str | None = None,
        traceparent: str | None = None,
        caller: Caller | None = None,
        texts: Sequence[str | bytes] | None = None,
        **known: Any,
    ) -> None:
        name = served.model(model)
        counted.request(**known, model=name, code=code, http_status=http_status, seconds=seconds, instances=instances)
        fields = {
            "request_id": request_id_of(request_id),
            "traceparent": traceparent_of(traceparent),
            **known,
            # What a client wrote for a model that is not there is a part of the path, and stays out.
            "model": name,
            "status": http_status,
            "duration_ms": _milliseconds(seconds),
            "queue_ms": _milliseconds(queue_seconds),
            "batch_size": batch_rows,
            "n_instances": instances,
            "client": None if caller is None else _client(caller, callers_key),
            "error_code": None if code is Code.OK else code.name,
        }
        if texts is not None and text_key is not None:
            fields |= about_texts(texts, text_key)
        opened.log(logging.ERROR if http_status >= SERVER_FAULT else logging.INFO, "request", fields)

    return request


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1e3, 3)


def _client(caller: Caller, key: bytes) -> str:
    # The name of a key was chosen by who runs the server; a token's subject may be a person's.
    kind, separator, subject = caller.name.partition(":")
    return f"{kind}:{hashed(subject, key)}" if separator else caller.name
