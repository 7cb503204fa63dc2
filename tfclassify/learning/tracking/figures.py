"""The figures of a report that are single numbers, under names that trackers sort by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfclassify.learning.tracking.tracker import Figures


def report_figures(report: Mapping[str, Any]) -> Figures:
    """Returns the plain numbers that a report has of each split, of the baseline and of the speed, and no others."""
    sections = {f"report/{name}": figures for name, figures in report.get("splits", {}).items()}
    baseline = report.get("baseline") or {}
    sections |= {f"baseline/{name}": figures for name, figures in baseline.items() if isinstance(figures, Mapping)}
    sections["speed"] = report.get("speed", {})
    return {
        f"{section}/{name}": float(value)
        for section, figures in sections.items()
        for name, value in figures.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
