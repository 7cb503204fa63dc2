"""Features as the network takes them: every case of a number and of a category, the same in every kind of graph."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfclassify.errors import UsageError
from tfclassify.model import features as features_module
from tfclassify.model.features import (
    CATEGORIES,
    NUMBERS,
    Encoder,
    Measures,
    encode,
    encoder,
    frequent,
    indices_of,
    input_specs,
    mean_and_spread,
    measures_of,
    tables,
)

MEASURES = Measures({"price": (3.0, 4.0), "size": (0.1, 0.5)}, {"brand": ("x", "y", "[UNK]")}, 4)
FLOATS = st.floats(width=32, allow_subnormal=False)


def encoded(known: Encoder, **given: list[float] | list[str]) -> dict[str, np.ndarray]:
    specs = input_specs(known)
    tensors = {name: tf.constant(values, specs[name].dtype) for name, values in given.items()}
    rows = len(next(iter(given.values())))
    return {name: value.numpy() for name, value in encode(known, tensors, rows=tf.constant(rows)).items()}


def test_numbers() -> None:
    nan, infinity = float("nan"), float("inf")
    prices = [3.0, 7.0, -1.0, 1e9, -1e9, nan, infinity, -infinity]
    made = encoded(encoder(Measures({"price": (3.0, 4.0)}, {}, 4)), price=prices)
    assert made[NUMBERS].tolist() == [
        [0.0, 0.0],
        [1.0, 0.0],
        [-1.0, 0.0],
        # However far, it is not further than that.
        [10.0, 0.0],
        [-10.0, 0.0],
        # Missing: the mean, and a flag.
        [0.0, 1.0],
        [0.0, 1.0],
        [0.0, 1.0],
    ]
    assert made[CATEGORIES].shape == (8, 0)
    assert {name: value.dtype for name, value in made.items()} == {NUMBERS: np.float32, CATEGORIES: np.int32}


def test_categories() -> None:
    values = ["", "z", "x", "y", "X", " x", "[UNK]", "\0", "\u00e9"]
    known = encoder(Measures({}, {"brand": ("x", "y", "[UNK]")}, 4))
    made = encoded(known, brand=values)
    assert made[CATEGORIES].tolist() == [[0], [1], [2], [3], [1], [1], [4], [1], [1]]
    assert made[NUMBERS].shape == (9, 0)
    assert indices_of(known, "brand", values).tolist() == made[CATEGORIES][:, 0].tolist()
    assert indices_of(known, "brand", []).dtype == np.int32


def test_flags_come_behind_the_numbers() -> None:
    made = encoded(encoder(MEASURES), price=[7.0, float("nan")], size=[float("nan"), 0.6], brand=["x", ""])
    np.testing.assert_allclose(made[NUMBERS], [[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]], atol=1e-6)
    assert MEASURES.flags_and_numbers == 4
    assert MEASURES.sizes == (5,)


# Each example writes a SavedModel.
@settings(max_examples=5)
@given(st.lists(FLOATS, min_size=1, max_size=30), st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_the_same_in_a_saved_graph_and_out_of_it(
    tmp_path_factory: pytest.TempPathFactory, values: list[float], center: float, width: float
) -> None:
    """Whatever optimizers make of a division: the spread is a power of two."""
    sample = (center + width * np.random.default_rng(0).normal(size=50)).astype(np.float32)
    known = encoder(Measures({"price": mean_and_spread(sample)}, {"brand": ("x", "y")}, 4))
    brands = [("x", "y", "z", "")[row % 4] for row in range(len(values))]
    expected = encoded(known, price=values, brand=brands)
    made = tf.function(
        lambda **columns: encode(known, columns, rows=tf.shape(columns["price"])[0]), autograph=False
    ).get_concrete_function(**input_specs(known))
    frozen = tf.Module()
    frozen.tables = tables(known)
    folder = str(tmp_path_factory.mktemp("saved"))
    tf.saved_model.save(frozen, folder, signatures={"encode": made})
    found = tf.saved_model.load(folder).signatures["encode"](price=tf.constant(values), brand=tf.constant(brands))
    for name in (NUMBERS, CATEGORIES):
        np.testing.assert_array_equal(found[name], expected[name])


@given(st.lists(st.none() | st.floats(-1e9, 1e9), max_size=30))
def test_mean_and_spread(values: list[float | None]) -> None:
    column = np.array([np.nan if value is None else value for value in values], np.float32)
    known = column[~np.isnan(column)].astype(np.float64)
    mean, spread = mean_and_spread(column)
    assert np.frexp(spread)[0] == 0.5
    assert mean == (np.float32(known.mean()) if len(known) else 0.0)
    deviation = known.std() if len(known) else 0.0
    if deviation > 2.0**-60:
        assert 0.7 < deviation / spread < 1.42
    elif not deviation:
        assert spread == 1.0


def test_moments_of_dates_in_seconds() -> None:
    """Squares of such numbers are beyond what 32 bits tell apart."""
    seconds = 1.7e9 + 86_400.0 * np.arange(100)
    mean, spread = mean_and_spread(seconds.astype(np.float32))
    assert mean == pytest.approx(seconds.mean(), abs=128)
    assert spread == 2.0**21


def test_values_that_rows_share() -> None:
    values, counts = ["b", "a", "", "once", "\0", "c"], [2, 2, 9, 1, 3, 5]
    assert frequent(values, counts, name="brand") == ("c", "a", "b")


def test_categories_of_no_use(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError) as caught:
        frequent(["a", "b", ""], [1, 1, 7], name="brand")
    assert str(caught.value) == (
        "data.features: no two training rows have the same value in column 'brand'; expected a category that rows "
        "share; leave it out"
    )
    monkeypatch.setattr(features_module, "MOST_VALUES", 1)
    with pytest.raises(UsageError) as caught:
        frequent(["a", "b"], [2, 2], name="brand")
    assert str(caught.value) == (
        "data.features: column 'brand' has 2 different values that training rows share; expected at most "
        "1; leave it out"
    )


def test_measures_are_written_and_read(tmp_path: Path) -> None:
    text = json.dumps(MEASURES.described())
    assert measures_of(json.loads(text)) == MEASURES
    values = {"price": [0.123], "size": [4.5], "brand": ["y"]}
    for name, value in encoded(encoder(measures_of(json.loads(text))), **values).items():
        np.testing.assert_array_equal(value, encoded(encoder(MEASURES), **values)[name])
