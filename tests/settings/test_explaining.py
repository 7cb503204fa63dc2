"""Every kind of mistake, word for word."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from tfclassify.errors import UsageError
from tfclassify.settings import EvaluateRequest, PredictRequest, Settings, keys, parse, read
from tfclassify.settings.explaining import shown

TOP = "run, name, seed, deterministic, track, data, text, model, train, answer"
RULE = {"name": "R1", "pattern": "x", "label": "a"}
OBJECTIVES = "train.objectives.0 is"


def message(values: dict[str, Any], tree: type[BaseModel] = Settings) -> str:
    with pytest.raises(UsageError) as caught:
        parse(values, tree)
    return str(caught.value)


def fields_of(section: str) -> str:
    return ", ".join(Settings.model_fields[section].annotation.model_fields)


def test_keys_are_every_field_once_and_dotted() -> None:
    found = keys(Settings)
    assert len(found) == len(set(found))
    assert {"run", "seed", "data.train", "text.max_length", "train.epochs", "answer.calibrate"} <= set(found)
    assert not {"data", "train", "answer"} & set(found)
    assert keys(EvaluateRequest)[:2] == ["run", "output"]


def test_a_misspelt_key() -> None:
    assert message({"train.learnig_rate": 1}) == (
        f"no field 'learnig_rate' in train; did you mean 'learning_rate'? (fields: {fields_of('train')})"
    )


def test_a_misspelt_section() -> None:
    top = ", ".join(Settings.model_fields)
    assert message({"trian.epochs": 1}) == f"no field 'trian' in the settings; did you mean 'train'? (fields: {top})"


def test_a_key_without_its_section() -> None:
    top = ", ".join(Settings.model_fields)
    said = f"no field 'learning_rate' in the settings; did you mean 'train.learning_rate'? (fields: {top})"
    assert message({"learning_rate": 1}) == said
    assert message({"learnig_rate": 1}) == said.replace("'learning_rate' in", "'learnig_rate' in")


def test_a_key_of_another_section() -> None:
    for key in ("model.epochs", "data.epoch"):
        section, _, name = key.partition(".")
        expected = f"no field '{name}' in {section}; did you mean 'train.epochs'? (fields: {fields_of(section)})"
        assert message({key: 1}) == expected


def test_a_key_like_no_other() -> None:
    assert message({"answer.xyzzy": 1}) == f"no field 'xyzzy' in answer; fields: {fields_of('answer')}"


def test_a_key_that_another_verb_has() -> None:
    assert message({"run": "x", "train.epochs": 3}, EvaluateRequest).startswith("no field 'train' in the settings; ")


@pytest.mark.parametrize("key", ["", " ", ".", "data.", "data..train", "a\nb", "train.\u2028", "1"])
def test_odd_keys_are_named_as_they_are(key: str) -> None:
    said = message({key: 1})
    assert said.startswith("no field ")
    assert len(said.splitlines()) == 1


def test_unknown_keys_come_before_wrong_values() -> None:
    assert message({"seed": "x", "train.epochs": "x", "train.epoch": 1}).startswith("no field 'epoch' in train; ")


def test_a_missing_key() -> None:
    assert message({}, EvaluateRequest) == "run is missing; give it as run=..."
    assert message({"run": "x"}, PredictRequest) == "input is missing; give it as input=..."


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("train.epochs", "x", "train.epochs is 'x'; expected 'auto' or a whole number"),
        ("train.epochs", None, "train.epochs is null; expected 'auto' or a whole number"),
        ("train.epochs", 2.5, "train.epochs is 2.5; expected 'auto' or a whole number"),
        ("train.epochs", "2.5", "train.epochs is '2.5'; expected 'auto' or a whole number"),
        ("train.epochs", 0, "train.epochs is 0; expected 'auto' or a number above 0"),
        ("train.epochs", True, "train.epochs is true; expected 'auto' or a number"),
        ("train.epochs", [3], "train.epochs is [3]; expected 'auto' or a whole number"),
        ("train.epochs", {"x": 3}, "train.epochs is {'x': 3}; expected 'auto' or a whole number"),
        ("train.early_stopping", -1, "train.early_stopping is -1; expected 'auto' or a number of at least 0"),
        ("train.early_stopping", False, "train.early_stopping is false; expected 'auto' or a number"),
        ("train.learning_rate", "quick", "train.learning_rate is 'quick'; expected 'auto' or a number"),
        ("train.learning_rate", float("nan"), "train.learning_rate is nan; expected 'auto' or a finite number"),
        ("train.learning_rate", "inf", "train.learning_rate is 'inf'; expected 'auto' or a finite number"),
        ("train.weight_decay", False, "train.weight_decay is false; expected 'auto' or a number"),
        ("data.validation_share", 1, "data.validation_share is 1; expected a number below 1"),
        ("data.validation_share", True, "data.validation_share is true; expected a number"),
        ("text.max_length", 3, "text.max_length is 3; expected 'auto' or a number of at least 4"),
        ("seed", 2**31, "seed is 2147483648; expected a number below 2147483648"),
        ("seed", -1, "seed is -1; expected a number of at least 0"),
        ("seed", "9" * 5000, f"seed is '{'9' * 76}...; expected a whole number of fewer digits"),
        ("deterministic", "maybe", "deterministic is 'maybe'; expected true or false"),
        ("deterministic", [1], "deterministic is [1]; expected true or false"),
        ("text.lower_case", "maybe", "text.lower_case is 'maybe'; expected 'auto' or true or false"),
        ("data.bad_rows", "explode", "data.bad_rows is 'explode'; expected 'fail' or 'skip'"),
        ("data.bad_rows", True, "data.bad_rows is true; expected 'fail' or 'skip'"),
        (
            "train.strategy",
            "two",
            "train.strategy is 'two'; expected 'auto' or 'one', 'mirrored', 'multi_worker' or 'tpu'",
        ),
        ("name", 3, "name is 3; expected a string (put it in quotes)"),
        ("name", True, "name is true; expected a string (put it in quotes)"),
        ("name", ["a"], "name is ['a']; expected a string"),
        ("data.label", 1.5, "data.label is 1.5; expected 'auto' or a string (put it in quotes)"),
        ("data.label_separator", "", "data.label_separator is ''; expected no fewer characters than 1"),
        ("data.delimiter", "ab", "data.delimiter is 'ab'; expected no more characters than 1"),
        ("data.train", {"a": "b"}, "data.train is {'a': 'b'}; expected a string"),
        ("track", "tensorboard", "track is 'tensorboard'; expected a list, such as [a, b]"),
        ("track", ["tensorbored"], "track.0 is 'tensorbored'; expected 'tensorboard' or 'wandb'"),
        ("train.objectives", "focal", "train.objectives is 'focal'; expected 'auto' or a list, such as [a, b]"),
        ("train.objectives", [3], f"{OBJECTIVES} 3; expected a string (put it in quotes) or keys and values"),
        ("train.objectives", [{"a": 1}], "train.objectives.0.a is 1; expected keys and values"),
        (
            "train.class_weights",
            "heavy",
            "train.class_weights is 'heavy'; expected 'auto' or 'none', 'balanced' or 'square_root' or keys and values",
        ),
        ("answer.rules", ["x"], "answer.rules.0 is 'x'; expected keys and values, of: name, pattern, label, column"),
        ("answer.rules", [{**RULE, "column": 3}], "answer.rules.0.column is 3; expected 'text' or 'text_b'"),
        (
            "answer.rules",
            [RULE, {"name": "R2", "label": "a"}],
            "answer.rules.1 is {'name': 'R2', 'label': 'a'}; expected a value for pattern",
        ),
        (
            "answer.rules",
            [{"pattern": "x"}],
            "answer.rules.0 is {'pattern': 'x'}; expected a value for name and a value for label",
        ),
        (
            "answer.rules",
            [{**RULE, "patern": "x"}],
            "no field 'patern' in answer.rules.0; did you mean 'pattern'? (fields: name, pattern, label, column)",
        ),
        ("train.class_weights", {"spam": -2}, "train.class_weights.spam is -2; expected a number above 0"),
        ("train.class_weights", {1: 2}, "train.class_weights.1 is 1; expected a string (put it in quotes)"),
        ("text.chosen_share", 2.0, "text.chosen_share is 2.0; expected 'auto' or a number of at most 1"),
        ("train.buckets", [], "train.buckets is []; expected 'auto' or no fewer values than 1"),
        ("train.buckets", [[8]], "train.buckets.0 is [8]; expected one value more"),
        ("train.buckets", [[8, 0]], "train.buckets.0.1 is 0; expected a number above 0"),
        (
            "train.buckets",
            [[8, 32], [16, 16]],
            "train.buckets is [[8, 32], [16, 16]]; expected 'auto' or shapes [rows, length], each longer than the one "
            "before it",
        ),
        ("answer", "none", f"answer is 'none'; expected answer.FIELD=..., with a field of: {fields_of('answer')}"),
        ("data", None, f"data is null; expected data.FIELD=..., with a field of: {fields_of('data')}"),
    ],
)
def test_wrong_values(key: str, value: Any, expected: str) -> None:
    assert message({key: value}) == expected


@pytest.mark.parametrize("word", ["train=reviews.csv", "data=reviews.csv", "model=minilm"])
def test_a_section_given_as_a_value(word: str) -> None:
    section, _, value = word.partition("=")
    with pytest.raises(UsageError) as caught:
        read([word], Settings)
    assert str(caught.value) == (
        f"{section} is '{value}'; expected {section}.FIELD=..., with a field of: {fields_of(section)}"
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "null"),
        (True, "true"),
        ("a\nb", "'a\\nb'"),
        ("x" * 79, "'" + "x" * 76 + "..."),
        ("x" * 78, "'" + "x" * 78 + "'"),
        ([None], "[None]"),
    ],
)
def test_values_are_shown_on_one_short_line(value: Any, expected: str) -> None:
    assert shown(value) == expected
