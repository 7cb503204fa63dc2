"""Texts that are there more than once: in two splits, nearly the same, or with other labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tfclassify.data.labelling import Split, texts_of
from tfclassify.data.texts import folded, looked_at, some_texts
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
        places = looked_at(train)
        known = folded(some_texts(train, places))
        for name, split in rest.items():
            yield from _notes_on_near(name, split, train, known)


def _shared(left: Split, right: Split) -> tuple[str, ...]:
    _, places, _ = np.intersect1d(_hashes(left), _hashes(right), return_indices=True)
    return texts_of(left, np.sort(places)[:NAMED_TEXTS])


def _hashes(split: Split) -> NDArray[np.uint64]:
    return np.asarray(split.store.hashes[split.rows])


def _notes_on_labels(name: str, split: Split) -> Iterator[str]:
    """Compares every row with the first one of its text."""
    _, first, text_of_row = np.unique(_hashes(split), return_index=True, return_inverse=True)
    differs = split.truth != split.truth[first[text_of_row]]
    rows = np.flatnonzero(differs.any(axis=1) if differs.ndim == 2 else differs)
    texts = len(np.unique(text_of_row[rows]))
    if texts:
        (example,) = texts_of(split, rows[:1])
        have = "1 text has" if texts == 1 else f"{texts} texts have"
        yield f"{name}: {have} different labels in different rows, such as '{excerpt(example)}'"


def _notes_on_near(name: str, split: Split, train: Split, known: pa.LargeStringArray) -> Iterator[str]:
    """Counts rows whose text is one of training but for case, spaces and punctuation, and not word for word."""
    places = looked_at(split)
    texts = some_texts(split, places)
    alike = pc.is_in(folded(texts), value_set=known).to_numpy(zero_copy_only=False)
    same = np.isin(_hashes(split)[places], _hashes(train))
    near = np.flatnonzero(alike & ~same)
    if len(near):
        rows = "1 row differs" if len(near) == 1 else f"{len(near)} rows differ"
        thinned = "" if len(places) == len(split) else f" of {len(places)} looked at"
        yield (
            f"{name}: {rows}{thinned} from a training text only in case, spaces or punctuation, "
            f"such as '{excerpt(texts[int(near[0])].as_py())}'"
        )
