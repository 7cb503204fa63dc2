"""What is checked in a batch, every message word for word."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.data.checks import Examples, Where, examples, without_bad
from tfclassify.data.sources import Columns
from tfclassify.errors import UsageError

TEXT = Columns("text")
LABEL = Columns("text", label="label")
LABELS = Columns("text", labels="labels")
WEIGHT = Columns("text", weight="weight")
ID = Columns("text", id="id")
PAIR = Columns("text", text_b="text_b")
OR_SKIP = ", or set data.bad_rows=skip"


def batch_of(**columns: Any) -> pa.RecordBatch:
    arrays = {name: values if isinstance(values, pa.Array) else pa.array(values) for name, values in columns.items()}
    rows = max((len(array) for array in arrays.values()), default=0)
    arrays.setdefault("text", pa.array([f"text {row}" for row in range(rows)], pa.string()))
    return pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays))


def checked(columns: Columns, first_row: int = 1, **values: Any) -> Examples:
    batch = batch_of(**values)
    return examples(batch, columns, where=Where("FILE", np.arange(first_row, first_row + batch.num_rows)))


def message(columns: Columns, first_row: int = 1, **values: Any) -> str:
    with pytest.raises(UsageError) as caught:
        checked(columns, first_row, **values)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def dictionary(values: list[Any]) -> pa.Array:
    return pa.array(values).dictionary_encode()


def not_utf8() -> pa.Array:
    """A column of text that holds a byte which is no UTF-8, as Parquet files of careless writers do."""
    data = pa.array([b"a", b"\xe9"])
    return pa.Array.from_buffers(pa.string(), 2, data.buffers())


# Texts


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["a", None, " b "]),
        pa.array(["a", None, " b "], pa.large_string()),
        pa.array(["a", None, " b "], pa.string_view()),
        dictionary(["a", None, " b "]),
        pa.array(["x", "a", None, " b "])[1:],
    ],
    ids=["string", "large", "view", "dictionary", "slice"],
)
def test_texts_are_kept_as_they_are_and_null_is_empty(column: pa.Array) -> None:
    found = checked(TEXT, text=column)
    assert found.text.type == pa.string()
    assert found.text.to_pylist() == ["a", "", " b "]
    assert found.empty.tolist() == [False, True, False]


def test_a_column_of_nulls_is_of_empty_texts() -> None:
    assert checked(TEXT, text=pa.nulls(2)).text.to_pylist() == ["", ""]


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ([1, 2], "int64"),
        ([1.5], "double"),
        ([True], "bool"),
        ([b"a"], "binary"),
        ([["a"]], "list<item: string>"),
        ([date(2020, 1, 1)], "date32[day]"),
        (dictionary([1, 2]), "int64"),
    ],
)
def test_texts_that_are_none(column: Any, kind: str) -> None:
    assert message(TEXT, text=column) == f"data.text: column 'text' of FILE holds {kind}; expected text"


def test_text_that_is_not_utf8() -> None:
    expected = "data.text: column 'text' of FILE is not UTF-8 in row 2; expected text, or set data.bad_rows=skip"
    assert message(TEXT, text=not_utf8()) == expected


def test_a_column_that_is_not_there() -> None:
    columns = Columns("txt")
    assert message(columns, text=["a"], label=["x"]) == (
        "data.text: column 'txt' is not in FILE; columns are: text, label; did you mean 'text'?"
    )
    assert message(replace(LABEL, label="zone"), text=["a"]) == (
        "data.label: column 'zone' is not in FILE; columns are: text"
    )


EMPTY = ["", " ", "\t\r\n\v\f", "\x1c\x1d\x1e\x1f\x85", "\u00a0\u1680\u2003\u2028\u2029\u202f\u205f\u3000"]
ZERO_WIDTH = ["\u200b", "\u200c\u200d", "\u2060", "\ufeff", " \u200b "]
SEEN = [".", "\x01", "\u0301", "🙂", "\u200b.", "\u200f", "\u3164x", "é"]


def test_which_texts_are_empty() -> None:
    assert checked(TEXT, text=EMPTY).empty.all()
    assert checked(TEXT, text=ZERO_WIDTH).empty.all()
    assert not checked(TEXT, text=SEEN).empty.any()


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5))
def test_empty_is_what_python_strips(text: str) -> None:
    stripped = "".join(char for char in text if char not in "\u200b\u200c\u200d\u2060\ufeff").strip()
    assert checked(TEXT, text=[text]).empty.tolist() == [not stripped]


def test_a_pair_with_either_text_empty_is_empty() -> None:
    found = checked(PAIR, text=["a", "", "a", None], text_b=["b", "b", " ", "b"])
    assert found.empty.tolist() == [False, True, True, True]
    assert found.text_b is not None
    assert found.text_b.to_pylist() == ["b", "b", " ", "b"]


# Labels


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (["x", " y ", "É"], ["x", " y ", "É"]),
        (["01", "1", "1.0"], ["01", "1", "1.0"]),
        (["NA", "null", "Nan"], ["NA", "null", "Nan"]),
        ([1, -2, 2**62], ["1", "-2", str(2**62)]),
        (pa.array([255, 0], pa.uint8()), ["255", "0"]),
        ([True, False], ["true", "false"]),
        (dictionary(["x", "y", "x"]), ["x", "y", "x"]),
        (dictionary([7, 8]), ["7", "8"]),
        (pa.array(["x"], pa.large_string()), ["x"]),
        (["a|b"], ["a|b"]),
        (["a/b\n'\"🙂" + "c" * 10_000], ["a/b\n'\"🙂" + "c" * 10_000]),
    ],
)
def test_labels_are_as_written(column: Any, expected: list[str]) -> None:
    assert checked(LABEL, label=column).labels.to_pylist() == [[label] for label in expected]


def test_no_labels_asked_for() -> None:
    assert checked(TEXT, text=["a", "b"], label=[None, 1.5]).labels.to_pylist() == [[], []]


@pytest.mark.parametrize(
    ("column", "kind", "why"),
    [
        ([1.0, 2.0], "double", ", because 1 and 1.0 would be two labels"),
        (pa.array([1.0], pa.float32()), "float", ", because 1 and 1.0 would be two labels"),
        (dictionary([1.5]), "double", ", because 1 and 1.0 would be two labels"),
        ([b"x"], "binary", ""),
        ([["x"]], "list<item: string>", ""),
        ([date(2020, 1, 1)], "date32[day]", ""),
        ([Decimal("1.0")], "decimal128(2, 1)", ""),
    ],
)
def test_labels_that_are_none(column: Any, kind: str, why: str) -> None:
    assert message(LABEL, label=column) == (
        f"data.label: column 'label' of FILE holds {kind}; expected text or integers{why}"
    )


@pytest.mark.parametrize(
    ("column", "rows"),
    [
        (["x", None], "row 12"),
        (["x", "", "y", " "], "rows 12, 14"),
        ([None, 1], "row 11"),
        (["\u200b"], "row 11"),
        (pa.nulls(7), "rows 11, 12, 13, 14, 15 and 2 more"),
        (dictionary(["x", None]), "row 12"),
        (pa.array([True, None]), "row 12"),
    ],
)
def test_a_label_in_every_row(column: Any, rows: str) -> None:
    assert message(LABEL, 11, label=column) == (
        f"data.label: column 'label' of FILE is empty in {rows}; expected a label in every row{OR_SKIP}"
    )


def test_a_label_that_is_not_utf8() -> None:
    assert (
        message(LABEL, label=not_utf8())
        == "data.label: column 'label' of FILE is not UTF-8 in row 2; expected text, or set data.bad_rows=skip"
    )


# Several labels


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (["a|b", "", "c", "a | b ", "|a||", " | "], [["a", "b"], [], ["c"], ["a", "b"], ["a"], []]),
        ([["a", "b"], [], [" c "], ["a|b"], ["", "a"]], [["a", "b"], [], ["c"], ["a|b"], ["a"]]),
        (pa.array([["a"], []], pa.large_list(pa.large_string())), [["a"], []]),
        (pa.array([["a"], ["b", "a"]], pa.list_(pa.dictionary(pa.int32(), pa.string()))), [["a"], ["b", "a"]]),
        ([[1, 2], [3]], [["1", "2"], ["3"]]),
        ([1, 2], [["1"], ["2"]]),
        (dictionary(["a|b", "c"]), [["a", "b"], ["c"]]),
        (["a a|a a"], [["a a", "a a"]]),
    ],
)
def test_several_labels(column: Any, expected: list[list[str]]) -> None:
    found = checked(LABELS, labels=column).labels
    assert found.to_pylist() == expected
    assert found.type == pa.list_(pa.string())


def test_a_separator_of_ones_own() -> None:
    assert checked(replace(LABELS, label_separator=", "), labels=["a, b|c"]).labels.to_pylist() == [["a", "b|c"]]
    assert checked(replace(LABELS, label_separator=".*"), labels=["a.*b", "ab"]).labels.to_pylist() == [
        ["a", "b"],
        ["ab"],
    ]


LABEL_LISTS = st.lists(st.lists(st.text("ab |", max_size=3), max_size=3), min_size=1, max_size=6)


@given(rows=LABEL_LISTS, start=st.integers(0, 6))
def test_several_labels_of_a_slice(rows: list[list[str]], start: int) -> None:
    wanted = [[label.strip() for label in row if label.strip()] for row in rows[start:]]
    column = pa.array(rows, pa.list_(pa.string()))[start:]
    assert checked(LABELS, labels=column).labels.to_pylist() == wanted
    joined = pa.array(["|".join(row) for row in rows], pa.string())[start:]
    split = [[part.strip() for part in text.split("|") if part.strip()] for text in joined.to_pylist()]
    assert checked(LABELS, labels=joined).labels.to_pylist() == split


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (
            [["a"], None],
            "is null in row 2; expected labels in every row, an empty text or list for none" + OR_SKIP,
        ),
        (
            ["a", None],
            "is null in row 2; expected labels in every row, an empty text or list for none" + OR_SKIP,
        ),
        (
            pa.nulls(2),
            "is null in rows 1, 2; expected labels in every row, an empty text or list for none" + OR_SKIP,
        ),
        ([[], ["a", None], ["b"], [None]], "has a null label in rows 2, 4; expected text, or set data.bad_rows=skip"),
        ([[1.0]], "holds double; expected text or integers, because 1 and 1.0 would be two labels"),
        ([1.0], "holds double; expected text or integers, because 1 and 1.0 would be two labels"),
        ([[["a"]]], "holds list<item: string>; expected text or integers"),
        (not_utf8(), "is not UTF-8 in row 2; expected text, or set data.bad_rows=skip"),
    ],
)
def test_several_labels_that_are_none(column: Any, expected: str) -> None:
    assert message(LABELS, labels=column) == f"data.labels: column 'labels' of FILE {expected}"


# Weights


@pytest.mark.parametrize(
    "column",
    [
        ["0.5", " 2 ", "1e1"],
        ["\t0.5", "2\n", "10"],
        [0.5, 2.0, 10.0],
        pa.array([0.5, 2.0, 10.0], pa.float32()),
        [Decimal("0.5"), Decimal("2.0"), Decimal("10.0")],
        dictionary(["0.5", "2", "10"]),
        pa.array(["0.5", "2", "10"], pa.large_string()),
    ],
)
def test_weights(column: Any) -> None:
    found = checked(WEIGHT, weight=column).weights
    assert found.dtype == np.float32
    assert found.tolist() == [0.5, 2.0, 10.0]


def test_weights_of_nothing() -> None:
    assert checked(WEIGHT, text=["a", "b"]).weights.tolist() == [1.0, 1.0]
    assert checked(TEXT, text=["a"], weight=["x"]).weights.tolist() == [1.0]
    assert checked(WEIGHT, weight=[0, 3, 2**60]).weights.tolist() == [0.0, 3.0, 2.0**60]


@pytest.mark.parametrize(
    ("column", "value", "rows"),
    [
        (["1", "-0.1"], "'-0.1'", "row 2"),
        (["1", "", "x"], "''", "rows 2, 3"),
        (["1_000"], "'1_000'", "row 1"),
        (["1_000", "x"], "'1_000'", "rows 1, 2"),
        (["nan", "1"], "'nan'", "row 1"),
        (["inf"], "'inf'", "row 1"),
        (["1e400"], "'1e400'", "row 1"),
        (["1e39"], "'1e39'", "row 1"),
        (["1", None], "None", "row 2"),
        ([1.0, None], "None", "row 2"),
        ([float("nan"), 1.0], "nan", "row 1"),
        ([1, -1], "-1", "row 2"),
        ([True], "True", "row 1"),
        ([[1.0]], "[1.0]", "row 1"),
        ([date(2020, 1, 1)], "datetime.date(2020, 1, 1)", "row 1"),
        (pa.nulls(1), "None", "row 1"),
    ],
)
def test_weights_that_are_none(column: Any, value: str, rows: str) -> None:
    assert message(WEIGHT, weight=column) == (
        f"data.weight: column 'weight' of FILE is {value} in {rows}; expected a finite number of at least 0{OR_SKIP}"
    )


# Ids


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (["a", None], ["a", ""]),
        ([1, 2], ["1", "2"]),
        ([1.5, 2.0], ["1.5", "2"]),
        (dictionary(["a", "b"]), ["a", "b"]),
        (pa.array(["a", "b"], pa.large_string()), ["a", "b"]),
        ([date(2020, 1, 1)], ["2020-01-01"]),
        ([b"a"], ["a"]),
    ],
)
def test_ids(column: Any, expected: list[str]) -> None:
    found = checked(ID, id=column).id
    assert found is not None
    assert found.to_pylist() == expected


def test_ids_are_row_numbers_where_there_are_none() -> None:
    found = checked(ID, 41, text=["a", "b"]).id
    assert found is not None
    assert found.to_pylist() == ["41", "42"]
    assert checked(TEXT, text=["a"], id=["x"]).id is None


def test_ids_that_are_none() -> None:
    assert message(ID, id=[["a"]]) == (
        "data.id: column 'id' of FILE holds list<item: string>; expected text or numbers, or data.id=null to go without"
    )
    assert (
        message(ID, id=[b"\xff"]) == "data.id: column 'id' of FILE holds binary; "
        "expected text or numbers, or data.id=null to go without"
    )
    assert (
        message(ID, id=not_utf8())
        == "data.id: column 'id' of FILE is not UTF-8 in row 2; expected text, or set data.bad_rows=skip"
    )


# Rows that cannot be used


def skipping(columns: Columns, **values: Any) -> list[int]:
    """Returns the rows that are bad, where they may be skipped."""
    return (np.flatnonzero(checked(replace(columns, bad_rows="skip"), **values).bad) + 1).tolist()


def test_a_nul_is_no_text() -> None:
    assert message(TEXT, text=["a", "b\0c"]) == (
        f"data.text: column 'text' of FILE holds a NUL character in row 2; expected text without any{OR_SKIP}"
    )
    assert message(LABEL, label=["x\0"]) == (
        f"data.label: column 'label' of FILE holds a NUL character in row 1; expected text without any{OR_SKIP}"
    )
    assert message(LABELS, labels=["x", "y|x\0"]) == (
        f"data.labels: column 'labels' of FILE holds a NUL character in row 2; expected text without any{OR_SKIP}"
    )


@pytest.mark.parametrize("label", ["nan", "NaN"])
def test_there_is_no_class_called_nan(label: str) -> None:
    expected = "a label in every row; where it is the name of one, give it another, or set data.bad_rows=skip"
    assert message(LABEL, label=["x", label]) == (
        f"data.label: column 'label' of FILE is NaN, not a number, in row 2; expected {expected}"
    )
    assert message(LABELS, labels=["x", f"x|{label}"]) == (
        f"data.labels: column 'labels' of FILE is NaN, not a number, in row 2; expected {expected}"
    )


@pytest.mark.parametrize(
    ("columns", "values", "bad"),
    [
        (TEXT, {"text": ["a", "\0", "", "b"]}, [2]),
        (TEXT, {"text": not_utf8()}, [2]),
        (PAIR, {"text": ["a", "b", "c"], "text_b": ["\0", "b", None]}, [1]),
        (LABEL, {"label": ["x", "", None, "nan", "y\0", "y"]}, [2, 3, 4, 5]),
        (LABEL, {"label": not_utf8()}, [2]),
        (LABELS, {"labels": ["x", None, "a|nan", "", "y"]}, [2, 3]),
        (LABELS, {"labels": [["x", None], None, [], ["NaN"], ["y\0", "x"], ["y"]]}, [1, 2, 4, 5]),
        (WEIGHT, {"weight": ["1", "-1", "x", "", "2"]}, [2, 3, 4]),
        (replace(LABEL, weight="weight"), {"label": ["", "x", "y"], "weight": [1, -1, 1]}, [1, 2]),
    ],
)
def test_rows_that_may_be_skipped_are_marked(columns: Columns, values: dict[str, Any], bad: list[int]) -> None:
    assert skipping(columns, **values) == bad


def test_a_row_that_is_dropped_needs_no_label() -> None:
    blank = {"text": ["a", "", " ", "b"], "label": ["x", "", None, "y"], "weight": [1.0, None, -1.0, 2.0]}
    columns = replace(LABEL, weight="weight", empty="drop")
    found = checked(columns, **blank)
    assert found.empty.tolist() == [False, True, True, False]
    assert not found.bad.any()
    assert found.weights[[0, 3]].tolist() == [1.0, 2.0]
    assert skipping(columns, **blank) == []
    assert "is empty in rows 2, 3" in message(replace(columns, empty="keep"), **blank)
    assert "is null in row 2" in message(replace(LABELS, empty="drop"), text=["", "b"], labels=[None, None])


def test_what_is_left_without_bad_rows() -> None:
    where = Where("FILE", np.array([4, 5, 9]))
    columns = replace(LABEL, text_b="text_b", id="id", bad_rows="skip")
    batch = batch_of(text=["a", "b", "c"], text_b=["p", "q", "r"], label=["x", "", "y"])
    found, left = without_bad(examples(batch, columns, where=where), where)
    assert (found.text.to_pylist(), found.labels.to_pylist()) == (["a", "c"], [["x"], ["y"]])
    assert (found.text_b.to_pylist(), found.id.to_pylist()) == (["p", "r"], ["4", "9"])  # type: ignore[union-attr]
    assert (found.weights.tolist(), found.empty.tolist(), found.bad.tolist()) == ([1, 1], [False] * 2, [False] * 2)
    assert left.rows.tolist() == [4, 9]


# Rows


def test_rows_are_named_by_their_numbers() -> None:
    where = Where("FILE", np.array([3, 8, 9]))
    batch = batch_of(label=["", "x", ""])
    with pytest.raises(UsageError, match="is empty in rows 3, 9; expected"):
        examples(batch, LABEL, where=where)
    assert examples(batch, ID, where=where).id.to_pylist() == ["3", "8", "9"]  # type: ignore[union-attr]


def test_no_rows() -> None:
    columns = Columns("text", text_b="text_b", label="label", weight="weight", id="id")
    none = pa.array([], pa.string())
    found = checked(columns, text=none, text_b=none, label=none, weight=none, id=none)
    assert (len(found.text), len(found.labels), len(found.weights), len(found.empty)) == (0, 0, 0, 0)
    several = checked(LABELS, text=none, labels=pa.array([], pa.list_(pa.string())))
    assert several.labels.to_pylist() == []
    assert checked(LABELS, text=none, labels=none).labels.to_pylist() == []
