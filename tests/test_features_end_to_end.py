"""Rows of a text and features, the whole road: learnt, judged, predicted, exported, served; and worth it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from toy import TOY_SETTINGS, toy_words

from tfclassify import TextClassifier, load
from tfclassify.errors import UsageError
from tfclassify.evaluate import evaluate
from tfclassify.export import Export, export
from tfclassify.plan import plan
from tfclassify.predict import predict
from tfclassify.serving.session import load_saved_model
from tfclassify.train import train

FEATURES = {"data.features": ["price", "brand"]}
SETTINGS = {**TOY_SETTINGS, "train.epochs": 5}


def rows(split: str, number: int) -> list[dict[str, str]]:
    """Half of a label is in the letters of the text, the other half in the price; brands mean nothing."""
    random, made = Random(split), []
    for place in range(number):
        kind, dear = random.choice(("low", "high")), random.random() < 0.5
        letters = random.choices("abcd" if kind == "low" else "wxyz", k=random.randint(1, 10))
        price = f"{random.uniform(60, 110) if dear else random.uniform(0, 50):.2f}"
        missing = not dear and random.random() < 0.1
        made.append(
            {
                "text": f"{' '.join(letters)} {place}",
                "price": "" if missing else price,
                "brand": random.choice(("x", "y", "")),
                "label": f"{'dear' if dear else 'cheap'} {kind}",
            }
        )
    return made


def written(place: Path, made: list[dict[str, str]]) -> Path:
    with open(place, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(made[0]))
        writer.writeheader()
        writer.writerows(made)
    return place


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prices")
    for split, number in (("train", 240), ("validation", 60), ("test", 80)):
        written(folder / f"{split}.csv", rows(split, number))
    return folder


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "prices"
    train({**SETTINGS, **toy_words(data), **FEATURES, "run": str(folder)})
    return folder


@pytest.fixture(scope="module")
def texts_run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same training without the features."""
    folder = tmp_path_factory.mktemp("runs") / "texts"
    train({**SETTINGS, **toy_words(data), "run": str(folder)})
    return folder


@pytest.fixture(scope="module")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Export:
    return export({"run": str(run), "output": str(tmp_path_factory.mktemp("saved_models") / "prices")})


def report(run: Path) -> dict[str, Any]:
    return json.loads((run / "report.json").read_text(encoding="utf-8"))


def test_features_are_worth_it(run: Path, texts_run: Path) -> None:
    without, beside = report(texts_run), report(run)
    # What a text says is one of two labels in four; which of the two is a coin's toss.
    assert without["splits"]["test"]["accuracy"] < 0.7
    assert beside["splits"]["test"]["accuracy"] > 0.9
    # The baseline learns from them too, so that it stays what has to be beaten.
    assert without["baseline"]["test"]["accuracy"] < 0.7 < 0.9 < beside["baseline"]["test"]["accuracy"]


def test_the_run_says_what_it_was_trained_on(run: Path) -> None:
    kept = (run / "plan.yaml").read_text(encoding="utf-8")
    assert "  features: {price: number, brand: category}  # price is a number: all " in kept
    measured = json.loads((run / "features.json").read_text(encoding="utf-8"))
    assert list(measured["numbers"]) == ["price"]
    assert sorted(measured["categories"]["brand"]) == ["x", "y"]
    assert (run / "huggingface" / "README.md").is_file()


def test_a_plan_is_planned_again_as_it_is(run: Path, data: Path) -> None:
    made = plan({**SETTINGS, **toy_words(data), "data.features": {"brand": "category", "price": "number"}})
    assert made.settings.data.features == {"brand": "category", "price": "number"}
    assert "data.features" not in made.decisions


