"""When somebody should look: Prometheus rules for our server and for the stock one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tfclassify.servable.bundle.sizes import Needs

Series = tuple[str, str]
ERROR_SHARE, DRIFT = 0.01, 0.25
FAULTS = "INTERNAL|UNKNOWN|DATA_LOSS|UNAVAILABLE|DEADLINE_EXCEEDED|RESOURCE_EXHAUSTED"
GROWING, STEADY = "0+60x240", "0+0x240"


@dataclass(frozen=True)
class Alert:
    """A rule, and series under which it fires.

    Attributes:
        name: of the alert.
        expression: PromQL that gives something when all is not well.
        wait: how long that has to last, as Prometheus writes time.
        severity: ``page`` where users are refused, else ``ticket``.
        summary: what is the matter.
        advice: what to do first.
        series: that make it fire, with values as ``promtool test rules`` writes them, one a minute.
        labels: of the alert that they cause, but those that every alert has.
        keep: how long it stays after the reason went; empty: not at all.
    """

    name: str
    expression: str
    wait: str
    severity: str
    summary: str
    advice: str
    series: tuple[Series, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    keep: str = ""


def rules_document(groups: Mapping[str, Sequence[Alert]], model: str) -> dict[str, Any]:
    """Returns the file of rules: one group per server."""
    written = [{"name": name, "rules": [_rule(each, model) for each in alerts]} for name, alerts in groups.items()]
    return {"groups": written}


def own_alerts(needs: Needs, *, model: str, job: str) -> tuple[Alert, ...]:
    """Returns the alerts of our own server.

    Args:
        needs: of a server, for what is slow.
        model: as requests name it; plain letters.
        job: under which Prometheus asks the server.
    """
    of_model, of_job = f'job="{job}",model="{model}"', f'job="{job}"'
    return (
        _down("Tfclassify", job),
        Alert(
            "TfclassifyHighErrorRate",
            f'sum by (model) (rate(tfclassify_requests_total{{{of_model},code=~"5.."}}[5m]))\n'
            f"  / sum by (model) (rate(tfclassify_requests_total{{{of_model}}}[5m])) > {ERROR_SHARE}",
            "10m",
            "page",
            f"More than {ERROR_SHARE:.0%} of the requests to {model} fail",
            "Read the server's log for request_id and error_code; go back to the version before if it began with one.",
            (
                (f'tfclassify_requests_total{{{of_model},code="500"}}', GROWING),
                (f'tfclassify_requests_total{{{of_model},code="200"}}', GROWING),
            ),
        ),
        Alert(
            "TfclassifyHighLatencyP99",
            _quantile("tfclassify_request_duration_seconds", of_model, needs.slow_seconds),
            "10m",
            "ticket",
            f"One request to {model} in a hundred takes over {needs.slow_seconds:g} s",
            "Compare queue and inference time: a long queue wants more pods, a long inference more cores.",
            _slow("tfclassify_request_duration_seconds", of_model, needs.slow_seconds),
        ),
        Alert(
            "TfclassifySaturated",
            f'sum by (job) (rate(tfclassify_rejected_total{{{of_job},reason="queue_full"}}[5m])) > 0',
            "5m",
            "ticket",
            f"Requests to {model} are refused because the queue is full",
            "More pods; or larger batches where the cores are not busy.",
            ((f'tfclassify_rejected_total{{{of_job},reason="queue_full"}}', GROWING),),
            {"job": job},
        ),
        *_own_model_alerts(model, of_model, of_job),
    )


def stock_alerts(needs: Needs, *, model: str, job: str) -> tuple[Alert, ...]:
    """Returns the alerts of TensorFlow Serving, by the metrics that it has."""
    of_model = f'job="{job}",model_name="{model}"'
    counted = ":tensorflow:serving:request_count"
    return (
        _down("TensorFlowServing", job),
        Alert(
            "TensorFlowServingHighErrorRate",
            f'sum by (model_name) (rate({counted}{{{of_model},status=~"{FAULTS}"}}[5m]))\n'
            f"  / sum by (model_name) (rate({counted}{{{of_model}}}[5m])) > {ERROR_SHARE}",
            "10m",
            "page",
            f"More than {ERROR_SHARE:.0%} of the requests to {model} fail",
            "Read the server's log; go back to the version before if it began with one.",
            (
                (f'{counted}{{{of_model},status="UNAVAILABLE"}}', GROWING),
                (f'{counted}{{{of_model},status="OK"}}', GROWING),
            ),
            {"model_name": model},
        ),
        Alert(
            "TensorFlowServingHighLatencyP99",
            _quantile(":tensorflow:serving:request_latency", of_model, 1e6 * needs.slow_seconds, by="model_name"),
            "10m",
            "ticket",
            f"One request to {model} in a hundred takes over {needs.slow_seconds:g} s",
            "More pods, or smaller batches.",
            _slow(":tensorflow:serving:request_latency", of_model, 1e6 * needs.slow_seconds),
            {"model_name": model},
        ),
    )


def _own_model_alerts(model: str, of_model: str, of_job: str) -> tuple[Alert, ...]:
    reloaded = f"tfclassify_model_last_reload_successful{{{of_model}}}"
    drift = f'tfclassify_drift_score{{{of_job},test="psi",feature="FEATURE"}}'
    return (
        Alert(
            "TfclassifyReloadFailed",
            f"min by (model) ({reloaded}) == 0",
            "5m",
            "ticket",
            f"A new version of {model} could not be loaded; the one before still answers",
            "Ask /v1/models for the error; export again under a new number, never over an old one.",
            ((reloaded, "0x240"),),
        ),
        *(
            Alert(
                f"Tfclassify{feature.title()}Drift",
                f"max by (feature) ({drift.replace('FEATURE', feature)}) > {DRIFT}",
                "1h",
                "ticket",
                f"The {noun} of {model} are not those of its training any more",
                "Label a sample of recent texts and evaluate on it first; drift is not yet a worse answer.",
                ((drift.replace("FEATURE", feature), "0.4x240"),),
                {"feature": feature},
                "30m",
            )
            for feature, noun in (("label", "labels"), ("confidence", "confidences"))
        ),
    )


def _down(server: str, job: str) -> Alert:
    return Alert(
        f"{server}Down",
        f'up{{job="{job}"}} == 0',
        "2m",
        "page",
        f"A server of {job} does not answer",
        "kubectl describe pod; a pod that was killed for its memory needs a higher limit.",
        ((f'up{{job="{job}",instance="one"}}', "0x240"),),
        {"job": job, "instance": "one"},
    )


def _quantile(histogram: str, selector: str, most: float, *, by: str = "model") -> str:
    return f"histogram_quantile(0.99, sum by (le, {by}) (rate({histogram}_bucket{{{selector}}}[5m]))) > {most:g}"


def _slow(histogram: str, selector: str, most: float) -> tuple[Series, ...]:
    """Returns a histogram all of whose requests took longer, in a bucket that has an end."""
    edges = ((f"{most:g}", STEADY), (f"{4 * most:g}", GROWING), ("+Inf", GROWING))
    return tuple((f'{histogram}_bucket{{{selector},le="{edge}"}}', values) for edge, values in edges)


def _rule(alert: Alert, model: str) -> dict[str, Any]:
    kept = {"keep_firing_for": alert.keep} if alert.keep else {}
    return {
        "alert": alert.name,
        "expr": alert.expression,
        "for": alert.wait,
        **kept,
        "labels": {"severity": alert.severity, "model": model},
        "annotations": {"summary": alert.summary, "description": alert.advice},
    }
