"""What the estimator's X may be once features are named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tfclassify.data.tables import beside, columns_of
from tfclassify.settings import DataSettings

ROWS = [{"text": "a", "price": 1.5, "brand": "x"}, {"text": "b", "price": None, "brand": None}]
ASKED = DataSettings(features=["price", "brand"])


class Frame:
    """As much of a data frame as is looked at."""

    def __init__(self, columns: dict[str, list[Any]]) -> None:
        self.columns = list(columns)
        self._values = columns

    def __getitem__(self, name: str) -> np.ndarray:
        return np.array(self._values[name], object)

    def to_dict(self) -> dict[str, list[Any]]:
        return self._values


TABLES = {
    "rows": ROWS,
    "arrow": pa.Table.from_pylist(ROWS),
    "frame": Frame({"text": ["a", "b"], "price": [1.5, float("nan")], "brand": ["x", float("nan")]}),
}


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_tables(table: Any) -> None:
    texts, features = columns_of(table, ASKED)
    assert {name: column.to_pylist() for name, column in texts.items()} == {"text": ["a", "b"]}
    assert features == {"price": [1.5, None], "brand": ["x", None]}


def test_columns_of_other_names_and_pairs() -> None:
    rows = [{"question": "a", "answer": "b", "price": 1}]
    asked = DataSettings(text="question", text_b="answer", features=["price"])
    texts, features = columns_of(rows, asked)
    assert {name: column.to_pylist() for name, column in texts.items()} == {"text": ["a"], "text_b": ["b"]}
    assert features == {"price": [1]}
    texts, _ = columns_of([{"text": "a", "text_b": "b", "price": 1}], DataSettings(features=["price"]))
    assert list(texts) == ["text", "text_b"]


def test_texts_without_features() -> None:
    texts, features = columns_of(["a", "b"], DataSettings())
    assert texts["text"].to_pylist() == ["a", "b"]
    assert features == {}


@pytest.mark.parametrize(
    ("given", "asked", "expected"),
    [
        (["a"], ASKED, "X is no table; with data.features expected a data frame, an Arrow table or a list of dicts"),
        ([], ASKED, "X is no table; with data.features expected a data frame, an Arrow table or a list of dicts"),
        ([{"text": "a", "price": 1}], ASKED, "X has no column 'brand'; columns are: text, price"),
        ([{"price": 1, "brand": "x"}], ASKED, "X has no column 'text'; columns are: price, brand"),
        ([{**ROWS[0], "text": 3}], ASKED, "row 0 of X has a int; expected text"),
        (ROWS, DataSettings(), "row 0 of X has a dict; expected text; features are named in data.features"),
    ],
)
def test_what_is_no_table(given: Any, asked: DataSettings, expected: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the words are compared whole
        columns_of(given, asked)
    assert str(caught.value) == expected


def test_features_beside_other_columns() -> None:
    made = beside({"text": pa.array(["a"]), "label": pa.array(["x"])}, {"price": [1.5]})
    assert list(made) == ["text", "label", "price"]
    for features, expected in (
        ({"label": [1]}, "the feature 'label' has the name of the column of the label; rename it"),
        ({"price": [1, "a"]}, "column 'price' of X has values of unlike kinds; expected numbers, or texts"),
    ):
        with pytest.raises(ValueError) as caught:  # noqa: PT011  # the words are compared whole
            beside({"text": pa.array(["a", "b"]), "label": pa.array(["x", "y"])}, features)
        assert str(caught.value) == expected
