"""Rows as batches take them: lengths, targets, weights, and a way to pack any of them into a shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tfclassify.data import ragged
from tfclassify.data.labelling import Split
from tfclassify.data.ragged import Ragged
from tfclassify.data.windowed import LongTexts, Pack, Places, Sampling, columns_of, packing_of, slices_of
from tfclassify.text.packing import Packed, Slices, kept_lengths, pack, packed_lengths, specials
from tfclassify.text.windows import Windowing


@dataclass(frozen=True)
class Limits:
    """How rows are packed: the longest that a row, or a window, may be in tokens, and the ids of [CLS] and [SEP].

    ``windowing`` says how longer texts are cut into windows; where there is none, they lose their ends.
    """

    max_length: int
    cls: int
    sep: int
    windowing: Windowing | None = None

    @property
    def columns(self) -> int:
        """The most columns that a row may take."""
        return self.max_length * (1 if self.windowing is None else self.windowing.most)

    @property
    def whole(self) -> int:
        """Tokens of the longest row that loses none."""
        how = self.windowing
        return self.max_length if how is None else how.capacity + specials(pair=False)


@dataclass(frozen=True)
class Rows:
    """What batches are made of: of N rows the lengths int32[N] in tokens, and what a batch of some of them holds.

    ``pack(rows, shape)`` gives ids, mask and types in a static shape; ``targets`` is int32[N], or float32[N, C] in a
    multi-label task; ``weights`` is float32[N]. ``features(rows)`` gives, of rows that have any, what the network takes
    beside the tokens: arrays of R rows by name. Where windows are drawn, ``drawn`` is how many of a text at most, and
    ``pack_in(epoch)`` is what packs rows in an epoch counted from 0, which is not the same in each.
    """

    lengths: NDArray[np.int32]
    pack: Pack
    targets: NDArray
    weights: NDArray[np.float32]
    features: Callable[[NDArray[np.int32]], Mapping[str, NDArray]] | None = None
    drawn: int | None = None
    pack_in: Callable[[int], Pack] | None = None

    def __len__(self) -> int:
        return len(self.lengths)

    def of_epoch(self, epoch: int) -> Rows:
        """Returns the rows as they are read in an epoch."""
        return self if self.pack_in is None else replace(self, pack=self.pack_in(epoch))


def rows_of(split: Split, limits: Limits, *, sampling: Sampling | None = None) -> Rows:
    """Takes the rows of a split, cut to the longest that a row may be; in training, some windows of each."""
    store = split.store
    targets = split.truth.astype(np.float32 if split.truth.ndim == 2 else np.int32, copy=False)
    weights = np.asarray(store.weights[split.rows], np.float32)
    rows = split.rows
    return _rows(store.pieces, store.pieces_b, rows, limits, targets, weights, sampling, breaks=store.breaks)


def rows_of_pieces(first: Ragged, second: Ragged | None, limits: Limits, *, breaks: Ragged | None = None) -> Rows:
    """Takes N texts (or pairs) as word pieces, without labels; ``breaks`` are where paragraphs of the first begin."""
    targets, weights = np.zeros(len(first), np.int32), np.ones(len(first), np.float32)
    return _rows(first, second, np.arange(len(first)), limits, targets, weights, breaks=breaks)


def some_rows(rows: Rows, places: NDArray[np.intp]) -> Rows:
    """Takes the rows at some places, in their order."""
    features, numbers = rows.features, places.astype(np.int32)
    return Rows(
        lengths=rows.lengths[places],
        pack=lambda chosen, shape: rows.pack(numbers[chosen], shape),
        targets=rows.targets[places],
        weights=rows.weights[places],
        features=None if features is None else lambda chosen: features(numbers[chosen]),
        drawn=rows.drawn,
    )


def piece_lengths(split: Split) -> tuple[NDArray[np.int32], NDArray[np.int32] | None]:
    """Returns int32[N], the word pieces of each text, and those of the second texts in a pair task."""
    second = split.store.pieces_b
    first = ragged.lengths(split.store.pieces)[split.rows]
    return first, None if second is None else ragged.lengths(second)[split.rows]


def rows_cut(split: Split, max_length: int) -> int:
    """Returns the number of rows that lose tokens at this length."""
    return int((packed_lengths(*piece_lengths(split)) > max_length).sum())


def _rows(
    first: Ragged,
    second: Ragged | None,
    places: Places,
    limits: Limits,
    targets: NDArray,
    weights: NDArray[np.float32],
    sampling: Sampling | None = None,
    *,
    breaks: Ragged | None,
) -> Rows:
    if limits.windowing is None or second is not None:
        return Rows(*_packing(first, second, places, limits), targets, weights)
    texts = LongTexts(first, places, limits.windowing, limits.cls, limits.sep, sampling, breaks)
    made = Rows(columns_of(texts), packing_of(texts, 0), targets, weights)
    return made if sampling is None else replace(made, drawn=sampling.most, pack_in=partial(packing_of, texts))


def _packing(first: Ragged, second: Ragged | None, places: Places, limits: Limits) -> tuple[NDArray[np.int32], Pack]:
    """Returns the packed lengths of the rows at some places of the pieces, and what packs them."""
    whole = ragged.lengths(first)[places]
    whole_b = None if second is None else ragged.lengths(second)[places]

    def packed(rows: NDArray[np.int32], shape: tuple[int, int]) -> Packed:
        texts = slices_of(first, places[rows])
        texts_b = None if second is None else slices_of(second, places[rows])
        made = pack(*_kept(texts, texts_b, limits), shape=shape, cls=limits.cls, sep=limits.sep)
        # Rows taken at random would have the whole file in memory in the end.
        for each in (first, second):
            if each is not None:
                ragged.let_go(each.values, each.offsets)
        return made

    return packed_lengths(whole, whole_b, limits.max_length), packed


def _kept(first: Slices, second: Slices | None, limits: Limits) -> tuple[Slices, Slices | None]:
    left, right = kept_lengths(first.lengths, None if second is None else second.lengths, limits.max_length)
    return replace(first, lengths=left), None if second is None or right is None else replace(second, lengths=right)
