"""Of a report only the numbers."""

from __future__ import annotations

from made_endings import REPORT

from tfclassify.learning.tracking.figures import report_figures


def test_numbers_and_nothing_else() -> None:
    assert report_figures(REPORT) == {
        "report/test/rows": 4.0,
        "report/test/accuracy": 0.75,
        "baseline/test/accuracy": 0.5,
        "speed/train_examples_per_second": 12.5,
    }


def test_no_report_and_no_baseline() -> None:
    assert report_figures({}) == {}
    assert report_figures({"splits": {}, "baseline": None, "speed": {"x": True, "y": None}}) == {}
