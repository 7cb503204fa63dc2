"""Metrics under TensorFlow Serving's own names, so that dashboards made for it go on working.

Two labels differ on purpose: ``model_name`` is ``unknown`` for a model that is not configured, where the stock server
takes whatever a client writes; and there is none of the metrics that are labelled with a path.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram

from tfclassify.serving.status import Code

PREFIX = ":tensorflow:serving:"
# Of these the client library would have the names end with _total.
NOT_TOTAL = (f"{PREFIX}request_count",)
MICROSECONDS = tuple(10 * 1.8**power for power in range(33))
COUNTS = tuple(2.0**power for power in range(20))
WITH_EXAMPLES = ("classify", "regress")


@dataclass(frozen=True)
class StockMetrics:
    """What is told to the stock metrics.

    Attributes:
        request: ``(model, method as the client wrote it, entrypoint, code, seconds, instances)``.
        inferred: ``(model, method, seconds)`` of a run of the model.
    """

    request: Callable[[str, str, str, Code, float, int | None], None]
    inferred: Callable[[str, str, float], None]


def stock_metrics(registry: CollectorRegistry) -> StockMetrics:
    """Makes the metrics in a registry."""
    count = Counter(f"{PREFIX}request_count", "Requests.", ("model_name", "status"), registry=registry)
    latency = Histogram(
        f"{PREFIX}request_latency",
        "Time of requests that were answered, in microseconds.",
        ("model_name", "API", "entrypoint"),
        buckets=MICROSECONDS,
        registry=registry,
    )
    runtime = Histogram(
        f"{PREFIX}runtime_latency",
        "Time of runs of the model, in microseconds.",
        ("model_name", "API", "runtime"),
        buckets=MICROSECONDS,
        registry=registry,
    )
    examples = Histogram(
        f"{PREFIX}request_example_counts", "Examples in a request.", ("model",), buckets=COUNTS, registry=registry
    )
    total = Counter(f"{PREFIX}request_example_count", "Examples in all requests.", ("model",), registry=registry)

    def request(model: str, method: str, entrypoint: str, code: Code, seconds: float, instances: int | None) -> None:
        count.labels(model, code.name).inc()
        if code is not Code.OK:
            return
        latency.labels(model, method, entrypoint).observe(seconds * 1e6)
        if method.lower() in WITH_EXAMPLES and instances is not None:
            examples.labels(model).observe(instances)
            total.labels(model).inc(instances)

    def inferred(model: str, method: str, seconds: float) -> None:
        runtime.labels(model, method, "TF1").observe(seconds * 1e6)

    return StockMetrics(request, inferred)


def with_stock_names(text: bytes) -> bytes:
    """Takes off the text of metrics what the client library has put behind the stock names."""
    for name in NOT_TOTAL:
        text = text.replace(f"{name}_total".encode(), name.encode())
    return text
