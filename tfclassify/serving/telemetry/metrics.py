"""Metrics for Prometheus, in a registry of their own: the stock server's and ours."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from importlib import metadata
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    Metric,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.registry import Collector

from tfclassify.serving.status import Code
from tfclassify.serving.telemetry.names import OTHER, UNKNOWN, Served, method_name, reason_name, route_name
from tfclassify.serving.telemetry.stock_metrics import StockMetrics, stock_metrics, with_stock_names

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SHORT_SECONDS = (0.0005, 0.001, 0.0025, *SECONDS)
LOAD_SECONDS = (0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
TOKENS = (8, 16, 32, 64, 128, 256, 512, 1024)
SCORES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
MOST_LABELS = 1000
CREATED = "_created"


@dataclass(frozen=True)
class Metrics:
    """What is told to the metrics; each may be called from any thread.

    Attributes:
        request: as ``Telemetry.request``, by name.
        event: ``(name, fields)``; what becomes of versions is counted.
        rejected: ``(reason)``.
        batch: ``(model, mean queue seconds, rows, share of padding, run seconds)``.
        in_flight: ``(+1 or -1)`` as a request begins or ends.
        queue_depth: ``(rows that wait)``.
        predicted: ``(labels, scores)`` of N answers.
        routes: ``(model, texts by route)`` of the answers to a request.
        tokens: ``(tokens, whether the text was cut)`` of one text.
        drift: ``(feature, test, score)``.
        exposition: the text.
    """

    request: Callable[..., None]
    event: Callable[[str, Mapping[str, Any]], None]
    rejected: Callable[[str], None]
    batch: Callable[[str, float, int, float, float], None]
    in_flight: Callable[[int], None]
    queue_depth: Callable[[int], None]
    predicted: Callable[[Sequence[str], Sequence[float]], None]
    routes: Callable[[str, Mapping[bytes, int]], None]
    tokens: Callable[[int, bool], None]
    drift: Callable[[str, str, float], None]
    exposition: Callable[[], bytes]


def new_metrics(served: Served) -> Metrics:
    """Makes the metrics of a server.

    Args:
        served: the configured models, whose names are the only ones that become labels.
    """
    registry = CollectorRegistry()
    stock = stock_metrics(registry)
    _describe_build(registry)
    in_flight = Gauge("tfclassify_in_flight_requests", "Requests that are being answered.", registry=registry)
    depth = Gauge("tfclassify_queue_depth", "Rows that wait for a batch.", registry=registry)
    rejected = Counter("tfclassify_rejected", "Requests turned away.", ("reason",), registry=registry)
    drift = Gauge("tfclassify_drift_score", "Drift from the profile.", ("feature", "test"), registry=registry)
    return Metrics(
        request=_requests(registry, served, stock),
        event=_events(registry, served),
        rejected=lambda reason: rejected.labels(reason_name(reason)).inc(),
        batch=_batches(registry, served, stock),
        in_flight=in_flight.inc,
        queue_depth=depth.set,
        predicted=_predictions(registry),
        routes=_routes(registry, served),
        tokens=_tokens(registry),
        drift=lambda feature, test, score: drift.labels(feature, test).set(score),
        exposition=lambda: with_stock_names(generate_latest(_Kept(registry))),
    )


class _Kept(Collector):
    """A registry without the times at which its metrics were made, which the text format has no place for."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith(CREATED)]
            yield metric


def _describe_build(registry: CollectorRegistry) -> None:
    build = Info("tfclassify_build", "Versions of the server.", registry=registry)
    build.info({"version": _version("tfclassify"), "tf_version": _version("tensorflow")})
    ProcessCollector(registry=registry)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return UNKNOWN


def _requests(registry: CollectorRegistry, served: Served, stock: StockMetrics) -> Callable[..., None]:
    total = Counter("tfclassify_requests", "Requests.", ("model", "version", "method", "code"), registry=registry)
    duration = Histogram(
        "tfclassify_request_duration_seconds",
        "Time of requests.",
        ("model", "method"),
        buckets=SECONDS,
        registry=registry,
    )

    def request(
        *,
        model: Any,
        version: Any,
        method: str,
        entrypoint: str,
        code: Code,
        http_status: int,
        seconds: float,
        instances: int | None = None,
        **_: Any,
    ) -> None:
        name, ours = served.model(model), method_name(method)
        # The stock server's methods are written in two ways, of which clients cannot choose a third.
        stock.request(name, method if ours != OTHER else OTHER, entrypoint, code, seconds, instances)
        known = served.version(model, version, exists=code is Code.OK)
        total.labels(name, known, ours, str(http_status)).inc()
        duration.labels(name, ours).observe(seconds)

    return request


