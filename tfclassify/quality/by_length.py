"""Accuracy by how long texts are, and how many of them lose tokens: what cutting them costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfclassify.quality.intervals import wilson

SHORTEST_BIN = 8


@dataclass(frozen=True)
class LengthBin:
    """Rows longer than ``low`` and up to ``high`` tokens, [CLS] and [SEP] included, before anything is cut.

    ``cut`` is the share of them that lose tokens; ``accuracy_interval`` is that of 95 %.
    """

    low: int
    high: int
    rows: int
    cut: float
    accuracy: float
    accuracy_interval: tuple[float, float]


def by_length(correct: NDArray[np.bool_], lengths: NDArray[np.int32], *, whole: int) -> list[LengthBin]:
    """Returns the bins in which there are rows; each ends at twice the length of the one before it.

    Args:
        correct: bool[B], which rows are right.
        lengths: int32[B], their tokens.
        whole: tokens of the longest text that loses none.
    """
    if not len(lengths):
        return []
    edges = [0, SHORTEST_BIN]
    while edges[-1] < lengths.max():
        edges.append(2 * edges[-1])
    places = np.searchsorted(edges, lengths)
    return [_bin(edges[each - 1], edges[each], places == each, correct, lengths > whole) for each in np.unique(places)]


def _bin(
    low: int, high: int, inside: NDArray[np.bool_], correct: NDArray[np.bool_], cut: NDArray[np.bool_]
) -> LengthBin:
    rows, right = int(inside.sum()), int((inside & correct).sum())
    return LengthBin(low, high, rows, int((inside & cut).sum()) / rows, right / rows, wilson(right, rows))
