"""Rules, masks, baseline, windows and exits in one classifier, the whole road: learnt, judged, exported, inspected."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from toy import TOY_SETTINGS, toy_rows, toy_words

from tfclassify import load
from tfclassify.export import Export, export
from tfclassify.inspect import inspect
from tfclassify.predict import predict
from tfclassify.servable.opened import open_servable
from tfclassify.train import train

pytestmark = pytest.mark.slow
ALL = {
    "text.max_length": 8,
    "text.windows": 3,
    # Of texts of three windows a step reads two, drawn anew in each epoch.
    "train.windows": 2,
    "text.pool": "attention",
    "text.chosen_share": 0.5,
    "text.maps": ["mask_personal_data"],
    "model.exits": [1],
    "answer.exit_loss": 0.05,
    "answer.stack": "validation",
    "answer.cascade": 0.02,
    # So certain that the baseline does not answer what is told by nothing.
    "answer.loss_confidence": 0.999,
    "answer.rules": [
        {"name": "R1", "pattern": r"\[email\]", "label": "bad"},
        {"name": "R2", "pattern": "^e e", "label": "good"},
    ],
    "train.precision": "float32",
}


ROUND = "fgh"


def rows(split: str, number: int) -> str:
    """Toy rows, of which one in three has letters that tell nothing of its label, and one in three their order."""
    chance, lines = Random(split), toy_rows(split, number).splitlines()
    for place in range(2, len(lines), 3):
        # Of the mean of a layer's tokens it is hard to say in which order they came.
        label, begin = chance.choice(["bad", "good"]), chance.randrange(3)
        lines[place] = f"{' '.join(((ROUND if label == 'good' else ROUND[::-1]) * 3)[begin:][:6])} {place},{label}"
    for place in range(3, len(lines), 3):
        letters = " ".join(chance.choices("efgh", k=chance.randint(1, 14)))
        lines[place] = f"{letters} {place},{chance.choice(['bad', 'good'])}"
    return "\n".join([*lines, f"write to me@example.org {number},bad", f"e e f {number},good"]) + "\n"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nodes")
    for split, number in (("train", 240), ("validation", 200), ("test", 120)):
        (folder / f"{split}.csv").write_text(rows(split, number), encoding="utf-8")
    train({**TOY_SETTINGS, **toy_words(folder), **ALL, "run": str(folder / "run")})
    return folder / "run"


@pytest.fixture(scope="module")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Export:
    return export({"run": str(run), "output": str(tmp_path_factory.mktemp("saved_models") / "nodes")})


@pytest.fixture(scope="module")
def asked(run: Path) -> list[str]:
    with open(run.parent / "test.csv", encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)]


def test_reports_count_the_routes_that_answers_take(run: Path, tmp_path: Path) -> None:
    test = str(run.parent / "test.csv")
    predict({"run": str(run), "input": test, "output": str(tmp_path / "answers.csv")})
    with open(tmp_path / "answers.csv", encoding="utf-8", newline="") as file:
        answers = list(csv.DictReader(file))
    told = json.loads((run / "report.json").read_text(encoding="utf-8"))["splits"]["test"]["routes"]
    taken = Counter(answer["route"].partition(" ")[0] for answer in answers)
    assert {name: each["rows"] for name, each in told.items()} == taken
    assert {"rule:R1", "rule:R2", "baseline"} < set(taken)
    for name, each in told.items():
        right = [row["label"] == row["input_label"] for row in answers if row["route"].partition(" ")[0] == name]
        assert each["accuracy"] == pytest.approx(np.mean(right))
    assert taken["baseline"] > 20
    assert len(answers) - sum(taken[name] for name in ("rule:R1", "rule:R2", "baseline")) > 5


def test_the_servable_passes_all_gates_and_takes_the_same_routes(run: Path, exported: Export, asked: list[str]) -> None:
    first, second = load(str(run))(asked), load(str(exported.folder))(asked)
    for one, other in zip(first, second, strict=True):
        assert {name: one[name] for name in ("route", "rule", "masked")} == {
            name: other[name] for name in ("route", "rule", "masked")
        }
        assert one["scores"] == pytest.approx(other["scores"], abs=1e-5)
    assert exported.facts["parity"]["largest_difference"] <= 1e-5
    assert exported.facts["lowest_server"] in exported.facts["servers"]
    assert (exported.facts["windows"], exported.facts["chosen_share"]) == (3, 0.5)


def test_the_exit_hears_the_baseline_in_the_run_and_in_the_servable(run: Path, exported: Export) -> None:
    facts = json.loads((run / "labels.json").read_text(encoding="utf-8"))
    (head,) = facts["exits"]["heads"]
    assert head["stack"][1] > 0
    assert json.loads((exported.folder / "servable.json").read_text(encoding="utf-8"))["exits"] == [head]
    assert "; early exits that are better with it: after layers 1" in (run / "reasons.md").read_text(encoding="utf-8")


def test_its_golden_examples_are_what_it_answers(exported: Export) -> None:
    golden: dict[str, Any] = json.loads((exported.folder / "golden.json").read_text(encoding="utf-8"))
    texts = golden["inputs"]["text"]
    assert len(texts) > 5
    found = open_servable(str(exported.folder)).answer(texts)
    assert [each["label"] for each in found] == golden["outputs"]["label"]
    np.testing.assert_allclose([each["score"] for each in found], golden["outputs"]["score"], atol=golden["tolerance"])


def test_its_picture_has_every_node(exported: Export) -> None:
    found = inspect({"servable": str(exported.folder)}).description
    stages = {stage["name"]: stage for stage in found["stages"]}
    assert list(stages) == [
        "word pieces", "packing", "rules", "baseline", "window choice", "embeddings", "layer 1", "exit 1", "layer 2",
        "pooling", "windows", "head", "stack", "answer",
    ]  # fmt: skip
    assert all(stage["ops"] > 0 for stage in stages.values())
    assert "baseline logits float64[B, 2]" in stages["exit 1"]["inputs"]
    assert sum(stage["parameters"] for stage in stages.values()) == found["parameters"]
