"""Rows of long texts as batches take them: how many windows each has, and a way to pack any of them into a shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tfclassify.data import ragged
from tfclassify.data.ragged import Ragged
from tfclassify.text.packing import Lengths, Packed, Slices
from tfclassify.text.windows import Flat, Spans, Windowing, counts, kept, pack_windows, row_lengths, sampled, spans

# Word pieces that are looked at together; a longer text is looked at alone.
CHUNK_PIECES = 1 << 20

Places = NDArray[np.integer]
Pack = Callable[[NDArray[np.int32], tuple[int, int]], Packed]


@dataclass(frozen=True)
class Sampling:
    """In training at most ``most`` windows of a text are read; which ones is a function of (seed, epoch, row)."""

    most: int
    seed: int


@dataclass(frozen=True)
class LongTexts:
    """N texts at some places of the word pieces, how they are cut into windows, and what packing adds."""

    pieces: Ragged
    places: Places
    how: Windowing
    cls: int
    sep: int
    sampling: Sampling | None = None
    breaks: Ragged | None = None


def columns_of(texts: LongTexts) -> Lengths:
    """Returns int32[N], the columns that each text takes."""
    pieces = ragged.lengths(texts.pieces)[texts.places]
    windows = np.ones(len(pieces), np.int32)
    for rows in _chunks(pieces, texts.how):
        windows[rows] = counts(_cut(texts, rows)[1])
    if texts.sampling is not None:
        windows = np.minimum(windows, texts.sampling.most)
    columns = row_lengths(pieces, windows, texts.how)
    # One window of several is a full one, however many pieces the text has.
    return np.minimum(columns, windows * texts.how.length).astype(np.int32)


def packing_of(texts: LongTexts, epoch: int) -> Pack:
    """Returns what packs some of the rows, R of them, in an epoch counted from 0."""

    def packed(rows: NDArray[np.int32], shape: tuple[int, int]) -> Packed:
        flat, found = _cut(texts, rows)
        drawn = None
        if texts.sampling is not None:
            chosen = _drawn(found, rows, texts.sampling, epoch)
            found, drawn = sampled(found, chosen, most=texts.sampling.most)
        # Rows taken at random would have the whole file in memory in the end.
        ragged.let_go(texts.pieces.values, texts.pieces.offsets)
        made = pack_windows(flat, found, texts.how, shape=shape, cls=texts.cls, sep=texts.sep)
        return replace(made, drawn=drawn)

    return packed


def slices_of(pieces: Ragged, places: Places) -> Slices:
    """Returns the word pieces at some places."""
    starts = np.asarray(pieces.offsets[places])
    return Slices(pieces.values, starts, (pieces.offsets[places + 1] - starts).astype(np.int32))


def _cut(texts: LongTexts, rows: NDArray[np.integer]) -> tuple[Flat, Spans]:
    places = texts.places[rows]
    breaks = None if texts.breaks is None else [texts.breaks[place] for place in places]
    flat = kept(slices_of(texts.pieces, places), texts.how, breaks)
    return flat, spans(flat, texts.how)


def _chunks(pieces: Lengths, how: Windowing) -> Iterator[NDArray[np.int64]]:
    """Gives the rows of more than one window, a number of pieces at a time."""
    long = np.flatnonzero(pieces > how.room)
    parts = np.cumsum(pieces[long], dtype=np.int64) // CHUNK_PIECES
    yield from np.split(long, np.flatnonzero(np.diff(parts)) + 1)


def _drawn(found: Spans, rows: NDArray[np.int32], sampling: Sampling, epoch: int) -> Sequence[NDArray[np.int64]]:
    """Draws the windows of each row, which keep their order."""
    return [
        np.arange(number)
        if number <= sampling.most
        else np.sort(np.random.default_rng((sampling.seed, epoch, row)).permutation(number)[: sampling.most])
        for number, row in zip(counts(found).tolist(), rows.tolist(), strict=True)
    ]
