"""What a servable is tried on: texts of the user's own rows, with what is true of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfclassify.data import ragged
from tfclassify.data.labelling import LabelMap, Split, in_scope
from tfclassify.learning.features import given_of
from tfclassify.model.routes import TEXT, TEXT_B


@dataclass(frozen=True)
class Questions:
    """N rows: ``texts`` by the name of the input, N each; ``truth`` the labels of each, None of a row of no class.

    ``features`` are further inputs by name, N each: numbers, None where missing, or texts, "" where missing.
    """

    texts: dict[str, tuple[str, ...]]
    truth: tuple[frozenset[str] | None, ...]
    features: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.truth)


def questions(split: Split, labels: LabelMap) -> Questions:
    """Reads the rows of a split."""
    store = split.store
    columns = {TEXT: store.text, **({TEXT_B: store.text_b} if store.text_b is not None else {})}
    texts = {name: tuple(ragged.decode(column, int(row)) for row in split.rows) for name, column in columns.items()}
    inside = in_scope(split)
    truth = tuple(_labels(split.truth[row], labels) if inside[row] else None for row in range(len(split)))
    features = {} if store.features is None else given_of(store.features, split.rows)
    return Questions(texts, truth, features)


def answered(asked: Questions, answer: Callable[..., list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Asks what answers texts, and takes their features where there are any."""
    return answer(*asked.texts.values(), **({"features": asked.features} if asked.features else {}))


def some(asked: Questions, rows: int) -> Questions:
    """Returns so many of the rows, spread evenly over all of them; all where there are no more."""
    if len(asked) <= rows:
        return asked
    return chosen(asked, np.linspace(0, len(asked) - 1, rows).astype(int).tolist())


def of_a_class(asked: Questions) -> Questions:
    """Returns the rows that are of one of the classes."""
    return chosen(asked, [row for row, labels in enumerate(asked.truth) if labels is not None])


def chosen(asked: Questions, rows: list[int]) -> Questions:
    """Returns rows by their numbers."""
    texts, features = (
        {name: tuple(column[row] for row in rows) for name, column in columns.items()}
        for columns in (asked.texts, asked.features)
    )
    return Questions(texts, tuple(asked.truth[row] for row in rows), features)


def _labels(truth: np.ndarray | np.integer, labels: LabelMap) -> frozenset[str]:
    if isinstance(truth, np.ndarray) and truth.ndim:
        return frozenset(labels.names[place] for place in np.flatnonzero(truth))
    return frozenset([labels.names[int(truth)]])
