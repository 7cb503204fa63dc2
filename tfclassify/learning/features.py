"""Features on their way to the network: measured on the training rows; encoded for batches, answers and baselines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isnan
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack

from tfclassify.data.feature_files import StoredFeatures, let_go
from tfclassify.data.features import CATEGORY, NUMBER, Kinds
from tfclassify.data.labelling import Split
from tfclassify.errors import UsageError, nearest
from tfclassify.model.features import (
    CATEGORIES,
    NUMBERS,
    Encoder,
    Measures,
    encode,
    encoder,
    frequent,
    indices_of,
    mean_and_spread,
)
from tfclassify.settings import Settings

Arrays = dict[str, NDArray]
Encode = Callable[[NDArray[np.int32]], Arrays]
# Features by name, of B rows: numbers, NaN or None where missing, or texts, "" or None where missing.
Columns = Mapping[str, Sequence[Any]]


def encoder_of(train: Split, settings: Settings) -> Encoder | None:
    """Measures the features of the training rows; None where the settings name none.

    Raises:
        UsageError: a category has no value that two rows share, or too many of them.
    """
    stored = train.store.features
    if stored is None:
        return None
    numbers, categories = _measured(train, stored)
    return encoder(Measures(numbers, categories, settings.model.feature_width))


def _measured(
    train: Split, stored: StoredFeatures
) -> tuple[dict[str, tuple[float, float]], dict[str, tuple[str, ...]]]:
    numbers, places = stored.rows(train.rows)
    counts = {name: np.bincount(places[name], minlength=len(values)) for name, values in stored.categories.items()}
    let_go(stored)
    return (
        {name: mean_and_spread(values) for name, values in numbers.items()},
        {name: frequent(values, counts[name].tolist(), name=name) for name, values in stored.categories.items()},
    )


def encoded_rows(known: Encoder | None, split: Split) -> Encode | None:
    """Returns what encodes some rows of a split, by their numbers; None without features."""
    stored = split.store.features
    if known is None or stored is None:
        return None
    # The values of a store are looked up once, not those of every row.
    tables = {name: indices_of(known, name, stored.categories[name]) for name in known.categories}

    def made(rows: NDArray[np.int32]) -> Arrays:
        numbers, places = stored.rows(split.rows[rows])
        let_go(stored)
        indices = [table[places[name]] for name, table in tables.items()]
        none = np.zeros((len(rows), 0), np.int32)
        made = known.traced_numbers(len(rows), *(numbers[name] for name in known.numbers)).numpy()
        return {NUMBERS: made, CATEGORIES: np.stack(indices, axis=1) if indices else none}

    return made


def encoded_given(known: Encoder, given: Columns, *, rows: int) -> Encode:
    """Returns what encodes some of B rows whose features are given.

    Args:
        known: the encoder.
        given: features by name, B each.
        rows: B.

    Raises:
        UsageError: a feature is missing, or a value is not of its kind.
    """
    columns = tensors(known, given)
    made = {name: values.numpy() for name, values in encode(known, columns, rows=tf.constant(rows)).items()}
    return lambda chosen: {name: values[chosen] for name, values in made.items()}


def tensors(known: Encoder, given: Columns) -> dict[str, tf.Tensor]:
    """Returns features as a graph takes them: numbers float32[B], categories string[B].

    Raises:
        UsageError: a feature is missing, or a value is not of its kind.
    """
    kinds = {**dict.fromkeys(known.numbers, NUMBER), **dict.fromkeys(known.categories, CATEGORY)}
    dtypes = {NUMBER: tf.float32, CATEGORY: tf.string}
    return {name: tf.constant(values, dtypes[kinds[name]]) for name, values in checked(kinds, given).items()}


def checked(kinds: Kinds, given: Columns) -> dict[str, NDArray]:
    """Returns features as arrays: numbers float32[B], NaN where missing; categories UTF-8 in an array of objects [B].

    Args:
        kinds: of the features by name.
        given: features by name, B each.

    Raises:
        UsageError: a feature is missing or unknown, or a value is not of its kind.
    """
    for name in given:
        if name not in kinds:
            raise UsageError(f"there is no feature '{name}'; features are: {', '.join(kinds)}{nearest(name, kinds)}")
    for name in kinds:
        if name not in given:
            raise UsageError(f"the feature '{name}' is not given; expected {', '.join(kinds)}, None for nothing")
    made = {NUMBER: as_numbers, CATEGORY: as_texts}
    return {name: made[kind](name, given[name]) for name, kind in kinds.items()}


def as_numbers(name: str, values: Sequence[Any]) -> NDArray[np.float32]:
    """Returns numbers as float32[B], NaN for None.

    Raises:
        UsageError: a value is no finite number.
    """
    for row, value in enumerate(values, 1):
        if value is not None and not isinstance(value, int | float | np.number):
            raise UsageError(
                f"feature '{name}' is {value!r} in row {row}; expected a number, or None where it is missing"
            )
    with np.errstate(over="ignore"):
        return np.array([np.nan if value is None else value for value in values], np.float64).astype(np.float32)


def as_texts(name: str, values: Sequence[Any]) -> NDArray:
    """Returns categories as UTF-8 in an array of objects [B], "" for None; integers, true and false as files have them.

    Raises:
        UsageError: a value is something else.
    """
    return np.array([_text(name, value, row).encode() for row, value in enumerate(values, 1)], object)


def _text(name: str, value: Any, row: int) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | np.integer):
        return str(value)
    raise UsageError(f"feature '{name}' is {value!r} in row {row}; expected text, or None where it is missing")


def beside_text(known: Encoder | None, split: Split, rows: NDArray[np.integer] | None = None) -> csr_matrix | None:
    """Returns the features of some or all rows of a split as a linear model takes them, [N, F]; None without any."""
    encode_rows = encoded_rows(known, split)
    if known is None or encode_rows is None:
        return None
    chosen = np.arange(len(split), dtype=np.int32) if rows is None else rows.astype(np.int32)
    made = encode_rows(chosen)
    marks = [_marks(made[CATEGORIES][:, column], size) for column, size in enumerate(known.measures.sizes)]
    return hstack([csr_matrix(made[NUMBERS]), *marks], format="csr")


def _marks(indices: NDArray[np.int32], size: int) -> csr_matrix:
    """Returns a 1 at the index of each row, float32[N, size]."""
    rows = np.arange(len(indices))
    return csr_matrix((np.ones(len(indices), np.float32), (rows, indices)), shape=(len(indices), size))


def given_of(stored: StoredFeatures, places: NDArray[np.integer]) -> dict[str, tuple[Any, ...]]:
    """Returns the features of some rows of a store as callers give them: numbers, None where missing, and texts."""
    numbers, found = stored.rows(places)
    plain = {name: [None if isnan(value) else value for value in column.tolist()] for name, column in numbers.items()}
    texts = {name: [stored.categories[name][place] for place in column.tolist()] for name, column in found.items()}
    return {name: tuple(column) for name, column in (plain | texts).items()}
