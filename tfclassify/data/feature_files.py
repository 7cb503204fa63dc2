"""The features of a token store: numbers as they are, categories as places in the list of their values."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tfclassify.data import ragged
from tfclassify.data.features import CATEGORY, NUMBER, Features, Given, of_kind
from tfclassify.errors import UsageError

NUMBERS, CATEGORIES = "feature_numbers.values", "feature_categories.values"
# Nothing that has so many values is one; and they are all held in memory.
MOST_VALUES = 100_000


@dataclass(frozen=True, eq=False)
class StoredFeatures:
    """The features of N rows, memory-mapped, row by row.

    Attributes:
        numbers: names of the A columns of numbers.
        categories: of the B columns of categories the different values, by name.
        number_values: float32[N * A], NaN where missing.
        category_places: int32[N * B], places in the values of the column.
    """

    numbers: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]
    number_values: NDArray[np.float32]
    category_places: NDArray[np.int32]

    def rows(self, places: NDArray[np.integer]) -> tuple[dict[str, NDArray[np.float32]], dict[str, NDArray[np.int32]]]:
        """Returns the numbers float32[R], and the places of the categories int32[R], of R rows, by name."""
        return _taken(self.number_values, self.numbers, places), _taken(self.category_places, self.categories, places)


def _taken(values: NDArray, names: Collection[str], places: NDArray[np.integer]) -> dict[str, NDArray]:
    # Without a name there is no value either, and no file that can be mapped.
    rows = np.asarray(values.reshape(-1, len(names))[places]) if names else values
    return {name: rows[:, column] for column, name in enumerate(names)}


@dataclass(frozen=True)
class FeatureFiles:
    """Two files open for appending rows, and the values of the categories so far with their places."""

    columns: Given
    numbers: BinaryIO
    categories: BinaryIO
    places: Mapping[str, dict[str, int]]
    location: str


def create(stack: ExitStack, folder: Path, columns: Given, location: str) -> FeatureFiles | None:
    """Opens the files of a store that has features; closed with the stack."""
    if not columns:
        return None
    numbers, categories = (stack.enter_context((folder / name).open("wb")) for name in (NUMBERS, CATEGORIES))
    return FeatureFiles(columns, numbers, categories, {name: {} for name in of_kind(columns, CATEGORY)}, location)


def append(files: FeatureFiles | None, features: Features | None) -> None:
    """Appends the features of some rows.

    Raises:
        UsageError: a category has too many different values.
    """
    if files is None or features is None:
        return
    if features.numbers:
        files.numbers.write(np.stack(list(features.numbers.values()), axis=1).tobytes())
    if features.categories:
        ids = [_places(files, name, column.to_pylist()) for name, column in features.categories.items()]
        files.categories.write(np.stack(ids, axis=1).tobytes())


def _places(files: FeatureFiles, name: str, values: list[str]) -> NDArray[np.int32]:
    known = files.places[name]
    made = np.array([known.setdefault(value, len(known)) for value in values], np.int32)
    if len(known) > MOST_VALUES:
        raise UsageError(
            f"data.features: column '{name}' of {files.location} has more than {MOST_VALUES} different values; "
            "expected a category that rows share; leave it out"
        )
    return made


def facts(files: FeatureFiles | None) -> dict[str, Any]:
    """Returns what has to be known to read the files again."""
    if files is None:
        return {}
    values = {name: list(known) for name, known in files.places.items()}
    return {"features": {"numbers": list(of_kind(files.columns, NUMBER)), "categories": values}}


def open_features(folder: Path, facts: Mapping[str, Any]) -> StoredFeatures | None:
    """Maps the files into memory, read only; None of a store without features."""
    if "features" not in facts:
        return None
    known = facts["features"]
    return StoredFeatures(
        tuple(known["numbers"]),
        {name: tuple(values) for name, values in known["categories"].items()},
        ragged.open_values(folder / NUMBERS, np.float32),
        ragged.open_values(folder / CATEGORIES, np.int32),
    )


def let_go(features: StoredFeatures | None) -> None:
    """Gives back the memory that the files take."""
    if features is not None:
        ragged.let_go(features.number_values, features.category_places)
