"""Which column is what: every decision with its reason, every message word for word."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.data.roles import LABEL_NAMES, TEXT_NAMES, resolve_columns
from tfclassify.data.sources import Columns
from tfclassify.errors import UsageError
from tfclassify.settings import DataSettings

# What the settings say of rows that are left out, where nobody says otherwise.
LIMITS: dict[str, Any] = {"bad_rows_limit": 0.01, "empty": "drop", "empty_limit": 0.5}


def decided(names: list[str], *, labelled: bool = True, **asked: Any) -> tuple[Columns, dict[str, tuple[Any, str]]]:
    return resolve_columns(names, DataSettings(**asked), location="FILE", labelled=labelled)


def message(names: list[str], *, labelled: bool = True, **asked: Any) -> str:
    with pytest.raises(UsageError) as caught:
        decided(names, labelled=labelled, **asked)
    return str(caught.value)


def test_columns_of_the_usual_names() -> None:
    columns, reasons = decided(["id", "text", "text_b", "label", "weight"])
    assert columns == Columns("text", text_b="text_b", label="label", id="id", encoding="utf-8", **LIMITS)
    assert reasons == {
        "data.text": ("text", "the column 'text' is there"),
        "data.text_b": ("text_b", "the column 'text_b' is there"),
        "data.label": ("label", "the column 'label' is there"),
        "data.id": ("id", "the column 'id' is there"),
    }


def test_columns_that_are_not_there() -> None:
    columns, reasons = decided(["text", "label"])
    assert columns == Columns("text", label="label", encoding="utf-8", **LIMITS)
    assert reasons["data.text_b"] == (None, "there is no column 'text_b'")
    assert reasons["data.id"] == (None, "there is no column 'id'")


@pytest.mark.parametrize("name", TEXT_NAMES)
def test_every_usual_name_of_a_text(name: str) -> None:
    columns, reasons = decided([name, "label"])
    assert columns.text == name
    assert reasons["data.text"] == (
        name,
        f"there is no column 'text', and '{name}' is the only usual name for one",
    )


@pytest.mark.parametrize("name", LABEL_NAMES)
def test_every_usual_name_of_a_label(name: str) -> None:
    columns, reasons = decided(["text", name])
    assert columns.label == name
    assert reasons["data.label"] == (
        name,
        f"there is no column 'label', and '{name}' is the only usual name for one",
    )


def test_a_column_of_the_name_itself_wins() -> None:
    columns, _ = decided(["review", "text", "category", "label"])
    assert (columns.text, columns.label) == ("text", "label")


def test_columns_as_asked_need_no_reason() -> None:
    columns, reasons = decided(
        ["a", "b", "c", "d", "e", "text", "label"], text="a", text_b="b", label="c", weight="d", id="e"
    )
    assert columns == Columns("a", text_b="b", label="c", weight="d", id="e", encoding="utf-8", **LIMITS)
    assert reasons == {}


def test_what_was_asked_of_reading_is_passed_on() -> None:
    asked: dict[str, Any] = {
        "label_separator": ";",
        "encoding": "cp1252",
        "delimiter": "|",
        "bad_rows": "skip",
        "bad_rows_limit": 0.2,
        "empty": "keep",
        "empty_limit": 0.3,
    }
    columns, _ = decided(["text", "labels"], text_b=None, **asked)
    assert columns == Columns("text", labels="labels", **asked)


def test_several_labels_by_the_name_of_the_column() -> None:
    columns, reasons = decided(["text", "labels"])
    assert (columns.label, columns.labels) == (None, "labels")
    assert reasons["data.labels"] == ("labels", "the column 'labels' is there: a row may have several labels")
    assert "data.label" not in reasons


@pytest.mark.parametrize(
    ("names", "asked", "label", "labels"),
    [
        (["text", "label", "labels"], {"label": "label"}, "label", None),
        (["text", "label", "labels"], {"labels": "labels"}, None, "labels"),
        (["text", "label", "labels"], {"label": None}, None, "labels"),
        (["text", "label", "labels"], {"labels": None}, "label", None),
        (["text", "labels"], {"label": "labels"}, "labels", None),
        (["text", "label"], {"labels": "label"}, None, "label"),
        (["text", "tags", "label"], {"labels": "tags"}, None, "tags"),
        (["text", "labels", "intent"], {"labels": None}, "intent", None),
        (["text", "label"], {"label": None}, None, None),
        (["text", "label"], {"label": None, "labels": None}, None, None),
    ],
)
def test_one_label_or_several(names: list[str], asked: Any, label: str | None, labels: str | None) -> None:
    columns, _ = decided(names, **asked)
    assert (columns.label, columns.labels) == (label, labels)


def test_rows_without_a_label() -> None:
    assert decided(["text"], labelled=False)[0].label is None
    assert decided(["text", "label"], labelled=False)[0].label == "label"
    assert decided(["text", "labels"], labelled=False)[0].labels == "labels"
    # A usual name is a guess, and none is needed here.
    assert decided(["text", "category"], labelled=False)[0].label is None


@pytest.mark.parametrize(
    ("names", "asked", "expected"),
    [
        (
            ["txt", "label"],
            {},
            "data.text: column 'text' is not in FILE; columns are: txt, label; did you mean 'txt'?",
        ),
        (
            ["Text", "label"],
            {},
            "data.text: column 'text' is not in FILE; columns are: Text, label; did you mean 'Text'?",
        ),
        (
            ["text", "Label"],
            {},
            "data.label: column 'label' is not in FILE; columns are: text, Label; did you mean 'Label'?",
        ),
        (["text"], {}, "data.label: column 'label' is not in FILE; columns are: text"),
        (
            ["review", "message", "label"],
            {},
            "data.text: column 'text' is not in FILE, and it could be 'review' or 'message'; set data.text",
        ),
        (
            ["text", "intent", "category", "class"],
            {},
            "data.label: column 'label' is not in FILE, and it could be 'intent' or 'category' or 'class'; "
            "set data.label",
        ),
        (
            ["text", "label", "labels"],
            {},
            "FILE has columns 'label' and 'labels'; set data.label=label or data.labels=labels",
        ),
        (
            ["text", "label", "labels"],
            {"label": "label", "labels": "labels"},
            "data.label and data.labels are both set; expected one: the latter for several labels a row",
        ),
        (
            ["text", "label"],
            {"text": "texts"},
            "data.text: column 'texts' is not in FILE; columns are: text, label; did you mean 'text'?",
        ),
        (
            ["text", "label"],
            {"text_b": "other"},
            "data.text_b: column 'other' is not in FILE; columns are: text, label; set data.text_b to one of them",
        ),
        (
            ["text", "label"],
            {"label": "zone"},
            "data.label: column 'zone' is not in FILE; columns are: text, label; set data.label to one of them",
        ),
        (
            ["text", "label"],
            {"labels": "zone"},
            "data.labels: column 'zone' is not in FILE; columns are: text, label; set data.labels to one of them",
        ),
        (
            ["text", "label"],
            {"weight": "zone"},
            "data.weight: column 'zone' is not in FILE; columns are: text, label; set data.weight to one of them",
        ),
        (
            ["text", "label"],
            {"id": "zone"},
            "data.id: column 'zone' is not in FILE; columns are: text, label; set data.id to one of them",
        ),
        (
            ["text", "review"],
            {"label": "text"},
            "data.text and data.label are both column 'text' of FILE; expected two columns",
        ),
        (
            ["text", "label"],
            {"text_b": "text"},
            "data.text and data.text_b are both column 'text' of FILE; expected two columns",
        ),
        (
            ["text;label"],
            {},
            "data.text: column 'text' is not in FILE; columns are: text;label"
            "; the header has ';' in it: set data.delimiter=';'",
        ),
        (
            ["text|label"],
            {},
            "data.text: column 'text' is not in FILE; columns are: text|label"
            "; the header has '|' in it: set data.delimiter='|'",
        ),
        (
            ["text\tlabel"],
            {},
            "data.text: column 'text' is not in FILE; columns are: text\tlabel"
            "; the header has tabs in it: set data.delimiter='\"\\t\"'",
        ),
        (
            ["it broke after a week", "neg"],
            {},
            "data.text: column 'text' is not in FILE; columns are: it broke after a week, neg"
            "; the first row looks like data: put one with the names of the columns above it, such as text,label",
        ),
        (
            ["17", "text body"],
            {},
            "data.text: column 'text' is not in FILE; columns are: 17, text body"
            "; the first row looks like data: put one with the names of the columns above it, such as text,label",
        ),
        (
            [f"c{place}" for place in range(21)],
            {},
            "data.text: column 'text' is not in FILE; columns are: "
            + ", ".join(f"c{p}" for p in range(20))
            + ", ...; set data.text to one of them",
        ),
        (
            ["id;sentence;outcome"],
            {},
            "data.text: column 'text' is not in FILE; columns are: id;sentence;outcome"
            "; the header has ';' in it: set data.delimiter=';'",
        ),
    ],
)
def test_refused(names: list[str], asked: Any, expected: str) -> None:
    assert message(names, **asked) == expected


NAMES = st.lists(
    st.sampled_from(["text", "text_b", "label", "labels", "id", "weight", "x", "y", *TEXT_NAMES, *LABEL_NAMES]),
    unique=True,
)


@given(names=NAMES, labelled=st.booleans())
def test_what_is_decided_is_there_and_has_a_reason(names: list[str], labelled: bool) -> None:
    try:
        columns, reasons = decided(names, labelled=labelled)
    except UsageError as error:
        assert "\n" not in str(error)  # noqa: PT017
        return
    assert columns.text in names
    assert columns.label is None or columns.labels is None
    assert (columns.label or columns.labels) is not None or not labelled
    for key, (value, reason) in reasons.items():
        assert getattr(columns, key.removeprefix("data.")) == value
        assert value is None or value in names
        assert reason
    for key in ("text_b", "label", "labels", "id"):
        value = getattr(columns, key)
        assert value is None or reasons[f"data.{key}"][0] == value
    assert columns.weight is None


@given(names=NAMES)
def test_the_order_of_the_columns_does_not_matter(names: list[str]) -> None:
    try:
        found = decided(names)
    except UsageError:
        with pytest.raises(UsageError):
            decided(names[::-1])
    else:
        assert decided(names[::-1]) == found
