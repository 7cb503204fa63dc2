"""From the words of a command line, or plain values, to settings; and every word that is refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from tfclassify.errors import UsageError
from tfclassify.settings import (
    AnswerSettings,
    DataSettings,
    EvaluateRequest,
    ModelSettings,
    PredictRequest,
    Settings,
    TextSettings,
    TrainSettings,
    changed,
    keys,
    parse,
    read,
)
from tfclassify.settings.dialect import line
from tfclassify.settings.explaining import shown

NUMBERS = {"allow_nan": False, "allow_infinity": False}
SETTINGS = st.builds(
    Settings,
    run=st.none() | st.text(),
    name=st.none() | st.text() | st.sampled_from(["no", "1e5", "007", "2024-01-05", "null", "~", "'", "#", "- a"]),
    seed=st.integers(0, 2**31 - 1),
    deterministic=st.booleans(),
    track=st.lists(st.sampled_from(["tensorboard", "wandb"]), unique=True).map(tuple),
    data=st.builds(
        DataSettings,
        train=st.none() | st.text(),
        text_b=st.none() | st.just("auto") | st.text(),
        label_separator=st.text(min_size=1),
        delimiter=st.none() | st.characters(exclude_categories=["Cs"]),
        max_rows=st.none() | st.integers(min_value=1),
        validation_share=st.floats(0, 1, exclude_max=True),
    ),
    text=st.builds(TextSettings, lower_case=st.just("auto") | st.booleans()),
    model=st.builds(ModelSettings, dropout=st.just("auto") | st.floats(0, 1, exclude_max=True)),
    train=st.builds(
        TrainSettings,
        epochs=st.just("auto") | st.integers(min_value=1),
        learning_rate=st.just("auto") | st.floats(0, exclude_min=True, **NUMBERS),
        buckets=st.sampled_from(["auto", ((8, 16), (4, 32))]),
        objectives=st.sampled_from(["auto", ("focal",), ("focal", {"r_drop": {"weight": 1e-05, "on": True}})]),
        class_weights=st.sampled_from(["auto", "balanced"])
        | st.dictionaries(st.text(), st.floats(0, exclude_min=True, **NUMBERS)),
    ),
    answer=st.just(AnswerSettings()),
)
TEXT = st.text() | st.text("[]{}:,#&*!|>'\"%@-?=~. \n\t019aeENn_<")
KEYS = st.sampled_from([*keys(Settings), *Settings.model_fields, "--seed", "data..train", "train.epochs.x"]) | TEXT
WORDS = TEXT | st.builds("{}={}".format, KEYS, TEXT)


def given_of(*words: str) -> dict[str, Any]:
    return read(words, Settings).model_dump(exclude_defaults=True)


def message(*words: str, tree: type[BaseModel] = Settings) -> str:
    with pytest.raises(UsageError) as caught:
        read(words, tree)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def refusal(work: Callable[[], object]) -> str | None:
    try:
        work()
    except UsageError as error:
        return str(error)
    return None


def text_of(settings: Settings) -> str:
    return "\n".join(line(key, value) for key, value in settings.model_dump(mode="json").items())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_nothing_at_all_is_the_defaults() -> None:
    assert read([], Settings) == Settings()
    assert parse({}, Settings) == Settings()


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("train.epochs=3", {"train": {"epochs": 3}}),
        ("--train.epochs=3", {"train": {"epochs": 3}}),
        ("train.epochs=auto", {}),
        ("train.learning_rate=3e-4", {"train": {"learning_rate": 3e-4}}),
        ("train.learning_rate=1", {"train": {"learning_rate": 1.0}}),
        ("train.batch_size=1_000", {"train": {"batch_size": 1000}}),
        ("train.early_stopping=0", {"train": {"early_stopping": 0}}),
        ("seed=7", {"seed": 7}),
        ("deterministic=true", {"deterministic": True}),
        ("deterministic=yes", {"deterministic": True}),
        ("deterministic=off", {}),
        ("text.lower_case=false", {"text": {"lower_case": False}}),
        ("train.objectives=[cross_entropy]", {"train": {"objectives": ("cross_entropy",)}}),
        ("train.objectives=[a, {b: {weight: 1e-3}}]", {"train": {"objectives": ("a", {"b": {"weight": 1e-3}})}}),
        ("train.buckets=[[8, 16], [4, 32]]", {"train": {"buckets": ((8, 16), (4, 32))}}),
        ("train.class_weights={spam: 2, 1: 3}", {"train": {"class_weights": {"spam": 2.0, "1": 3.0}}}),
        ("train.class_weights.spam=2", {"train": {"class_weights": {"spam": 2.0}}}),
        ("track=[tensorboard]", {"track": ("tensorboard",)}),
        ("track=[tensorboard, wandb]", {"track": ("tensorboard", "wandb")}),
        ("track=[]", {}),
        ("data.text_b=null", {"data": {"text_b": None}}),
        ("data.text_b=", {"data": {"text_b": None}}),
        ("data.text_b=~", {"data": {"text_b": None}}),
        ("data.weight=none", {"data": {"weight": "none"}}),
        ("data.label=1", {"data": {"label": "1"}}),
        ("data.label=007", {"data": {"label": "007"}}),
        ("data.label=1.50", {"data": {"label": "1.50"}}),
        ("data.label='auto'", {}),
        ("data.out_of_scope_label=-1", {"data": {"out_of_scope_label": "-1"}}),
        ("name=no", {"name": "no"}),
        ("name=1e5", {"name": "1e5"}),
        ("name=true", {"name": "true"}),
        ("name=---", {"name": "---"}),
        ("name='null'", {"name": "null"}),
        ('name="a\\tb"', {"name": "a\tb"}),
        ("name=run #3", {"name": "run #3"}),
        ("name=日本語 é", {"name": "日本語 é"}),
        ("name=it's", {"name": "it's"}),
        ("name='it's", {"name": "'it's"}),
        ("name=a: b", {"name": "a: b"}),
        ("name=- x", {"name": "- x"}),
        ("name= a ", {"name": " a "}),
        ("name=a=b=c", {"name": "a=b=c"}),
        ("name=" + "9" * 5000, {"name": "9" * 5000}),
        ("name=" + "[" * 5000, {"name": "[" * 5000}),
        ("run=2024-01-05", {"run": "2024-01-05"}),
        ("run=2024-13-45", {"run": "2024-13-45"}),
        ("data.label_separator=|", {}),
        ("data.label_separator=>", {"data": {"label_separator": ">"}}),
        ("data.label_separator=#", {"data": {"label_separator": "#"}}),
        ("data.label_separator=@", {"data": {"label_separator": "@"}}),
        ("data.label_separator=,", {"data": {"label_separator": ","}}),
        ("data.label_separator= ", {"data": {"label_separator": " "}}),
        ("data.label_separator=' | '", {"data": {"label_separator": " | "}}),
        ("data.delimiter=;", {"data": {"delimiter": ";"}}),
        ("data.delimiter=\t", {"data": {"delimiter": "\t"}}),
        ('data.delimiter="\\t"', {"data": {"delimiter": "\t"}}),
        ("data.delimiter==", {"data": {"delimiter": "="}}),
        ("data.delimiter=:", {"data": {"delimiter": ":"}}),
        ("data.train=[draft].csv", {"data": {"train": "[draft].csv"}}),
        ("data.train=*.csv", {"data": {"train": "*.csv"}}),
        ("data.train=tfds:imdb_reviews", {"data": {"train": "tfds:imdb_reviews"}}),
    ],
)
def test_overrides(word: str, expected: dict[str, Any]) -> None:
    assert given_of(word) == expected


def test_of_two_values_the_later_wins(folder: Path) -> None:
    (folder / "a.yaml").write_text("train: {epochs: 1, batch_size: 8}\nseed: 1\n")
    (folder / "b.yml").write_text("train.epochs: 5\n")
    assert given_of("seed=2", "seed=3") == {"seed": 3}
    assert given_of("a.yaml", "train.epochs=2")["train"] == {"epochs": 2, "batch_size": 8}
    assert given_of("train.epochs=2", "a.yaml")["train"] == {"epochs": 1, "batch_size": 8}
    assert given_of("a.yaml", "b.yml")["train"] == {"epochs": 5, "batch_size": 8}
    assert given_of("b.yml", "train.epochs=2", "b.yml")["train"] == {"epochs": 5}
    assert given_of("train.class_weights=balanced", "train.class_weights.x=2")["train"] == {"class_weights": {"x": 2}}
    assert given_of("train.class_weights.x=2", "train.class_weights=balanced")["train"]["class_weights"] == "balanced"


def test_maps_given_twice_are_joined() -> None:
    assert given_of("train.class_weights={a: 1, b: 2}", "train.class_weights={b: 3}") == {
        "train": {"class_weights": {"a": 1.0, "b": 3.0}}
    }


def test_files(folder: Path) -> None:
    (folder / "empty.yaml").write_text("# nothing yet\n")
    (folder / "marked.yaml").write_bytes(b"\xef\xbb\xbfname: \xc3\xa9\r\n")
    (folder / "types.yaml").write_text("train.learning_rate: 3e-4\ndeterministic: yes\nname: no\nrun: 2024-01-05\n")
    assert given_of("empty.yaml") == {}
    assert given_of("marked.yaml") == {"name": "é"}
    assert given_of("types.yaml") == {
        "train": {"learning_rate": 3e-4},
        "deterministic": True,
        "name": "no",
        "run": "2024-01-05",
    }


def test_files_that_are_refused(folder: Path) -> None:
    (folder / "settings.yaml").mkdir()
    (folder / "list.yaml").write_text("- a\n- b\n")
    (folder / "word.yaml").write_text("epochs")
    (folder / "utf16.yaml").write_bytes("name: é".encode("utf-16"))
    (folder / "twice.yaml").write_text("train:\n  epochs: 1\ndata: {}\ntrain:\n  seed: 1\n")
    (folder / "odd.yaml").write_text("a: [1\nb: 2\n")
    (folder / "number.yaml").write_text("name: 3\n")
    (folder / "control.yaml").write_text("name: \x07\n")
    long_name = "x" * 300 + ".yaml"
    assert message("twise.yaml") == "settings file 'twise.yaml' does not exist; did you mean 'twice.yaml'?"
    assert message("no/where.yaml") == "settings file 'no/where.yaml' does not exist"
    assert message("settings.yaml") == "settings file 'settings.yaml' is a folder"
    assert message(long_name) == f"settings file '{long_name}' does not exist"
    assert message("list.yaml") == "settings file 'list.yaml' holds ['a', 'b']; expected keys and values"
    assert message("word.yaml") == "settings file 'word.yaml' holds 'epochs'; expected keys and values"
    assert message("utf16.yaml") == "settings file 'utf16.yaml' is not UTF-8 (byte 0)"
    assert message("twice.yaml") == (
        "settings file 'twice.yaml' is not YAML: the key 'train' is given twice (line 4, column 1)"
    )
    assert message("odd.yaml") == (
        "settings file 'odd.yaml' is not YAML: expected ',' or ']', but got ':' (line 2, column 2)"
    )
    assert message("control.yaml") == (
        "settings file 'control.yaml' is not YAML: unacceptable character #x0007: special characters are not allowed "
        'in "<unicode string>", position 6'
    )
    assert message("number.yaml") == "name is 3; expected a string (put it in quotes)"


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser reads every file")
def test_a_file_that_may_not_be_read(folder: Path) -> None:
    (folder / "secret.yaml").write_text("seed: 1\n")
    (folder / "secret.yaml").chmod(0)
    assert message("secret.yaml") == "settings file 'secret.yaml' cannot be read: Permission denied"


def test_trouble_of_the_disk_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> str:
        raise PermissionError(13, "Permission denied")

    (folder / "secret.yaml").write_text("seed: 1\n")
    monkeypatch.setattr(Path, "read_text", broken)
    assert message("secret.yaml") == "settings file 'secret.yaml' cannot be read: Permission denied"


NEITHER = "is neither a settings file (.yaml) nor an override (section.key=value, such as data.train=FILE)"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("reviews.csv", f"'reviews.csv' {NEITHER}"),
        ("", f"'' {NEITHER}"),
        (".", f"'.' {NEITHER}"),
        ("--verbose", f"'--verbose' {NEITHER}"),
        (
            "brand]",
            f"'brand]' {NEITHER}; a value with spaces is given in quotes, such as 'data.features=[price, brand]'",
        ),
        ("train.epoch", f"'train.epoch' {NEITHER}; did you mean 'train.epochs'?"),
        ("train.epochs", "train.epochs has no value; give it as train.epochs=..."),
        ("--seed", "seed has no value; give it as seed=..."),
        ("=3", "'=3' names no key; expected section.key=value"),
        ("--=3", "'--=3' names no key; expected section.key=value"),
    ],
)
def test_words_that_are_neither(word: str, expected: str) -> None:
    assert message(word) == expected


@pytest.mark.parametrize(("tree", "key"), [(Settings, "data.train"), (PredictRequest, "input")])
def test_a_file_without_its_key(folder: Path, tree: type[BaseModel], key: str) -> None:
    (folder / "reviews.csv").write_text("text,label\n")
    assert message("reviews.csv", tree=tree) == f"'reviews.csv' {NEITHER}; did you mean '{key}=reviews.csv'?"


def test_keys_may_be_nested_or_dotted() -> None:
    nested = {"train": {"epochs": 3, "class_weights": {"a.b": 2.0}}, "data": {"train": "x.csv"}}
    dotted = {"train.epochs": 3, "data.train": "x.csv", "train.class_weights": {"a.b": 2.0}}
    assert parse(nested, Settings) == parse(dotted, Settings)
    assert parse(nested, Settings).train.class_weights == {"a.b": 2.0}
    assert parse({"train": TrainSettings(epochs=3)}, Settings).train.epochs == 3


def test_settings_pass_as_they_are() -> None:
    settings = Settings(seed=3)
    assert parse(settings, Settings) is settings


@pytest.mark.parametrize("values", ["settings.yaml", 3, ["seed=1"], AnswerSettings()])
def test_values_that_are_no_mapping(values: Any) -> None:
    with pytest.raises(UsageError) as caught:
        parse(values, Settings)
    assert str(caught.value) == f"the settings are {shown(values)}; expected keys and values"


def test_what_was_given_is_not_changed() -> None:
    values = {"train": {"epochs": 3}, "train.epochs": 4}
    assert parse(values, Settings).train.epochs == 4
    assert values == {"train": {"epochs": 3}, "train.epochs": 4}


def test_a_change_makes_other_settings() -> None:
    settings = Settings(train=TrainSettings(epochs=3, class_weights={"a": 1.0}))
    other = changed(settings, {"train.epochs": 4, "seed": 5})
    assert (other.train.epochs, other.seed) == (4, 5)
    assert (settings.train.epochs, settings.seed) == (3, 0)
    assert other.train.class_weights == {"a": 1.0}
    assert changed(settings, {}) == settings
    assert type(changed(EvaluateRequest(run="x"), {"run": "y"})) is EvaluateRequest


def test_a_change_is_validated() -> None:
    with pytest.raises(UsageError, match=r"^train\.epochs is -1; expected 'auto' or a number above 0$"):
        changed(Settings(), {"train.epochs": -1})


@given(st.lists(WORDS, max_size=3), st.sampled_from([Settings, EvaluateRequest, PredictRequest]))
def test_any_words_are_read_or_refused_in_one_line(words: list[str], tree: type[BaseModel]) -> None:
    said = refusal(lambda: read(words, tree))
    assert said is None or len(said.splitlines()) == 1


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.binary() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers(), inner, max_size=3),
    max_leaves=4,
)


@given(st.dictionaries(st.text() | st.sampled_from(keys(Settings)), VALUES, max_size=3))
def test_any_values_are_taken_or_refused_in_one_line(values: dict[str, Any]) -> None:
    said = refusal(lambda: parse(values, Settings))
    assert said is None or len(said.splitlines()) == 1


@given(SETTINGS)
def test_settings_written_and_read_are_the_same(settings: Settings) -> None:
    assert parse(yaml.safe_load(text_of(settings)), Settings) == settings
    assert parse(settings.model_dump(), Settings) == settings


def test_a_written_file_is_read_by_its_name(folder: Path) -> None:
    settings = Settings(name="1e5", train=TrainSettings(epochs=3, learning_rate=1e-05))
    (folder / "plan.yaml").write_text(text_of(settings), encoding="utf-8")
    assert read(["plan.yaml"], Settings) == settings
