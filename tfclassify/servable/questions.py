"""What a servable is tried on: texts of the user's own rows, with what is true of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfclassify.data import ragged
from tfclassify.data.labelling import LabelMap, Split, in_scope
from tfclassify.servable.graph import TEXT, TEXT_B


@dataclass(frozen=True)
class Questions:
    """N rows: ``texts`` by the name of the input, N each; ``truth`` the labels of each, None of a row of no class."""

    texts: dict[str, tuple[str, ...]]
    truth: tuple[frozenset[str] | None, ...]

    def __len__(self) -> int:
        return len(self.truth)


def questions(split: Split, labels: LabelMap) -> Questions:
    """Reads the rows of a split."""
    store = split.store
    columns = {TEXT: store.text, **({TEXT_B: store.text_b} if store.text_b is not None else {})}
    texts = {name: tuple(ragged.decode(column, int(row)) for row in split.rows) for name, column in columns.items()}
    inside = in_scope(split)
    truth = tuple(_labels(split.truth[row], labels) if inside[row] else None for row in range(len(split)))
    return Questions(texts, truth)


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
    texts = {name: tuple(column[row] for row in rows) for name, column in asked.texts.items()}
    return Questions(texts, tuple(asked.truth[row] for row in rows))


def _labels(truth: np.ndarray | np.integer, labels: LabelMap) -> frozenset[str]:
    if isinstance(truth, np.ndarray) and truth.ndim:
        return frozenset(labels.names[place] for place in np.flatnonzero(truth))
    return frozenset([labels.names[int(truth)]])
