"""Features on their way to the network: measured on the training rows alone, the same from store and caller."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_stores import split_of, store

from tfclassify.data.feature_files import StoredFeatures
from tfclassify.data.labelling import Split
from tfclassify.errors import UsageError
from tfclassify.learning.features import (
    as_numbers,
    as_texts,
    beside_text,
    encoded_given,
    encoded_rows,
    encoder_of,
    given_of,
)
from tfclassify.model.features import CATEGORIES, NUMBERS, Encoder
from tfclassify.settings import Settings, parse

SETTINGS = parse({"model.feature_width": 8}, Settings)
NAN = float("nan")
PRICES = [1.0, 5.0, NAN, 100.0, 3.0]
BRANDS = ["x", "y", "", "z", "x"]


def split(rows: list[int]) -> Split:
    """Rows of a store of five, of whose features the training may see no others."""
    values = tuple(dict.fromkeys(BRANDS))
    stored = StoredFeatures(
        ("price",),
        {"brand": values},
        np.array(PRICES, np.float32),
        np.array([values.index(brand) for brand in BRANDS], np.int32),
    )
    made = replace(store(["a", "b", "c", "d", "e"]), features=stored)
    return split_of(made, rows, [0] * len(rows))


def known() -> Encoder:
    made = encoder_of(split([0, 1, 2, 4]), SETTINGS)
    assert made is not None
    return made


def test_features_are_measured_on_the_training_rows() -> None:
    measures = known().measures
    # 100 is of another split, as is the brand z; of the brand y there is one row.
    assert measures.numbers == {"price": (3.0, 2.0)}
    assert measures.categories == {"brand": ("x",)}
    assert measures.width == 8


def test_a_store_without_features() -> None:
    plain = split_of(store(["a", "b"]), [0, 1], [0, 1])
    assert encoder_of(plain, SETTINGS) is None
    assert encoded_rows(None, plain) is None
    assert beside_text(None, plain) is None


def test_rows_of_a_store_are_what_callers_give() -> None:
    rows = np.arange(5, dtype=np.int32)
    every = split([0, 1, 2, 3, 4])
    of_store = encoded_rows(known(), every)
    assert of_store is not None
    assert every.store.features is not None
    given = given_of(every.store.features, every.rows)
    assert given == {"price": (1.0, 5.0, None, 100.0, 3.0), "brand": ("x", "y", "", "z", "x")}
    of_caller = encoded_given(known(), given, rows=5)
    for chosen in (rows, rows[[3, 0]], rows[:0]):
        for name, values in of_store(chosen).items():
            np.testing.assert_array_equal(values, of_caller(chosen)[name])
    assert of_store(rows)[NUMBERS].tolist() == [[-1, 0], [1, 0], [0, 1], [10, 0], [0, 0]]
    assert of_store(rows)[CATEGORIES].tolist() == [[2], [1], [0], [1], [2]]


def test_features_beside_the_text_of_a_linear_model() -> None:
    made = beside_text(known(), split([0, 1, 2, 3, 4]), np.array([2, 0]))
    assert made is not None
    # A number, its flag, and one column for each index of the category.
    assert made.toarray().tolist() == [[0, 1, 1, 0, 0], [-1, 0, 0, 0, 1]]


def test_numbers_of_callers() -> None:
    made = as_numbers("price", [1, 2.5, None, NAN, np.float32(3), True])
    assert made.dtype == np.float32
    np.testing.assert_array_equal(made, np.array([1, 2.5, NAN, NAN, 3, 1], np.float32))
    with pytest.raises(UsageError) as caught:
        as_numbers("price", [1, "2"])
    assert str(caught.value) == "feature 'price' is '2' in row 2; expected a number, or None where it is missing"


def test_categories_of_callers() -> None:
    assert as_texts("brand", ["é", None, "", 7, True, np.int64(3)]).tolist() == [
        "é".encode(), b"", b"", b"7", b"true", b"3",
    ]  # fmt: skip
    for wrong in (1.5, NAN, ["a"], b"a"):
        with pytest.raises(UsageError) as caught:
            as_texts("brand", ["a", wrong])
        assert str(caught.value) == (
            f"feature 'brand' is {wrong!r} in row 2; expected text, or None where it is missing"
        )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"price": [1]}, "the feature 'brand' is not given; expected price, brand, None for nothing"),
        (
            {"price": [1], "brnd": ["x"]},
            "there is no feature 'brnd'; features are: price, brand; did you mean 'brand'?",
        ),
        ({}, "the feature 'price' is not given; expected price, brand, None for nothing"),
    ],
)
def test_other_features_than_there_are(given: dict[str, list[Any]], expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        encoded_given(known(), given, rows=1)
    assert str(caught.value) == expected
