"""``report.html``: one page that loads nothing, acts on nothing and can be kept, mailed and printed."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from jinja2 import Environment

from tfclassify.quality.calibration import reliability
from tfclassify.quality.metrics import confusion
from tfclassify.quality.predictions import Predictions, in_scope
from tfclassify.quality.report import formats, tables, verdict
from tfclassify.quality.report.findings import (
    ClassFigures,
    Confusion,
    class_figures,
    confusions,
    findings,
    label_decisions,
)
from tfclassify.quality.report.pictures.confusion import confusion_matrix
from tfclassify.quality.report.pictures.curves import learning_curves, series_name
from tfclassify.quality.report.pictures.drawing import Picture
from tfclassify.quality.report.pictures.lengths import length_histogram
from tfclassify.quality.report.pictures.reliability import reliability_diagram
from tfclassify.quality.report.pictures.scope import scope_histogram
from tfclassify.quality.report.pictures.shares import accuracy_strip
from tfclassify.quality.report.story import Story, best_epoch, choosing_metric, is_number, judged, section
from tfclassify.quality.report.templating import packaged, page_templates

MAX_CLASSES, MAX_CONFUSIONS, MAX_LABELS = 300, 15, 40


def page(story: Story) -> str:
    """Writes the page.

    Args:
        story: what it tells; the same story gives the same page.

    Returns:
        HTML in which texts, labels and notes are escaped, without a reference to anything outside of it. A
        Content-Security-Policy in its head forbids any load, and any script but its own few lines.

    Raises:
        ValueError: the baseline's predictions are not of the same rows.
    """
    return _environment().get_template("page.html.jinja").render(_context(story))


@cache
def _environment() -> Environment:
    return page_templates()


def _context(story: Story) -> dict[str, Any]:
    pairs = confusions(story.predictions) if story.predictions.kind != "multilabel" else []
    classes = class_figures(story, pairs)
    return {
        "story": story,
        "figures": judged(story),
        "multilabel": story.predictions.kind == "multilabel",
        "style": packaged("page.css"),
        "script": packaged("page.js"),
        "script_hash": _digest(packaged("page.js")),
        **_verdict(story),
        "findings": findings(story, classes, pairs),
        **_learning(story),
        **_errors(story.predictions, pairs),
        **_classes(classes),
        "calibration": _calibration(story.predictions),
        "scope": _scope(story.predictions),
        **_costs(story),
    }


def _verdict(story: Story) -> dict[str, Any]:
    comparison, shares = verdict.compare(story), verdict.accuracies(story)
    return {
        "headline": verdict.headline(story),
        "comparison": comparison,
        "badge": verdict.BADGES[comparison.outcome] if comparison else None,
        "comparison_sentence": verdict.comparison_sentence(story, comparison) if comparison else None,
        "caveats": verdict.caveats(story),
        "strip": accuracy_strip(shares) if shares else None,
        "tiles": tables.tiles(story, comparison),
        "splits": tables.split_table(story),
    }


def _learning(story: Story) -> dict[str, Any]:
    keys = list(dict.fromkeys(key for entry in story.history for key in entry))
    rows = [[_history_cell(key, entry.get(key)) for key in keys] for entry in story.history]
    best = best_epoch(story)
    return {
        "curves": learning_curves(story.history, best),
        "history_names": [series_name(key) for key in keys],
        "history_rows": rows,
        "best_epoch": best,
        "choosing_metric": tables.figure_name(choosing_metric(story)),
    }


def _history_cell(key: str, value: Any) -> str:
    if key == "epoch":
        return formats.count(value)
    if key == "seconds":
        return formats.seconds(value)
    return f"{value:.3g}" if key == "learning_rate" and is_number(value) else formats.decimals(value, 4)


def _errors(predictions: Predictions, pairs: Sequence[Confusion]) -> dict[str, Any]:
    multilabel = predictions.kind == "multilabel"
    labels = label_decisions(predictions) if multilabel else []
    matrix = confusion_matrix(confusion(predictions), predictions.labels) if not multilabel else None
    return {
        "matrix": matrix,
        "confusions": pairs[:MAX_CONFUSIONS],
        "confusions_left_out": max(0, len(pairs) - MAX_CONFUSIONS),
        "label_decisions": labels[:MAX_LABELS],
        "label_decisions_left_out": max(0, len(labels) - MAX_LABELS),
        "most_wrong": max((each.wrong for each in labels), default=0) or 1,
        "most_true": max((each.found + each.missed for each in labels), default=0) or 1,
    }


def _classes(classes: Sequence[ClassFigures]) -> dict[str, Any]:
    """Returns all classes, or the weakest where there are more than a page can hold."""
    if len(classes) <= MAX_CLASSES:
        return {"classes": classes, "classes_left_out": 0}
    weakest = sorted(range(len(classes)), key=lambda place: _weakness(classes[place]))[:MAX_CLASSES]
    return {"classes": [classes[place] for place in sorted(weakest)], "classes_left_out": len(classes) - MAX_CLASSES}


def _weakness(each: ClassFigures) -> float:
    return float(each.f1) if is_number(each.f1) else 2.0


def _calibration(predictions: Predictions) -> Picture | None:
    bins = reliability(predictions)
    decision = "label decision" if predictions.kind == "multilabel" else "row"
    return reliability_diagram(bins, decision) if any(each.rows for each in bins) else None


def _scope(predictions: Predictions) -> Picture | None:
    inside, known = in_scope(predictions), np.isfinite(predictions.scope_scores)
    both = (inside & known).any() and (~inside & known).any()
    return scope_histogram(predictions.scope_scores, inside) if both else None


def _costs(story: Story) -> dict[str, Any]:
    buckets = sorted(story.buckets, key=lambda bucket: bucket[1])
    return {
        "lengths": length_histogram(story.lengths, buckets) if sum(story.lengths) else None,
        "buckets": tables.bucket_table(story.lengths, buckets),
        "by_length": section(story, "by_length"),
        "plan": tables.plan_table(story),
        "speed": tables.speed_table(story),
        "ledger": tables.ledger(story),
        "rows": story.report.get("rows") or {},
    }


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