def _batches(
    registry: CollectorRegistry, served: Served, stock: StockMetrics
) -> Callable[[str, float, int, float, float], None]:
    queue = Histogram(
        "tfclassify_queue_duration_seconds",
        "Time that rows waited for their batch, on average over it.",
        ("model",),
        buckets=SHORT_SECONDS,
        registry=registry,
    )
    rows_of = Histogram("tfclassify_batch_size", "Rows in a batch.", ("model",), buckets=ROWS, registry=registry)
    run = Histogram(
        "tfclassify_inference_duration_seconds",
        "Time of runs of the model.",
        ("model",),
        buckets=SHORT_SECONDS,
        registry=registry,
    )

    def batch(model: str, queue_seconds: float, rows: int, padding: float, seconds: float) -> None:
        name = served.model(model)
        queue.labels(name).observe(queue_seconds)
        rows_of.labels(name).observe(rows)
        run.labels(name).observe(seconds)
        # Rows of several requests run together; the stock server calls a run by the request that it is most for.
        stock.inferred(name, "Predict", seconds)

    return batch


def _events(registry: CollectorRegistry, served: Served) -> Callable[[str, Mapping[str, Any]], None]:
    load = Histogram(
        "tfclassify_model_load_duration_seconds",
        "Time until a version could answer.",
        ("model",),
        buckets=LOAD_SECONDS,
        registry=registry,
    )
    successful = Gauge(
        "tfclassify_model_last_reload_successful",
        "1 when the last load went well, else 0.",
        ("model",),
        registry=registry,
    )
    at = Gauge(
        "tfclassify_model_last_reload_success_timestamp_seconds",
        "When a load last went well, since 1970.",
        ("model",),
        registry=registry,
    )

    def event(name: str, about: Mapping[str, Any]) -> None:
        if name == "reconfigured":
            served.configure(about.get("models", ()))
        model = served.model(about.get("model"))
        if name == "version_available":
            served.version(model, about.get("version"), exists=True)
            load.labels(model).observe(about.get("seconds", 0.0))
            successful.labels(model).set(1)
            at.labels(model).set(time.time())
        if name == "load_failed":
            successful.labels(model).set(0)

    return event


def _predictions(registry: CollectorRegistry) -> Callable[[Sequence[str], Sequence[float]], None]:
    total = Counter("tfclassify_predictions", "Answers by their label.", ("label",), registry=registry)
    confidence = Histogram(
        "tfclassify_prediction_confidence", "Scores of the labels given.", buckets=SCORES, registry=registry
    )
    seen: set[str] = set()

    def predicted(labels: Sequence[str], scores: Sequence[float]) -> None:
        for label, score in zip(labels, scores, strict=True):
            if len(seen) < MOST_LABELS:
                seen.add(label)
            total.labels(label if label in seen else OTHER).inc()
            confidence.observe(score)

    return predicted


def _routes(registry: CollectorRegistry, served: Served) -> Callable[[str, Mapping[bytes, int]], None]:
    total = Counter("tfclassify_answers", "Texts answered, by their route.", ("model", "route"), registry=registry)

    def routes(model: str, texts: Mapping[bytes, int]) -> None:
        for route, count in texts.items():
            total.labels(served.model(model), route_name(route)).inc(count)

    return routes


def _tokens(registry: CollectorRegistry) -> Callable[[int, bool], None]:
    length = Histogram("tfclassify_input_tokens", "Tokens of a text.", buckets=TOKENS, registry=registry)
    truncated = Counter("tfclassify_truncated_inputs", "Texts that lost tokens.", registry=registry)

    def tokens(count: int, cut: bool) -> None:
        length.observe(count)
        truncated.inc(cut)

    return tokens


def silent_metrics() -> Metrics:
    """Makes metrics that nobody reads."""
    quiet = {field.name: _nothing for field in fields(Metrics) if field.name != "exposition"}
    return Metrics(**quiet, exposition=bytes)


def _nothing(*_: Any, **__: Any) -> None:
    return None
