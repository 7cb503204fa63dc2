"""The features of a token store: what was written comes back, by name, row by row, with the rows that are kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfclassify.data import feature_files
from tfclassify.data.pieces import Pieces
from tfclassify.data.sources import Columns
from tfclassify.data.token_store import Reading, TokenStore, let_go, open_store
from tfclassify.display import SILENT
from tfclassify.errors import UsageError

FEATURES = (("brand", "category"), ("price", "number"), ("size", "number"))


def opened(folder: Path, rows: list[dict[str, Any]], features: Any = FEATURES, *, empty: str = "drop") -> TokenStore:
    folder.mkdir(exist_ok=True)
    place, vocabulary = folder / "rows.jsonl", folder / "vocabulary.txt"
    place.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    vocabulary.write_text("a\n" * 9, encoding="utf-8")
    pieces = Pieces(lambda texts: tf.strings.unicode_decode(texts, "UTF-8"), vocabulary, True, ord("?"))
    reading = Reading(Columns("text", features=features), empty, None)
    return open_store(str(place), reading, pieces, cache=folder, display=SILENT)


def row(text: str, **features: Any) -> dict[str, Any]:
    return {"text": text, **features}


ROWS = [
    row("a", brand="x", price=1, size=0.5),
    row(" ", brand="never", price=2, size=0.5),
    row("b", brand=None, price=None, size=1.5),
    row("c", brand="y", price="3.25", size=-1),
    row("d", brand="x", size=None),
]


def test_rows_and_their_features(tmp_path: Path) -> None:
    made = opened(tmp_path, ROWS).features
    assert made is not None
    assert made.categories == {"brand": ("x", "", "y")}
    numbers, places = made.rows(np.arange(4))
    np.testing.assert_array_equal(numbers["price"], np.array([1, np.nan, 3.25, np.nan], np.float32))
    np.testing.assert_array_equal(numbers["size"], np.array([0.5, 1.5, -1, np.nan], np.float32))
    assert places["brand"].tolist() == [0, 1, 2, 0]
    numbers, places = made.rows(np.array([2, 0]))
    assert numbers["price"].tolist() == [3.25, 1.0]
    assert places["brand"].tolist() == [2, 0]


def test_a_row_of_some_bytes(tmp_path: Path) -> None:
    store = opened(tmp_path, [row(f"text {number}", brand="x", price=1, size=2) for number in range(5000)])
    assert store.features is not None
    assert store.features.number_values.nbytes == 5000 * 2 * 4
    assert store.features.category_places.nbytes == 5000 * 4
    let_go(store)
    assert store.features.rows(np.array([4999]))[0]["size"].tolist() == [2.0]


@pytest.mark.parametrize("features", [(), FEATURES[:1], FEATURES[1:]], ids=["none", "categories", "numbers"])
def test_features_of_one_kind_or_none(tmp_path: Path, features: Any) -> None:
    made = opened(tmp_path, ROWS, features).features
    if not features:
        assert made is None
        return
    assert made is not None
    numbers, places = made.rows(np.arange(4))
    assert {*numbers, *places} == {name for name, _ in features}


def test_other_features_are_another_store(tmp_path: Path) -> None:
    first = opened(tmp_path, ROWS)
    other = opened(tmp_path, ROWS, (("brand", "category"), ("price", "category"), ("size", "number")))
    assert first.features is not None
    assert other.features is not None
    assert len([path for path in (tmp_path / "token_stores").iterdir() if path.is_dir()]) == 2
    assert other.features.categories["price"] == ("1", "", "3.25")


def test_a_category_of_too_many_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_files, "MOST_VALUES", 3)
    rows = [row(f"text {number}", brand=f"{number % 4}", price=1, size=1) for number in range(9)]
    with pytest.raises(UsageError) as caught:
        opened(tmp_path, rows)
    assert str(caught.value) == (
        f"data.features: column 'brand' of {tmp_path / 'rows.jsonl'} has more than 3 different values; expected a "
        "category that rows share; leave it out"
    )
    assert opened(tmp_path, [each for each in rows if each["brand"] != "3"]).features is not None


def test_a_wrong_value_is_named_with_its_row(tmp_path: Path) -> None:
    rows = [row("a", brand="x", price=1, size=1), row("b", brand="x", price="dear", size=1)]
    with pytest.raises(UsageError) as caught:
        opened(tmp_path, rows)
    assert str(caught.value) == (
        f"data.features: column 'price' of {tmp_path / 'rows.jsonl'} is 'dear' in row 2; expected a finite number or "
        "nothing, or for texts data.features={price: category}, or set data.bad_rows=skip"
    )
