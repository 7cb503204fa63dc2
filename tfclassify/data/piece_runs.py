"""The word pieces of rows in a row, as n-grams are made of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfclassify.data import ragged
from tfclassify.data.ragged import Ragged
from tfclassify.text.ngram_hashing import PieceRun


def piece_run(first: Ragged, second: Ragged | None, places: NDArray[np.integer]) -> PieceRun:
    """Takes the rows at some places: N texts, or N pairs, whole and without special tokens."""
    sides = [_side(each, places) for each in (first, second) if each is not None]
    rows = np.arange(len(places))
    segments = [2 * np.repeat(rows, lengths) + side for side, (_, lengths) in enumerate(sides)]
    return PieceRun(np.concatenate([ids for ids, _ in sides]), np.concatenate(segments))


def _side(pieces: Ragged, places: NDArray[np.integer]) -> tuple[NDArray, NDArray[np.int64]]:
    starts = np.asarray(pieces.offsets[places])
    lengths = np.asarray(pieces.offsets[places + 1]) - starts
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    taken = np.asarray(pieces.values[np.repeat(starts, lengths) + within])
    ragged.let_go(pieces.values, pieces.offsets)
    return taken, lengths