def test_run_and_servable_answer_alike(run: Path, exported: Export) -> None:
    given = [
        {"text": "a b c", "price": 3.5, "brand": "x"},
        {"text": "w x y", "price": 99, "brand": "never seen"},
        {"text": "w x y", "price": None, "brand": None},
    ]
    first, second = load(str(run))(given), load(str(exported.folder))(given)
    assert [answer["label"] for answer in first] == [answer["label"] for answer in second]
    assert [answer["label"] for answer in first[:2]] == ["cheap low", "dear high"]
    for answer, other in zip(first, second, strict=True):
        # The run may multiply in fewer bits.
        assert answer["scores"] == pytest.approx(other["scores"], abs=0.05)


def message(answers: Any, *given: Any) -> str:
    with pytest.raises(UsageError) as caught:
        answers(*given)
    return str(caught.value)


def test_what_is_no_row_with_features(run: Path) -> None:
    answers = load(str(run))
    assert answers([]) == []
    assert message(answers, ["a"]) == (
        "the run answers texts with features; give rows, such as [{'text': ..., 'price': ..., 'brand': ...}]"
    )
    assert message(answers, [{"text": "a", "price": 1}]) == (
        "row 1 has no 'brand'; expected text, price, brand, of the features None for what is missing"
    )
    assert message(answers, [{"text": "a", "price": 1, "brand": "x", "colour": "red"}]) == (
        "row 1 has 'colour'; expected text, price, brand"
    )
    row = {"text": "a", "price": 1, "brand": "x"}
    assert message(answers, row) == "a single row is given; expected a list of rows"
    assert message(answers, [row, "a"]) == "row 2 is a str, others are rows by name; expected one or the other"
    assert message(answers, [row], ["b"]) == (
        "rows and second texts are given; expected the second text of a pair in its row, as text_b"
    )
    assert message(answers, [{**row, "text": None}]) == "a NoneType is among the texts; expected a list of texts"
    assert message(answers, [{**row, "price": "1"}]) == (
        "feature 'price' is '1' in row 1; expected a number, or None where it is missing"
    )


def test_rows_without_features_may_be_named_too(toy_run: Path) -> None:
    answers = load(str(toy_run))
    assert answers([{"text": "a b"}]) == answers(["a b"])
    assert message(answers, [{"text": "a", "price": 1}]) == "row 1 has 'price'; expected text"


@pytest.mark.parametrize("of", ["run", "servable"])
def test_predict(of: str, run: Path, exported: Export, data: Path, tmp_path: Path) -> None:
    place = {"run": str(run)} if of == "run" else {"servable": str(exported.folder)}
    output = tmp_path / "answers.csv"
    predict({**place, "input": str(data / "test.csv"), "output": str(output)})
    with open(output, encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["price"] for row in found] == [row["price"] for row in rows("test", 80)]
    assert np.mean([row["label"] == row["input_label"] for row in found]) > 0.9


