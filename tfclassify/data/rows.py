"""Rows as batches take them: lengths, targets, weights, and a way to pack any of them into a shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfclassify.data import ragged
from tfclassify.data.labelling import Split
from tfclassify.data.ragged import Ragged
from tfclassify.text.packing import Packed, Slices, kept_lengths, pack, packed_lengths

Places = NDArray[np.integer]


@dataclass(frozen=True)
class Limits:
    """How rows are packed: the longest that a row may be in tokens, and the ids of [CLS] and [SEP]."""

    max_length: int
    cls: int
    sep: int


@dataclass(frozen=True)
class Rows:
    """What batches are made of: of N rows the lengths int32[N] in tokens, and what a batch of some of them holds.

    ``pack(rows, shape)`` gives ids, mask and types in a static shape; ``targets`` is int32[N], or float32[N, C] in a
    multi-label task; ``weights`` is float32[N].
    """

    lengths: NDArray[np.int32]
    pack: Callable[[NDArray[np.int32], tuple[int, int]], Packed]
    targets: NDArray
    weights: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.lengths)


def rows_of(split: Split, limits: Limits) -> Rows:
    """Takes the rows of a split, cut to the longest that a row may be."""
    lengths, pack_rows = _packing(split.store.pieces, split.store.pieces_b, split.rows, limits)
    return Rows(
        lengths=lengths,
        pack=pack_rows,
        targets=split.truth.astype(np.float32) if split.truth.ndim == 2 else split.truth.astype(np.int32),
        weights=np.asarray(split.store.weights[split.rows], np.float32),
    )


def rows_of_pieces(first: Ragged, second: Ragged | None, limits: Limits) -> Rows:
    """Takes N texts (or pairs) as word pieces, without labels."""
    lengths, pack_rows = _packing(first, second, np.arange(len(first)), limits)
    return Rows(lengths, pack_rows, np.zeros(len(first), np.int32), np.ones(len(first), np.float32))


def piece_lengths(split: Split) -> tuple[NDArray[np.int32], NDArray[np.int32] | None]:
    """Returns int32[N], the word pieces of each text, and those of the second texts in a pair task."""
    second = split.store.pieces_b
    first = ragged.lengths(split.store.pieces)[split.rows]
    return first, None if second is None else ragged.lengths(second)[split.rows]


def rows_cut(split: Split, max_length: int) -> int:
    """Returns the number of rows that lose tokens at this length."""
    return int((packed_lengths(*piece_lengths(split)) > max_length).sum())


def _packing(
    first: Ragged, second: Ragged | None, places: Places, limits: Limits
) -> tuple[NDArray[np.int32], Callable[[NDArray[np.int32], tuple[int, int]], Packed]]:
    """Returns the packed lengths of the rows at some places of the pieces, and what packs them."""
    left = ragged.lengths(first)[places]
    right = None if second is None else ragged.lengths(second)[places]
    left, right = kept_lengths(left, right, limits.max_length)

    def packed(rows: NDArray[np.int32], shape: tuple[int, int]) -> Packed:
        texts = _slices(first, places[rows], left[rows])
        texts_b = None if second is None or right is None else _slices(second, places[rows], right[rows])
        return pack(texts, texts_b, shape=shape, cls=limits.cls, sep=limits.sep)

    return packed_lengths(left, right), packed


def _slices(pieces: Ragged, places: Places, lengths: NDArray[np.int32]) -> Slices:
    return Slices(pieces.values, np.asarray(pieces.offsets[places]), lengths)
