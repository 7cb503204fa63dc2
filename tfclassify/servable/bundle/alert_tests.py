"""Unit tests of the alert rules, for ``promtool test rules``: each fires when it should, none when all is well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tfclassify.servable.bundle.alerts import GROWING, STEADY, Alert, Series

# Long after what has to last for minutes, and what has to last for an hour.
SOON, LATE = "30m", "100m"
# A metric whose least value is the good one, and one whose greatest is.
GOOD = {"up": "1x240", "tfclassify_model_last_reload_successful": "1x240", "tfclassify_drift_score": "0.02x240"}


def alert_tests(alerts: Sequence[Alert], *, model: str, rules: str) -> dict[str, Any]:
    """Returns the file of tests.

    Args:
        alerts: all of the rules.
        model: the label that every alert has.
        rules: name of the file of rules, beside this one.
    """
    well = {name: _well(name, values) for alert in alerts for name, values in alert.series}
    return {
        "rule_files": [rules],
        "evaluation_interval": "1m",
        "tests": [
            *(_test(f"{alert.name} fires", alert.series, [_fired(alert, model)]) for alert in alerts),
            _test("none fires when all is well", well.items(), [_silent(alert) for alert in alerts]),
        ],
    }


def _test(name: str, series: Iterable[Series], expected: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": each, "values": values} for each, values in series],
        "alert_rule_test": list(expected),
    }


def _fired(alert: Alert, model: str) -> dict[str, Any]:
    labels = {"severity": alert.severity, "model": model, **alert.labels}
    annotations = {"summary": alert.summary, "description": alert.advice}
    return {
        "eval_time": LATE if alert.wait.endswith("h") else SOON,
        "alertname": alert.name,
        "exp_alerts": [{"exp_labels": labels, "exp_annotations": annotations}],
    }


def _silent(alert: Alert) -> dict[str, Any]:
    return {"eval_time": LATE, "alertname": alert.name, "exp_alerts": []}


def _well(series: str, bad: str) -> str:
    """Returns values of the same series under which nothing should fire."""
    if "_bucket{" in series or "_latency_bucket{" in series:
        return GROWING
    if bad == GROWING:
        return GROWING if 'code="200"' in series or 'status="OK"' in series else STEADY
    return GOOD[series.partition("{")[0]]