def test_predict_without_the_columns(run: Path, tmp_path: Path) -> None:
    place = tmp_path / "rows.csv"
    place.write_text("text,prize\na,1\n", encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        predict({"run": str(run), "input": str(place)})
    assert str(caught.value) == (
        f"data.features: column 'price' is not in {place}; columns are: text, prize; did you mean 'prize'?"
    )
    with pytest.raises(UsageError) as caught:
        predict({"run": str(run), "input": str(place), "data.features": ["prize"]})
    assert str(caught.value) == (
        "data.features is prize, but the run was trained with the features price (number), brand (category); "
        "leave it out"
    )


def test_evaluate(run: Path, data: Path, tmp_path: Path) -> None:
    made = evaluate({"run": str(run), "output": str(tmp_path / "again")})
    assert made.report["splits"]["test"]["accuracy"] == report(run)["splits"]["test"]["accuracy"]
    other = evaluate({"run": str(run), "data.test": str(data / "validation.csv"), "output": str(tmp_path / "other")})
    assert other.report["splits"]["test"]["accuracy"] > 0.9
    assert other.report["baseline"]["test"]["accuracy"] > 0.9


def test_the_export_is_described_with_its_features(exported: Export) -> None:
    assert exported.facts["data"]["features"] == {"price": "number", "brand": "category"}
    assert exported.facts["parity"]["largest_difference"] < 1e-5
    golden = json.loads((exported.folder / "golden.json").read_text(encoding="utf-8"))
    assert list(golden["inputs"]) == ["text", "price", "brand"]
    assert len(golden["inputs"]["text"]) > 0
    assert None not in golden["inputs"]["price"]
    columns = json.loads((exported.folder.parent / "serving" / "clients" / "columns.json").read_text(encoding="utf-8"))
    assert list(columns["inputs"]) == ["text", "price", "brand"]


def test_every_signature_takes_the_features_as_they_are(exported: Export) -> None:
    loaded = load_saved_model(exported.folder, name="prices", version=1, timeout_seconds=60)
    assert {name: sorted(signature.inputs) for name, signature in loaded.signatures.items() if name[0] != "_"} == {
        "serving_default": ["brand", "price", "text"],
        "encode": ["brand", "price", "text"],
        "tokens": ["attention_mask", "brand", "input_ids", "price", "token_type_ids"],
    }
    given = {
        "text": np.array([b"a b", b"w x y z"], object),
        "price": np.array([np.nan, 80.0], np.float32),
        "brand": np.array([b"", b"x"], object),
    }
    encoded = loaded.call("encode", given)
    assert encoded["feature_numbers"].tolist()[0] == [0.0, 1.0]
    tokens = {name: encoded[name] for name in ("input_ids", "attention_mask", "token_type_ids")}
    logits = loaded.call("tokens", {**tokens, "price": given["price"], "brand": given["brand"]})["logits"]
    answered = loaded.call("serving_default", given)
    names = [[label.decode() for label in row] for row in answered["labels"]]
    assert [row[0] for row in names] == [exported.facts["labels"][best] for best in logits.argmax(axis=1)]


def test_a_run_with_features_replaces_one_without(run: Path, texts_run: Path, tmp_path: Path) -> None:
    made = export({"run": str(run), "output": str(tmp_path / "prices"), "better_than": str(texts_run), "rows": 20})
    assert made.facts["better_than"]["accuracy"] > made.facts["better_than"]["replaced_accuracy"]


def test_a_run_whose_features_are_gone(run: Path) -> None:
    place, text = run / "features.json", (run / "features.json").read_text(encoding="utf-8")
    place.write_text("{}", encoding="utf-8")
    try:
        with pytest.raises(UsageError) as caught:
            load(str(run))
    finally:
        place.write_text(text, encoding="utf-8")
    assert str(caught.value) == f"{place} is not what a training writes (KeyError('numbers')); train again"


def test_the_estimator_takes_a_table(tmp_path: Path) -> None:
    made = rows("train", 240)
    table = [
        {"text": row["text"], "price": float(row["price"]) if row["price"] else None, "brand": row["brand"] or None}
        for row in made
    ]
    labels = [row["label"] for row in made]
    settings = {**SETTINGS, **FEATURES, "run": str(tmp_path / "run")}
    classifier = TextClassifier(settings).fit(table, labels)
    assert classifier.n_features_in_ == 3
    assert classifier.score(table, labels) > 0.9
    with pytest.raises(ValueError, match=r"^X is no table; with data.features expected a data frame"):
        classifier.predict(["a b"])


def test_features_that_cannot_be(data: Path) -> None:
    with pytest.raises(UsageError) as caught:
        plan({**SETTINGS, **toy_words(data), "data.features": ["prize"]})
    assert str(caught.value) == (
        f"data.features: column 'prize' is not in {data / 'train.csv'}; columns are: text, price, brand, label; "
        "did you mean 'price'?"
    )
    with pytest.raises(UsageError) as caught:
        plan({**SETTINGS, **toy_words(data), "data.features": ["label"]})
    assert str(caught.value) == (
        f"data.features: column 'label' of {data / 'train.csv'} is data.label already; expected columns beside it"
    )
    with pytest.raises(UsageError) as caught:
        plan({**SETTINGS, **toy_words(data), "data.features": {"brand": "number"}})
    assert str(caught.value).startswith(f"data.features: column 'brand' of {data / 'train.csv'} is 'x' in rows ")
