"""What a result is on standard output, word for word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tfclassify.command_line.showing import Shown, figures, show_evaluation, show_plan, show_prediction, show_run
from tfclassify.evaluate import Evaluation
from tfclassify.planning.costs import Costs
from tfclassify.planning.facts import Decision
from tfclassify.planning.planner import Plan, plan_yaml
from tfclassify.planning.summary import summary
from tfclassify.predict import Prediction
from tfclassify.runs import Run
from tfclassify.settings import Settings, changed

SPLIT = {"accuracy": 0.9, "macro_f1": 0.88, "accuracy_interval": [0.7, 0.9712], "rows": 20}
COSTS = {"seconds_per_epoch": 12.34, "peak_memory_bytes": 1_234_000_000, "padding_share": 0.0521}
REPORT: dict[str, Any] = {
    "splits": {"validation": {**SPLIT, "macro_f1": None}, "test": {**SPLIT, "scope": {"auroc": None}}},
    "baseline": {"test": {"accuracy": 0.8, "macro_f1": 0.7}},
    "plan": {"predicted": COSTS, "actual": {**COSTS, "seconds_per_epoch": None, "padding_share": 0.0}},
}


def run_at(folder: Path, state: str) -> Run:
    (folder / "manifest.json").write_text(json.dumps({"state": state}), encoding="utf-8")
    (folder / "report.json").write_text(json.dumps(REPORT), encoding="utf-8")
    return Run(folder)


def test_the_figures() -> None:
    assert figures(REPORT).splitlines() == [
        "validation  accuracy 0.900  macro-F1 undefined  (0.700 to 0.971)  20 rows",
        "test        accuracy 0.900  macro-F1 0.880  (0.700 to 0.971)  20 rows",
        "            out of scope: AUROC undefined",
        "  baseline  accuracy 0.800  macro-F1 0.700  TF-IDF + logistic regression",
        "seconds per epoch planned 12.3, was not measured",
        "peak memory, GB   planned 1.23, was 1.23",
        "padding, %        planned 5.2, was 0.0",
    ]


def test_a_finished_run(tmp_path: Path) -> None:
    shown = show_run(run_at(tmp_path, "finished"))
    assert shown.text.splitlines()[-2:] == [f"run: {tmp_path}", f"report: {tmp_path / 'report.html'}"]
    assert shown.text.startswith(figures(REPORT))
    assert shown.values == {"run": str(tmp_path), "state": "finished", "report": REPORT}
    assert shown.status == 0


def test_a_stopped_run(tmp_path: Path) -> None:
    text = f"stopped on request; go on with: python -m tfclassify.train run={tmp_path}"
    assert show_run(run_at(tmp_path, "stopped")) == Shown(text, {"run": str(tmp_path), "state": "stopped"}, 75)


def test_an_evaluation(tmp_path: Path) -> None:
    report = {"splits": {"test": SPLIT}}
    shown = show_evaluation(Evaluation(tmp_path, report))
    assert shown.text.splitlines() == [
        "test        accuracy 0.900  macro-F1 0.880  (0.700 to 0.971)  20 rows",
        f"report: {tmp_path / 'report.html'}",
    ]
    assert shown.values == {"output": str(tmp_path), "report": report}


@pytest.mark.parametrize(("output", "text"), [("a.csv", "3 answers: a.csv"), ("-", "")])
def test_a_prediction(output: str, text: str) -> None:
    values = {"output": output, "rows": 3, "skipped": 1, "renamed": {"label": "input_label"}}
    assert show_prediction(Prediction(output, 3, 1, {"label": "input_label"})) == Shown(text, values)


def test_a_plan() -> None:
    settings = changed(Settings(), {"train.epochs": 3})
    plan = Plan(settings, {"train.epochs": Decision(3, "a few are enough")}, Costs(60.0, 2_000_000_000, 0.05))
    shown = show_plan(plan)
    assert shown.text.startswith(f"{summary(plan)}\n\n{plan_yaml(plan)}\n# Why this plan\n")
    assert "  epochs: 3  # a few are enough" in shown.text.splitlines()
    assert "| `train.epochs` | 3 | a few are enough |  |  |" in shown.text.splitlines()
    assert json.loads(json.dumps(shown.values)) == {
        "settings": settings.model_dump(mode="json"),
        "decisions": {"train.epochs": {"value": 3, "reason": "a few are enough", "source": "", "changes": ""}},
        "costs": {"seconds_per_epoch": 60.0, "peak_memory_bytes": 2_000_000_000, "padding_share": 0.05},
        "alternatives": [],
        "answered": [],
    }
