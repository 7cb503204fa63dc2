"""Texts that are there more than once: in two splits, nearly the same, or with other labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from tfclassify.data.labelling import Split, texts_of
from tfclassify.data.splits import in_parts
from tfclassify.data.texts import folded_hashes, looked_at, some_texts
from tfclassify.errors import excerpt

NAMED_TEXTS = 3


def shared_texts(splits: Mapping[str, Split]) -> dict[str, tuple[str, ...]]:
    """Returns a few of the texts that two splits share, by pairs of their names such as ``train&test``."""
    names = list(splits)
    pairs = [(left, right) for place, left in enumerate(names) for right in names[place + 1 :]]
    return {f"{left}&{right}": _shared(splits[left], splits[right]) for left, right in pairs}


def notes_on_repeats(splits: Mapping[str, Split]) -> Iterator[str]:
    """Says of each split how many of its texts have several labels, and how many are nearly those of training."""
    for name, split in splits.items():
        yield from _notes_on_labels(name, split)
    train = splits["train"]
    rest = {name: split for name, split in splits.items() if name != "train" and len(split)}
    if rest:
        known = folded_hashes(train, looked_at(train))
        for name, split in rest.items():
            yield from _notes_on_near(name, split, train, known)


def _shared(left: Split, right: Split) -> tuple[str, ...]:
    hashes, hashes_b = _hashes(left), _hashes(right)
    first = np.zeros(0, np.intp)
    for rows, rows_b in in_parts(hashes, hashes_b):
        _, places, _ = np.intersect1d(hashes[rows], hashes_b[rows_b], return_indices=True)
        first = np.sort(np.concatenate([first, rows[places]]))[:NAMED_TEXTS]
    return texts_of(left, first)


def _known(hashes: NDArray[np.uint64], others: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Says of each hash whether it is among others."""
    found = np.zeros(len(hashes), bool)
    for rows, rows_b in in_parts(hashes, others):
        found[rows] = np.isin(hashes[rows], others[rows_b])
    return found


def _hashes(split: Split) -> NDArray[np.uint64]:
    return np.asarray(split.store.hashes[split.rows])


def _notes_on_labels(name: str, split: Split) -> Iterator[str]:
    """Compares every row with the first one of its text."""
    hashes, texts, rows = _hashes(split), 0, []
    for (places,) in in_parts(hashes):
        _, first, text_of_row = np.unique(hashes[places], return_index=True, return_inverse=True)
        differs = split.truth[places] != split.truth[places[first[text_of_row]]]
        found = np.flatnonzero(differs.any(axis=1) if differs.ndim == 2 else differs)
        texts += len(np.unique(text_of_row[found]))
        rows += places[found[:1]].tolist()
    if texts:
        (example,) = texts_of(split, np.array([min(rows)]))
        have = "1 text has" if texts == 1 else f"{texts} texts have"
        yield f"{name}: {have} different labels in different rows, such as '{excerpt(example)}'"


def _notes_on_near(name: str, split: Split, train: Split, known: NDArray[np.uint64]) -> Iterator[str]:
    """Counts rows whose text is one of training but for case, spaces and punctuation, and not word for word."""
    places = looked_at(split)
    alike = np.isin(folded_hashes(split, places), known)
    same = _known(_hashes(split)[places], _hashes(train))
    near = np.flatnonzero(alike & ~same)
    if len(near):
        rows = "1 row differs" if len(near) == 1 else f"{len(near)} rows differ"
        (example,) = some_texts(split, places[near[:1]]).to_pylist()
        thinned = "" if len(places) == len(split) else f" of {len(places)} looked at"
        yield (
            f"{name}: {rows}{thinned} from a training text only in case, spaces or punctuation, "
            f"such as '{excerpt(example)}'"
        )
