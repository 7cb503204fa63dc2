"""A classifier that texts may leave early, the whole road: learnt, planned, judged, predicted, exported, inspected."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy import TOY_SETTINGS, toy_words

from tfclassify import load
from tfclassify.evaluate import evaluate
from tfclassify.export import Export, export
from tfclassify.inspect import inspect
from tfclassify.predict import predict
from tfclassify.serving.session import load_saved_model
from tfclassify.train import train

pytestmark = pytest.mark.slow
# What looks less like the classes than half of the validation rows goes on.
EXITS = {"model.exits": [1], "answer.exit_loss": 0.15, "answer.loss_confidence": 0.975, "answer.scope": 0.5}


@pytest.fixture(scope="module")
def run(toy_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "early"
    train({**TOY_SETTINGS, **toy_words(toy_data), **EXITS, "train.precision": "float32", "run": str(folder)})
    return folder


@pytest.fixture(scope="module")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Export:
    return export({"run": str(run), "output": str(tmp_path_factory.mktemp("saved_models") / "early")})


def read(run: Path, name: str) -> dict[str, Any]:
    return json.loads((run / name).read_text(encoding="utf-8"))


def test_the_run_says_when_texts_leave_and_what_it_may_cost(run: Path) -> None:
    exits = read(run, "labels.json")["exits"]
    assert [head["layer"] for head in exits["heads"]] == [1]
    assert exits["plan"]["interval"][1] <= EXITS["answer.exit_loss"]
    assert read(run, "report.json")["exits"] == exits["plan"]
    kept = (run / "plan.yaml").read_text(encoding="utf-8")
    assert "  exits: [1]\n" in kept


def test_what_is_judged_is_what_answers(run: Path, toy_data: Path, tmp_path: Path) -> None:
    predict({"run": str(run), "input": str(toy_data / "test.csv"), "output": str(tmp_path / "answers.csv")})
    with open(tmp_path / "answers.csv", encoding="utf-8", newline="") as file:
        answers = list(csv.DictReader(file))
    right = np.mean([answer["label"] == answer["input_label"] for answer in answers])
    assert read(run, "report.json")["splits"]["test"]["accuracy"] == pytest.approx(right)
    assert {answer["route"] for answer in answers} == {"exit@1", "full"}
    evaluated = evaluate({"run": str(run), "data.test": str(toy_data / "test.csv"), "output": str(tmp_path / "again")})
    assert evaluated is not None
    again = read(tmp_path / "again", "report.json")
    assert again["splits"]["test"]["accuracy"] == pytest.approx(right)
    assert again["exits"] == read(run, "labels.json")["exits"]["plan"]


def test_run_and_servable_take_the_same_routes_to_the_same_scores(run: Path, exported: Export, toy_data: Path) -> None:
    with open(toy_data / "test.csv", encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    first, second = load(str(run))(texts), load(str(exported.folder))(texts)
    assert [answer["route"] for answer in first] == [answer["route"] for answer in second]
    for answer, other in zip(first, second, strict=True):
        assert answer["scores"] == pytest.approx(other["scores"], abs=1e-5)
    assert exported.facts["lowest_server"] == "2.2"
    assert exported.facts["parity"]["largest_difference"] <= 1e-5


def test_tokens_give_the_logits_of_the_route(exported: Export) -> None:
    loaded = load_saved_model(exported.folder, name="early", version=1, timeout_seconds=60.0)
    texts = np.array([b"a b c d", b"w", b"a x b"], object)
    tokens = loaded.call("encode", {"text": texts})
    logits = loaded.call("tokens", tokens)["logits"]
    answers = loaded.call("serving_default", {"text": texts})
    divided = logits / exported.facts["temperature"]
    scores = np.exp(divided) / np.exp(divided).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(answers["score"], scores.max(axis=1), atol=1e-5)


def test_the_picture_has_the_exits(exported: Export, tmp_path: Path) -> None:
    described = inspect({"servable": str(exported.folder), "output": str(tmp_path)}).description
    stages = {stage["name"]: stage for stage in described["stages"]}
    assert list(stages).index("exit 1") == list(stages).index("layer 1") + 1
    assert stages["exit 1"]["ops"] > 5
    assert stages["exit 1"]["parameters"] == 32 * 2 + 2
    assert stages["layer 2"]["ops"] > 20
