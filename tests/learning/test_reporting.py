"""report.json: every figure is that of the predictions, and what was not measured is null."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from made_stores import split_of, store
from made_trained import made_trained
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef, roc_auc_score

from tfclassify.display import SILENT
from tfclassify.learning.judging import Judgement, judge_splits
from tfclassify.learning.reporting import Training, results, write_report
from tfclassify.learning.trained import Trained
from tfclassify.planning.costs import Costs
from tfclassify.planning.facts import Decision
from tfclassify.quality.metrics import judge
from tfclassify.quality.predictions import Predictions

ROWS = {"read": 90, "trained": 60, "test": 30, "dropped": {"empty": 0}, "cut": 0}
TRAINED = made_trained("a", "b", "c", out_of_scope="none")
NOISE = 4


def made_judgement(*, names: tuple[str, ...] = ("validation", "test"), baseline: bool = True) -> Judgement:
    random = Random(0)

    def split(rows: int, *, outside: bool) -> Any:
        truth = [-1 if outside and row % 6 == 0 else row % 3 for row in range(rows)]
        texts = [
            "".join(random.choices("abcxyz", k=NOISE)) + "abc-"[label] * 2 + f" {random.random()}" for label in truth
        ]
        return split_of(store(texts), range(rows), truth)

    splits = {name: split(60, outside=True) for name in names}
    train = split(60, outside=False) if baseline else None
    return judge_splits(TRAINED, splits, learnt={} if train is None else {"train": train}, display=SILENT)


@pytest.fixture(scope="module")
def judgement() -> Judgement:
    return made_judgement()


def training(**speed: float | None) -> Training:
    return Training(
        predicted=Costs(seconds_per_epoch=1.5, peak_memory_bytes=1000, padding_share=0.25),
        actual=Costs(seconds_per_epoch=float("nan"), peak_memory_bytes=2000, padding_share=0.5),
        speed={"train_examples_per_second": 12.5, **speed},
        history=[{"epoch": 1, "loss": 0.5, "validation_accuracy": 0.75, "learning_rate": 1e-4, "seconds": 1.0}],
        lengths=[0, 0, 5, 10],
        decisions={"train.epochs": Decision(3, "60 training rows")},
    )


def in_scope(predictions: Predictions) -> tuple[np.ndarray, np.ndarray]:
    inside = predictions.truth >= 0
    return predictions.truth[inside], predictions.scores.argmax(axis=1)[inside]


def test_figures_are_those_of_the_predictions(judgement: Judgement) -> None:
    report = results(TRAINED, judgement, rows=ROWS, training=None)
    assert report["task"] == {"kind": "multiclass", "labels": ["a", "b", "c"]}
    assert set(report["splits"]) == {"validation", "test"}
    for name, predictions in judgement.predictions.items():
        figures, (truth, given) = report["splits"][name], in_scope(predictions)
        assert (figures["rows"], figures["out_of_scope_rows"]) == (60, 10)
        assert 0.3 < figures["accuracy"] < 1.0
        assert figures["accuracy"] == pytest.approx(accuracy_score(truth, given))
        assert figures["macro_f1"] == pytest.approx(f1_score(truth, given, average="macro"))
        assert figures["micro_f1"] == pytest.approx(f1_score(truth, given, average="micro"))
        assert figures["mcc"] == pytest.approx(matthews_corrcoef(truth, given))
        low, high = figures["accuracy_interval"]
        assert low < figures["accuracy"] < high
        scope = roc_auc_score(predictions.truth >= 0, predictions.scope_scores)
        assert figures["scope"]["auroc"] == pytest.approx(scope)
        assert [figures["per_class"][label]["support"] for label in "abc"] == np.bincount(truth).tolist()


def test_the_baseline_is_compared_on_the_reported_rows(judgement: Judgement) -> None:
    report = results(TRAINED, judgement, rows=ROWS, training=None)
    assert judgement.baseline is not None
    assert judgement.baseline_predictions is not None
    found = report["baseline"]
    assert set(found) == {"name", "seconds", "rows", "test", "difference"}
    assert (found["name"], found["rows"]) == ("tfidf_logistic_regression", 60)
    assert found["seconds"] == judgement.baseline.seconds > 0
    truth, given = in_scope(judgement.baseline_predictions)
    assert found["test"] == {
        "accuracy": pytest.approx(accuracy_score(truth, given)),
        "macro_f1": pytest.approx(f1_score(truth, given, average="macro")),
        "micro_f1": pytest.approx(f1_score(truth, given, average="micro")),
    }
    own = report["splits"]["test"]["accuracy"]
    difference, low, high = found["difference"]
    assert difference == pytest.approx(own - found["test"]["accuracy"])
    assert difference != 0
    assert low < difference < high


def test_validation_is_reported_where_there_is_no_test() -> None:
    made = made_judgement(names=("validation",))
    report = results(TRAINED, made, rows=ROWS, training=None)
    assert set(report["splits"]) == {"validation"}
    assert "validation" in report["baseline"]
    assert "test" not in report["baseline"]


def test_without_a_baseline_nothing_is_said_of_one() -> None:
    assert "baseline" not in results(TRAINED, made_judgement(baseline=False), rows=ROWS, training=None)


def test_what_was_predicted_stands_beside_what_was(judgement: Judgement) -> None:
    told = training(train_tokens_per_second=float("inf"), time_to_first_step_seconds=None)
    report = results(TRAINED, judgement, rows=ROWS, training=told)
    assert report["plan"] == {
        "predicted": asdict(told.predicted),
        # The first step is not timed, and was the only one.
        "actual": {"seconds_per_epoch": None, "peak_memory_bytes": 2000, "padding_share": 0.5},
    }
    assert report["speed"] == {
        "train_examples_per_second": 12.5,
        "train_tokens_per_second": None,
        "time_to_first_step_seconds": None,
    }
    assert report["rows"] == ROWS


def test_an_evaluation_says_nothing_of_a_training(judgement: Judgement) -> None:
    told = set(results(TRAINED, judgement, rows=ROWS, training=None))
    assert told == {"task", "splits", "baseline", "rows", "by_length"}


def written(folder: Path, judgement: Judgement, told: Training | None, trained: Trained = TRAINED) -> dict[str, Any]:
    report = results(trained, judgement, rows=ROWS, training=told)
    write_report(
        folder, report, trained, judgement, training=told, notes=["a note of <mine>"], facts={"seed": "17 & more"}
    )
    files = {"report.json", "report.html", *(["card.md"] if told else [])}
    assert {path.name for path in folder.iterdir()} == files
    return report


@pytest.mark.parametrize("told", [None, training()])
def test_what_is_written(judgement: Judgement, tmp_path: Path, told: Training | None) -> None:
    report = written(tmp_path, judgement, told)
    text = (tmp_path / "report.json").read_text(encoding="utf-8")
    assert json.loads(text) == json.loads(json.dumps(report))
    assert "NaN" not in text
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "letters" in page
    assert told is None or "letters" in (tmp_path / "card.md").read_text(encoding="utf-8")
    assert "a note of &lt;mine&gt;" in page
    assert "17 &amp; more" in page
    assert ("60 training rows" in page) is (told is not None)
    # The text of a row that was answered wrongly.
    predictions = judgement.predictions["test"]
    wrong = np.flatnonzero((predictions.truth >= 0) & (predictions.scores.argmax(axis=1) != predictions.truth))
    assert any(judgement.texts[row] in page for row in wrong)


def test_a_report_of_no_rows(tmp_path: Path) -> None:
    empty = split_of(store([]), [], [])
    full = split_of(store(["aa", "bb", "cc"]), range(3), [0, 1, 2])
    made = judge_splits(TRAINED, {"test": empty}, learnt={"train": full}, display=SILENT)
    report = written(tmp_path, made, training())
    assert report["splits"]["test"]["rows"] == 0
    assert report["splits"]["test"]["accuracy"] is None


def test_figures_of_a_finished_run_are_those_that_metrics_give(toy_run: Path) -> None:
    from tfclassify.data.corpus import read_corpus
    from tfclassify.learning.trained import open_trained, predict_split
    from tfclassify.runs import Run, cache_folder

    trained = open_trained(Run(toy_run))
    corpus = read_corpus(trained.settings.data, trained.pieces, seed=0, cache=cache_folder(), display=SILENT)
    report = json.loads((toy_run / "report.json").read_text(encoding="utf-8"))
    for name in ("validation", "test"):
        expected = judge(predict_split(trained, corpus.splits[name]))
        assert report["splits"][name] == json.loads(json.dumps(expected))
