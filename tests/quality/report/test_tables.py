"""Figures in tables: none is lost, and rows add up."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stories import make_story

from tfclassify.quality.report.tables import (
    BucketRow,
    LedgerRow,
    bucket_table,
    figure_name,
    ledger,
    plan_table,
    ratio_text,
    speed_table,
    split_table,
    tiles,
)
from tfclassify.quality.report.verdict import compare


def with_report(**parts):
    story = make_story()
    return replace(story, report={**story.report, **parts})


def test_every_figure_of_every_split_is_in_the_table():
    story = make_story(6, 300, out_of_scope=30)
    heads, rows = split_table(story)
    cells = {name: dict(zip(heads, row, strict=True)) for name, row in rows}
    figures = story.report["splits"]["test"]
    assert heads == ["validation", "test", "baseline, test"]
    for key in ("accuracy", "macro_f1", "micro_f1", "mcc", "log_loss", "ece"):
        assert cells[figure_name(key)]["test"] == f"{figures[key]:.4f}"
    assert cells["rows"]["test"] == "330"
    assert cells["rows out of scope"]["validation"] == "30"
    assert cells["scope: AUROC"]["test"] == f"{figures['scope']['auroc']:.4f}"
    assert cells["scope: FPR at 95% TPR"]["test"] == f"{figures['scope']['fpr_at_95_tpr']:.4f}"
    low, high = figures["accuracy_interval"]
    assert cells["95% interval of accuracy"]["test"] == f"{low:.4f} to {high:.4f}"
    assert cells["accuracy"]["baseline, test"] == f"{story.report['baseline']['test']['accuracy']:.4f}"
    assert cells["log loss"]["baseline, test"] == "–"


def test_metrics_of_users_are_in_the_table_too():
    story = make_story()
    figures = {**story.report["splits"]["test"], "my_cost": 3.25, "groups": {"north": {"accuracy": 0.5}}, "why": "so"}
    cells = dict(split_table(replace(story, report={"splits": {"test": figures}}))[1])
    assert cells["my cost"] == ["3.2500"]
    assert cells["groups: north: accuracy"] == ["0.5000"]
    assert cells["why"] == ["so"]


def test_a_metric_of_none_is_not_available():
    story = make_story()
    figures = dict.fromkeys(story.report["splits"]["test"]) | {"rows": 0}
    cells = dict(split_table(replace(story, report={"splits": {"test": figures}}))[1])
    assert cells["accuracy"] == ["n/a"]
    assert cells["rows"] == ["0"]


def test_plan_against_actual():
    found = {row.name: (row.predicted, row.actual, ratio_text(row.ratio)) for row in plan_table(make_story())}
    assert found == {
        "time per epoch": ("38.2 s", "41.5 s", "1.09×"),
        "peak memory": ("1.51 GB", "1.87 GB", "1.24×"),
        "padding in batches": ("7.1%", "6.8%", "0.96×"),
    }


@pytest.mark.parametrize("actual", [None, {}, {"seconds_per_epoch": None}])
def test_what_was_not_measured_has_no_ratio(actual):
    (row,) = plan_table(with_report(plan={"predicted": {"seconds_per_epoch": 5.0}, "actual": actual}))
    assert (row.predicted, row.actual, ratio_text(row.ratio)) == ("5.00 s", "n/a", "n/a")


def test_nothing_predicted_has_no_ratio():
    (row,) = plan_table(with_report(plan={"predicted": {"padding_share": 0}, "actual": {"padding_share": 0.1}}))
    assert row.ratio is None


def test_speed():
    assert speed_table(make_story()) == [
        ("training examples per second", "241"),
        ("training tokens per second", "3,413"),
        ("time to the first step", "11.9 s"),
        ("fit of the baseline", "21.4 s"),
    ]
    assert speed_table(with_report(speed=None, baseline=None)) == []
    assert ("rows the baseline was fitted to", "9,000") in speed_table(with_report(baseline={"rows": 9000}))


def test_the_ledger_adds_up_to_the_rows_read():
    found = ledger(make_story())
    assert found[:6] == [
        LedgerRow("trained on", 8999, 8999 / 13083),
        LedgerRow("kept for validation", 1000, 1000 / 13083),
        LedgerRow("kept for test", 3080, 3080 / 13083),
        LedgerRow("dropped: empty", 3, 3 / 13083),
        LedgerRow("dropped: duplicate", 0, 0.0),
        LedgerRow("dropped: bad", 1, 1 / 13083),
    ]
    assert sum(row.rows for row in found) == 13083


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
def test_any_ledger_adds_up(read, trained, empty):
    found = ledger(with_report(rows={"read": read, "trained": trained, "dropped": {"empty": empty}}))
    assert sum(row.rows for row in found) == read
    assert ("counted twice" in [row.name for row in found]) == (trained + empty > read)


@pytest.mark.parametrize("rows", [None, {}, {"read": None}])
def test_without_rows_there_is_no_ledger(rows):
    assert ledger(with_report(rows=rows)) == []


def test_texts_are_counted_in_the_bucket_that_takes_them():
    assert bucket_table([0, 0, 5, 3, 1, 1], [(8, 2), (4, 4)]) == [BucketRow(8, 2, 5, 0.5), BucketRow(4, 4, 5, 0.5)]
    assert bucket_table([], [(8, 2)]) == [BucketRow(8, 2, 0, None)]
    assert bucket_table([1, 2], []) == []


def test_tiles_hold_the_key_figures():
    story = make_story(6, 300, out_of_scope=30)
    figures = story.report["splits"]["test"]
    found = {tile.name: tile.value for tile in tiles(story, compare(story))}
    assert found["accuracy"] == f"{figures['accuracy']:.1%}"
    assert found["macro-F1"] == f"{figures['macro_f1']:.3f}"
    assert found["MCC"] == f"{figures['mcc']:.3f}"
    assert found["log loss"] == f"{figures['log_loss']:.3f}"
    assert found["calibration error"] == f"{figures['ece']:.3f}"
    assert found["scope AUROC"] == f"{figures['scope']['auroc']:.3f}"
    assert found["against baseline"] == f"{100 * compare(story).difference:+.1f}".replace("-", "−")


def test_tiles_of_a_multi_label_task():
    story = make_story(6, 300, kind="multilabel")
    found = {tile.name: tile.value for tile in tiles(story, None)}
    assert found["micro-F1"] == f"{story.report['splits']['test']['micro_f1']:.3f}"
    assert "all labels right" in found
    assert "accuracy" not in found
    assert "against baseline" not in found


@pytest.mark.parametrize(("ratio", "text"), [(1.0864, "1.09×"), (None, "n/a")])
def test_ratio_text(ratio, text):
    assert ratio_text(ratio) == text
