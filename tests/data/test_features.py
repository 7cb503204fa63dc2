"""Feature columns: which kind they are, what is read of them, and every message word for word."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.data.checks import Where, examples, taken
from tfclassify.data.features import Features, check_names, check_the_same, features_of, planned
from tfclassify.data.sources import Columns
from tfclassify.errors import UsageError


def kind(values: Any, *, asked: str = "auto") -> tuple[str, str]:
    batch = pa.record_batch({"price": values if isinstance(values, pa.Array) else pa.array(values)})
    kinds, reason = planned(batch, {"price": asked}, location="FILE")
    return kinds["price"], reason


def no_kind(values: Any) -> str:
    with pytest.raises(UsageError) as caught:
        kind(values)
    return str(caught.value)


def made(values: Any, kind: str = "number", *, asked: Columns | None = None) -> Features:
    batch = pa.record_batch({"price": values if isinstance(values, pa.Array) else pa.array(values)})
    columns = asked or Columns("text", features=(("price", kind),))
    whole = batch.append_column("text", pa.array([f"text {row}" for row in range(batch.num_rows)], pa.string()))
    found = examples(whole, columns, where=Where("FILE", np.arange(1, batch.num_rows + 1)))
    assert found.features is not None
    return found.features


def message(values: Any, kind: str = "number") -> str:
    with pytest.raises(UsageError) as caught:
        made(values, kind)
    return str(caught.value)


def numbers(values: Any) -> list[float]:
    found = made(values).numbers["price"]
    assert found.dtype == np.float32
    return found.tolist()


@pytest.mark.parametrize(
    ("values", "expected", "reason"),
    [
        ([1.5, None], "number", "the column holds double"),
        ([1, 2], "number", "the column holds int64"),
        (["1", " 2.5 ", "", "-3e2", None], "number", "all 3 values of the first 5 rows are numbers"),
        ([True, False], "category", "it is true or false"),
        (
            ["red", "", "blue", "red"],
            "category",
            "values of the first 4 rows are texts, such as 'red', 2 different ones",
        ),
        # As a number it would be another one.
        (["10115", "01067"], "category", "values of the first 2 rows are texts, such as '01067', 2 different ones"),
        (["0.5", "0"], "number", "all 2 values of the first 2 rows are numbers"),
        (
            ["x" * 50, "y"] * 3,
            "category",
            f"values of the first 6 rows are texts, such as '{'x' * 36}..., 2 different ones",
        ),
    ],
)
def test_the_kind_of_a_column(values: Any, expected: str, reason: str) -> None:
    assert kind(values) == (expected, f"price is a {expected}: {reason}")


def test_a_kind_that_was_asked_for_is_not_looked_into() -> None:
    assert kind(["a", "b"], asked="number") == ("number", "")
    assert kind([1.5], asked="category") == ("category", "")


def test_columns_of_no_kind() -> None:
    assert (
        no_kind([[1], [2]]) == "data.features: column 'price' of FILE holds list<item: int64>; expected numbers or text"
    )
    assert no_kind(["", None]) == (
        "data.features: column 'price' of FILE is empty in the first 2 rows; leave it out, or set "
        "data.features={price: number} or data.features={price: category}"
    )
    assert no_kind(pa.nulls(3)).startswith("data.features: column 'price' of FILE is empty in the first 3 rows;")
    assert no_kind([f"text {number}" for number in range(20)]) == (
        "data.features: column 'price' of FILE has 20 different values in the first 20 rows, such as 'text 0'; "
        "expected numbers, or categories that rows share: leave it out, or set data.features={price: category}"
    )
    # Few rows cannot say so.
    assert kind([f"text {number}" for number in range(19)])[0] == "category"


def test_numbers_as_columns_hold_them() -> None:
    nan = float("nan")
    expected = [1.0, 2.5, nan]
    for values in (
        [1.0, 2.5, None],
        [1.0, 2.5, nan],
        ["1", " 2.5\t", ""],
        ["1", "2.5", "  "],
        ["1.0", "25e-1", "NaN"],
        pa.array(["1", "2.5", None], pa.large_string()),
        pa.array(["1", "2.5", None]).dictionary_encode(),
        pa.array(["1", "2.5", ""], pa.string_view()),
    ):
        np.testing.assert_array_equal(numbers(values), expected)
    assert numbers([True, False]) == [1.0, 0.0]
    assert numbers([2**60, 0]) == [float(2**60), 0.0]
    assert np.isnan(numbers(pa.nulls(2))).all()
    assert numbers(pa.array([], pa.string())) == []


def test_what_is_no_number() -> None:
    assert message(["1", "cheap", "", "NA"]) == (
        "data.features: column 'price' of FILE is 'cheap' in rows 2, 4; expected a finite number or nothing, or for "
        "texts data.features={price: category}, or set data.bad_rows=skip"
    )
    assert " is '1,5' in row 1; expected a finite number" in message(["1,5"])
    assert " is inf in row 2; expected a finite number" in message([1.0, float("inf")])
    assert " is 'Infinity' in row 1; expected a finite number" in message(["Infinity"])
    # Finite in a file, and not in 32 bits.
    assert " is 1e+39 in row 1; expected a finite number" in message([1e39])
    assert " is 'x' in rows 1, 2, 3, 4, 5 and 2 more; expected" in message(["x"] * 7)
    assert message([["1"]]) == (
        "data.features: column 'price' of FILE holds list<item: string>; expected numbers or text"
    )


def test_categories_as_columns_hold_them() -> None:
    for values, expected in (
        (["red", " red", "", None, "\u0130"], ["red", " red", "", "", "\u0130"]),
        ([7, None], ["7", ""]),
        ([True, False, None], ["true", "false", ""]),
        (pa.array(["a", None]).dictionary_encode(), ["a", ""]),
        (pa.nulls(2), ["", ""]),
    ):
        assert made(values, "category").categories["price"].to_pylist() == expected


def test_what_is_no_category() -> None:
    assert message([1.5], "category") == (
        "data.features: column 'price' of FILE holds double; expected text or integers for a category, because 1 and "
        "1.0 would be two categories"
    )
    assert message([[1]], "category") == (
        "data.features: column 'price' of FILE holds list<item: int64>; expected text or integers for a category"
    )
    broken = pa.StringArray.from_buffers(1, pa.array([0, 1], pa.int32()).buffers()[1], pa.py_buffer(b"\xff"))
    assert message(broken, "category") == "data.features: column 'price' of FILE is not UTF-8; expected text"


def test_rows_that_may_be_skipped() -> None:
    batch = pa.record_batch({"text": ["a", "b", ""], "price": ["1", "dear", "dear"]})
    columns = Columns("text", features=(("price", "number"),), bad_rows="skip", empty="drop")
    found = examples(batch, columns, where=Where("FILE", np.arange(1, 4)))
    assert found.bad.tolist() == [False, True, False]
    assert found.features is not None
    assert found.features.by_name == {"price": [1.0, None, None]}
    assert taken(found, ~found.bad).features.by_name == {"price": [1.0, None]}  # type: ignore[union-attr]


def test_a_batch_without_the_column() -> None:
    with pytest.raises(UsageError) as caught:
        made([1.5], asked=Columns("text", features=(("prize", "number"),)))
    assert str(caught.value) == "data.features: column 'prize' is not in FILE; columns are: price, text"


def test_what_is_missing_for_callers() -> None:
    batch = pa.record_batch({"price": [1.5, None], "brand": ["a", None]})
    columns = [("brand", "category"), ("price", "number")]
    found = features_of(batch, columns, location="FILE", mark=lambda *bad: None)
    assert found.by_name == {"price": [1.5, None], "brand": ["a", ""]}
    assert found.filtered(np.array([False, True])).by_name == {"price": [None], "brand": [""]}


@given(st.lists(st.none() | st.floats(-(2.0**100), 2.0**100, width=32) | st.just(float("nan")), max_size=20))
def test_numbers_come_back_as_they_were_written(values: list[float | None]) -> None:
    expected = [np.nan if value is None else value for value in values]
    np.testing.assert_array_equal(numbers(pa.array(values, pa.float32())), np.array(expected, np.float32))
    texts = pa.array(["" if value is None or value != value else repr(value) for value in values], pa.string())
    np.testing.assert_array_equal(numbers(texts), np.array(expected, np.float32))


@given(st.lists(st.none() | st.text(max_size=5), max_size=20))
def test_categories_come_back_as_they_were_written(values: list[str | None]) -> None:
    found = made(pa.array(values, pa.string()), "category").categories["price"]
    assert found.to_pylist() == [value or "" for value in values]


def refused(name: str, *more: str) -> str:
    roles = {"text": "review", "label": "stars", "weight": None, "id": "number"}
    with pytest.raises(UsageError) as caught:
        check_names(dict.fromkeys((name, *more), "auto"), roles, "FILE")
    return str(caught.value)


def test_columns_that_are_something_else() -> None:
    already = "data.features: column '{}' of FILE is data.{} already; expected columns beside it"
    assert refused("review") == already.format("review", "text")
    assert refused("stars") == already.format("stars", "label")
    assert refused("number") == already.format("number", "id")
    for name in ("text", "input_ids", "self"):
        assert refused(name) == (
            f"data.features: column '{name}' of FILE has the name of another input of the model; rename it"
        )


@pytest.mark.parametrize("name", ["unit price", "größe", "2nd", "_x", "class", "a.b", ""])
def test_names_that_inputs_cannot_have(name: str) -> None:
    assert refused(name) == (
        f"data.features: column '{name}' of FILE cannot name an input of a model; expected letters of a to z, digits "
        "and _, a letter first, and no word of the Python language: rename it"
    )


def test_names_that_differ_in_case_alone() -> None:
    assert refused("Price", "brand", "price") == (
        "data.features: column 'price' of FILE has the name of column 'Price' but for upper and lower case; rename one"
    )


def test_other_features_than_were_learnt() -> None:
    known = {"price": "number", "brand": "category"}
    for same in ({}, known, {"brand": "auto", "price": "auto"}):
        check_the_same(same, known, kind="run")
    for other, shown in (
        ({"price": "auto"}, "price"),
        ({"price": "number", "brand": "number"}, "price (number), brand (number)"),
    ):
        with pytest.raises(UsageError) as caught:
            check_the_same(other, known, kind="run")
        assert str(caught.value) == (
            f"data.features is {shown}, but the run was trained with the features price (number), brand (category); "
            "leave it out"
        )
    with pytest.raises(UsageError) as caught:
        check_the_same({"price": "auto"}, {}, kind="servable")
    assert str(caught.value) == "data.features is price, but the servable was trained without features; leave it out"
