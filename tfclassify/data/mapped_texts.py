"""Texts of a split that are decoded when they are looked at: a list of millions would fill the memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from tfclassify.data import ragged
from tfclassify.data.labelling import Split
from tfclassify.data.ragged import Ragged


@dataclass(frozen=True, eq=False)
class MappedTexts(Sequence[str]):
    """N texts: those of some rows; of pairs, the second ones follow after a line end."""

    first: Ragged
    second: Ragged | None
    rows: NDArray[np.integer]

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> list[str]: ...

    def __getitem__(self, place: int | slice) -> str | list[str]:
        if not isinstance(place, slice):
            return self._text(int(self.rows[place]))
        texts = [self._text(int(row)) for row in self.rows[place]]
        for each in (self.first, self.second):
            if each is not None:
                ragged.let_go(each.values, each.offsets)
        return texts

    def _text(self, row: int) -> str:
        first = ragged.decode(self.first, row)
        return first if self.second is None else f"{first}\n{ragged.decode(self.second, row)}"


def mapped_texts(split: Split, rows: NDArray[np.integer] | None = None) -> MappedTexts:
    """Returns the texts of some rows of a split, or of all of them."""
    places = split.rows if rows is None else split.rows[rows]
    return MappedTexts(split.store.text, split.store.text_b, places)


def mapped_names(split: Split) -> Sequence[str]:
    """Returns the names of the rows of a split, N of them, or none where the data have no column of them."""
    return () if split.store.id is None else MappedTexts(split.store.id, None, split.rows)
