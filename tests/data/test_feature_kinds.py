"""The kinds of features are decided by the first rows of the training data, and only where nobody said them."""

from __future__ import annotations

from pathlib import Path

from tfclassify.data.feature_kinds import planned_columns
from tfclassify.data.sources import Columns


def test_the_kinds_of_a_file(tmp_path: Path) -> None:
    place = tmp_path / "rows.csv"
    place.write_text("text,price,brand\na,1.5,x\nb,,y\n", encoding="utf-8")
    asked = Columns("text", features=(("price", "auto"), ("brand", "auto")))
    columns, reasons = planned_columns(asked, str(place))
    assert columns.features == (("price", "number"), ("brand", "category"))
    assert reasons == {
        "data.features": (
            {"price": "number", "brand": "category"},
            "price is a number: all 1 values of the first 2 rows are numbers; "
            "brand is a category: values of the first 2 rows are texts, such as 'x', 2 different ones",
        )
    }


def test_a_kind_that_was_said_stays(tmp_path: Path) -> None:
    place = tmp_path / "rows.csv"
    place.write_text("text,price,brand\na,1.5,7\n", encoding="utf-8")
    asked = Columns("text", features=(("price", "auto"), ("brand", "category")))
    columns, reasons = planned_columns(asked, str(place))
    assert columns.features == (("price", "number"), ("brand", "category"))
    assert reasons["data.features"][0] == {"price": "number", "brand": "category"}


def test_nothing_is_read_where_nothing_is_to_be_decided(tmp_path: Path) -> None:
    for features in ((), (("price", "number"),)):
        columns = Columns("text", features=features)
        assert planned_columns(columns, str(tmp_path / "nowhere.csv")) == (columns, {})
