"""From the label names of a store to the numbers that a network learns; the label map is the training split's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tfclassify.data import ragged
from tfclassify.data.token_store import CHUNK_ROWS, TokenStore, let_go
from tfclassify.errors import UsageError, excerpt, nearest

OUT_OF_SCOPE = -1
UNKNOWN = -2
NAMED_LABELS = 5


@dataclass(frozen=True)
class Split:
    """Some rows of a store.

    ``truth`` is int32[N], a class or -1 for out of scope; in a multi-label task it is bool[N, C].
    """

    store: TokenStore
    rows: NDArray[np.int32]
    truth: NDArray

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class LabelMap:
    """C label names in the order of the network's outputs, and the name of what is none of them."""

    names: tuple[str, ...]
    multilabel: bool
    out_of_scope: str | None = None

    @property
    def numbers(self) -> Mapping[str, int]:
        """The number of each name, out of scope included."""
        known = {name: number for number, name in enumerate(self.names)}
        return known if self.out_of_scope is None else {**known, self.out_of_scope: OUT_OF_SCOPE}


def label_map(
    store: TokenStore, *, multilabel: bool, out_of_scope: str | None, location: str, others: Sequence[TokenStore] = ()
) -> LabelMap:
    """Makes the label map of the training rows: their label names, sorted.

    Args:
        store: the training rows.
        multilabel: whether a row may have several labels.
        out_of_scope: the label of rows that are of no class.
        location: of the training rows, for messages.
        others: rows that are not learnt from; they may be the only ones that are out of scope.

    Raises:
        UsageError: there are fewer than two labels, or no row is out of scope though some should be.
    """
    if out_of_scope is not None and multilabel:
        raise UsageError(
            "data.out_of_scope_label is for tasks with one label a row; in a multi-label task leave the labels of "
            "such rows empty"
        )
    found = dict.fromkeys(name for each in (store, *others) for name in each.label_names)
    if out_of_scope is not None and out_of_scope not in found:
        known = nearest(out_of_scope, found)
        raise UsageError(f"data.out_of_scope_label is '{out_of_scope}', which no row of {location} has{known}")
    names = tuple(sorted(name for name in store.label_names if name != out_of_scope))
    if len(names) < 2:
        has = f"only the label '{excerpt(names[0])}'" if names else "no label"
        raise UsageError(f"{location} has {has}; expected at least two labels to tell apart")
    return LabelMap(names, multilabel, out_of_scope)


def labelled(store: TokenStore, labels: LabelMap, *, name: str, unknown: Literal["fail", "drop"]) -> tuple[Split, int]:
    """Gives every row of a store its numbers.

    Args:
        store: the rows of a split.
        labels: the label map.
        name: of the split, for messages.
        unknown: what to do with rows whose label is not in the map.

    Returns:
        The rows that have numbers, and how many have none.

    Raises:
        UsageError: there are such rows, and ``unknown`` is ``fail``.
    """
    number_of = labels.numbers
    known = np.array([number_of.get(label, UNKNOWN) for label in store.label_names], np.int32)
    numbers = known[store.label_ids.values]
    owners = np.repeat(np.arange(len(store)), ragged.lengths(store.label_ids))
    strangers = np.unique(owners[numbers == UNKNOWN])
    if len(strangers) and unknown == "fail":
        missing = [label for label in store.label_names if label not in number_of]
        raise UsageError(_unknown_labels(name, missing, len(strangers), labels.names))
    kept = np.setdiff1d(np.arange(len(store)), strangers).astype(np.int32)
    if not labels.multilabel:
        return Split(store, kept, numbers[kept]), len(strangers)
    truth = np.zeros((len(store), len(labels.names)), bool)
    truth[owners[numbers >= 0], numbers[numbers >= 0]] = True
    return Split(store, kept, truth[kept]), len(strangers)


def chosen(split: Split, mask: NDArray[np.bool_]) -> Split:
    """Returns the rows of a split that a mask, bool[N], marks."""
    return Split(split.store, split.rows[mask], split.truth[mask])


def in_scope(split: Split) -> NDArray[np.bool_]:
    """Returns bool[N]: which rows are of one of the classes. Every row is, in a multi-label task."""
    return np.ones(len(split), bool) if split.truth.ndim == 2 else split.truth != OUT_OF_SCOPE


def texts_of(split: Split, rows: NDArray[np.integer] | None = None) -> tuple[str, ...]:
    """Returns the texts of some rows of a split, or of all of them; a pair's texts with a line between them."""
    places = split.rows if rows is None else split.rows[rows]
    texts: list[str] = []
    for start in range(0, len(places), CHUNK_ROWS):
        texts += [_text(split.store, int(place)) for place in places[start : start + CHUNK_ROWS]]
        let_go(split.store)
    return tuple(texts)


def names_of(split: Split) -> tuple[str, ...]:
    """Returns the names of the rows of a split, N of them, or none where the data have no column of them."""
    names = split.store.id
    return () if names is None else tuple(ragged.decode(names, int(row)) for row in split.rows)


def _text(store: TokenStore, place: int) -> str:
    first, second = ragged.decode(store.text, place), store.text_b
    return first if second is None else f"{first}\n{ragged.decode(second, place)}"


def _unknown_labels(name: str, missing: Sequence[str], rows: int, known: Sequence[str]) -> str:
    shown = ", ".join(f"'{excerpt(label)}'" for label in missing[:NAMED_LABELS]) + ", ..." * (
        len(missing) > NAMED_LABELS
    )
    some = f"{rows} rows whose labels" if rows > 1 else "1 row whose label"
    return (
        f"data.{name} has {some} no training row has: {shown}; correct them, or set data.unknown_labels=drop"
        f"{nearest(missing[0], known)}"
    )
