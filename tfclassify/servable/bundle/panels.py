"""The panels of the dashboard: what each asks Prometheus, and how it is drawn."""

from __future__ import annotations

from dataclasses import dataclass

OF_MODEL = 'job=~"$job",model="$model"'
OF_JOB = 'job=~"$job"'
OF_STOCK = 'model_name="$stock_model"'
QUANTILES = (0.5, 0.9, 0.99)


@dataclass(frozen=True)
class Panel:
    """One picture.

    Attributes:
        title: above it.
        queries: PromQL and the words of its legend.
        unit: Grafana's name of it.
        width: of 24 columns.
        kind: Grafana's name of the picture.
        stacked: whether the areas stand on each other.
        said: what it means, for whoever points at it.
    """

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    width: int = 8
    kind: str = "timeseries"
    stacked: bool = False
    said: str = ""


def _quantiles(histogram: str, selector: str) -> tuple[tuple[str, str], ...]:
    of_each = f"sum by (le) (rate({histogram}_bucket{{{selector}}}[$__rate_interval]))"
    return tuple((f"histogram_quantile({share}, {of_each})", f"p{100 * share:g}") for share in QUANTILES)


def _rate(counter: str, selector: str, by: str) -> str:
    return f"sum by ({by}) (rate({counter}{{{selector}}}[$__rate_interval]))"


def _mean(histogram: str, selector: str) -> str:
    total, count = (f"sum(rate({histogram}_{part}{{{selector}}}[$__rate_interval]))" for part in ("sum", "count"))
    return f"{total} / {count}"


def _share(counter: str, selector: str, bad: str) -> str:
    part, whole = (f"sum(rate({counter}{{{each}}}[$__rate_interval]))" for each in (f"{selector},{bad}", selector))
    return f"({part} or vector(0)) / {whole}"


STOCK = ":tensorflow:serving:"
ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    (
        "Requests",
        (
            Panel(
                "Requests", ((_rate("tfclassify_requests_total", OF_MODEL, "code"), "{{code}}"),), "reqps", stacked=True
            ),
            Panel(
                "Share of errors",
                (
                    (_share("tfclassify_requests_total", OF_MODEL, 'code=~"5.."'), "the server's (5xx)"),
                    (_share("tfclassify_requests_total", OF_MODEL, 'code=~"4.."'), "the clients' (4xx)"),
                ),
                "percentunit",
            ),
            Panel("Time of a request", _quantiles("tfclassify_request_duration_seconds", OF_MODEL), "s"),
        ),
    ),
    (
        "Work",
        (
            Panel("Time in the queue", _quantiles("tfclassify_queue_duration_seconds", OF_JOB), "s", 6),
            Panel("Time of a batch", _quantiles("tfclassify_inference_duration_seconds", OF_JOB), "s", 6),
            Panel(
                "Rows of a batch",
                (*_quantiles("tfclassify_batch_size", OF_JOB), (_mean("tfclassify_batch_size", OF_JOB), "mean")),
                "short",
                6,
            ),
            Panel(
                "Waiting and in flight",
                (
                    (f"sum(tfclassify_queue_depth{{{OF_JOB}}})", "waiting"),
                    (f"sum(tfclassify_in_flight_requests{{{OF_JOB}}})", "in flight"),
                ),
                "short",
                6,
            ),
            Panel("Refused", ((_rate("tfclassify_rejected_total", OF_JOB, "reason"), "{{reason}}"),), "reqps", 6),
            Panel("Tokens of a text", _quantiles("tfclassify_input_tokens", OF_JOB), "short", 6),
            Panel("Texts cut", ((_rate("tfclassify_truncated_inputs_total", OF_JOB, "job"), "{{job}}"),), "cps", 6),
            Panel("Memory", ((f"process_resident_memory_bytes{{{OF_JOB}}}", "{{instance}}"),), "bytes", 6),
        ),
    ),
    (
        "Answers",
        (
            Panel(
                "Labels given",
                ((_rate("tfclassify_predictions_total", OF_JOB, "label"), "{{label}}"),),
                "cps",
                12,
                stacked=True,
            ),
            Panel(
                "Routes",
                ((_rate("tfclassify_answers_total", OF_JOB, "route"), "{{route}}"),),
                "cps",
                12,
                stacked=True,
                said="What answered: a rule, the baseline, an early exit, some windows, or the full network.",
            ),
            Panel(
                "Confidence",
                (
                    *_quantiles("tfclassify_prediction_confidence", OF_JOB),
                    (_mean("tfclassify_prediction_confidence", OF_JOB), "mean"),
                ),
                "percentunit",
                6,
            ),
            Panel(
                "Drift",
                ((f"max by (feature, test) (tfclassify_drift_score{{{OF_JOB}}})", "{{feature}} ({{test}})"),),
                "short",
                6,
                said="How far recent requests are from the training's. An alert above 0.25 of PSI.",
            ),
        ),
    ),
    (
        "Versions",
        (
            Panel(
                "Last reload went well",
                ((f"min by (model) (tfclassify_model_last_reload_successful{{{OF_MODEL}}})", "{{model}}"),),
                "bool_yes_no",
                6,
                "stat",
            ),
            Panel(
                "Since the last reload",
                ((f"time() - max(tfclassify_model_last_reload_success_timestamp_seconds{{{OF_MODEL}}})", "age"),),
                "s",
                6,
                "stat",
            ),
            Panel(
                "Requests by version",
                ((_rate("tfclassify_requests_total", OF_MODEL, "version"), "{{version}}"),),
                "reqps",
                6,
            ),
            Panel(
                "Builds",
                (
                    (
                        f"count by (version, tf_version) (tfclassify_build_info{{{OF_JOB}}})",
                        "{{version}}, TensorFlow {{tf_version}}",
                    ),
                ),
                "short",
                6,
                "stat",
            ),
        ),
    ),
    (
        "TensorFlow Serving",
        (
            Panel(
                "Requests", ((_rate(f"{STOCK}request_count", OF_STOCK, "status"), "{{status}}"),), "reqps", stacked=True
            ),
            Panel(
                "Share that was not OK",
                ((_share(f"{STOCK}request_count", OF_STOCK, 'status!="OK"'), "not OK"),),
                "percentunit",
            ),
            Panel("Time of a request", _quantiles(f"{STOCK}request_latency", OF_STOCK), "µs"),
        ),
    ),
)
