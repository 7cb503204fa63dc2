"""A Grafana dashboard: what is asked, how fast it is answered, what the answers are, and whether they drift."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tfclassify.servable.bundle.panels import OF_MODEL, ROWS, Panel

SCHEMA = 39  # Grafana 11; older and newer ones convert it
COLUMNS, HEIGHT = 24, 8
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def dashboard(*, served: str, dns: str) -> dict[str, Any]:
    """Returns the dashboard as Grafana imports it.

    Args:
        served: the model that it opens with; plain letters.
        dns: the name for its address.
    """
    return {
        "uid": dns,
        "title": f"{served}: text classifier",
        "tags": ["tfclassify"],
        "schemaVersion": SCHEMA,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "graphTooltip": 1,
        "templating": {"list": list(_variables(served))},
        "annotations": {"list": [_loads()]},
        "panels": list(_placed(ROWS)),
    }


def _variables(served: str) -> Iterator[dict[str, Any]]:
    yield {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}
    yield _variable("model", "Model", "label_values(tfclassify_requests_total, model)", served)
    yield {
        **_variable("job", "Job", 'label_values(tfclassify_requests_total{model="$model"}, job)', "$__all"),
        "includeAll": True,
        "multi": True,
    }
    stock = "label_values(:tensorflow:serving:request_count, model_name)"
    yield _variable("stock_model", "Model (TensorFlow Serving)", stock, served)


def _variable(name: str, label: str, query: str, value: str) -> dict[str, Any]:
    shown = "All" if value == "$__all" else value
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "current": {"text": shown, "value": value},
        "refresh": 2,
        "sort": 1,
    }


def _loads() -> dict[str, Any]:
    """Returns a mark in every picture where a version was loaded."""
    return {
        "name": "Version loaded",
        "datasource": SOURCE,
        "enable": True,
        "iconColor": "blue",
        "expr": f"changes(tfclassify_model_last_reload_success_timestamp_seconds{{{OF_MODEL}}}[1m]) > 0",
        "titleFormat": "Version loaded",
    }


def _placed(rows: Sequence[tuple[str, Sequence[Panel]]]) -> Iterator[dict[str, Any]]:
    """Gives the panels row by row, each where the one before ends."""
    top, number = 0, 0
    for title, panels in rows:
        number += 1
        place = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
        yield {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}
        top, left = top + 1, 0
        for panel in panels:
            if left + panel.width > COLUMNS:
                top, left = top + HEIGHT, 0
            number += 1
            yield {"id": number, "gridPos": {"x": left, "y": top, "w": panel.width, "h": HEIGHT}, **_drawn(panel)}
            left += panel.width
        top += HEIGHT


def _drawn(panel: Panel) -> dict[str, Any]:
    custom = {"fillOpacity": 30, "stacking": {"mode": "normal"}} if panel.stacked else {"fillOpacity": 8}
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.said,
        "datasource": SOURCE,
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, "custom": custom if panel.kind == "timeseries" else {}},
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}} if panel.kind == "timeseries" else {},
        "targets": [
            _target(query, words, letter) for (query, words), letter in zip(panel.queries, "ABCDEF", strict=False)
        ],
    }


def _target(query: str, words: str, letter: str) -> dict[str, Any]:
    return {"datasource": SOURCE, "expr": query, "legendFormat": words, "refId": letter}
