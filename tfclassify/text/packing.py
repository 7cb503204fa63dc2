"""Word pieces of one text or of a pair, packed as BERT reads them: [CLS] a [SEP], or [CLS] a [SEP] b [SEP]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Lengths = NDArray[np.int32]

# The names under which a batch says of drawn windows which they are.
WINDOW_PLACES, WINDOW_COUNTS = "window_places", "window_counts"


@dataclass(frozen=True)
class Slices:
    """N slices of flat word pieces: slice i is ``values[starts[i] : starts[i] + lengths[i]]``."""

    values: NDArray
    starts: NDArray[np.int64]
    lengths: Lengths


@dataclass(frozen=True)
class Drawn:
    """Which windows of N texts were drawn: int32[N, M] ``places`` in their text, and int32[N] ``counts`` of all it has.

    Places are counted from 0, and rise; those of no window are 0.
    """

    places: NDArray[np.int32]
    counts: Lengths


@dataclass(frozen=True)
class Packed:
    """int32[N, L] ``ids``, ``mask`` (1 for tokens, 0 for padding) and ``types`` (1 for the second text).

    ``drawn`` says which windows they are, where not all of each text were taken.
    """

    ids: NDArray[np.int32]
    mask: NDArray[np.int32]
    types: NDArray[np.int32]
    drawn: Drawn | None = None


def specials(*, pair: bool) -> int:
    """Returns the number of tokens that packing adds."""
    return 3 if pair else 2


def kept_lengths(first: Lengths, second: Lengths | None, max_length: int) -> tuple[Lengths, Lengths | None]:
    """Returns how many pieces of each text stay, so that a packed row has at most ``max_length`` tokens.

    Of a pair the longer text is cut first, down to the length of the other; after that both are cut to equal
    lengths, the odd piece being the longer text's (of equal ones: the second's). That is ``longest_first`` of the
    reference's fast tokenizers.

    Args:
        first: int32[N] word pieces.
        second: int32[N] word pieces, or None.
        max_length: at least 4 (of a pair: 5), so that something stays of every text.
    """
    room = max_length - specials(pair=second is not None)
    if second is None:
        return np.minimum(first, room).astype(np.int32), None
    shorter = np.minimum(first, second)
    # What the longer one may have while the shorter one is whole; never less than the shorter.
    longer = np.maximum(shorter, room - shorter)
    shorter = np.where(shorter + longer > room, room // 2, shorter)
    longer = np.where(shorter + longer > room, room - shorter, longer)
    swapped = first > second
    kept = np.minimum(first, np.where(swapped, longer, shorter)), np.minimum(second, np.where(swapped, shorter, longer))
    return kept[0].astype(np.int32), kept[1].astype(np.int32)


def packed_lengths(first: Lengths, second: Lengths | None, max_length: int | None = None) -> Lengths:
    """Returns int32[N]: the tokens of each packed row, cut to ``max_length`` if that is given."""
    if max_length is not None:
        first, second = kept_lengths(first, second, max_length)
    added = specials(pair=second is not None)
    return (first + added if second is None else first + second + added).astype(np.int32)


def pack(first: Slices, second: Slices | None, *, shape: tuple[int, int], cls: int, sep: int) -> Packed:
    """Packs N rows into the static shape of a batch; what is left over is padding.

    Args:
        first: the word pieces of N texts, already cut.
        second: those of the second texts, already cut, or None.
        shape: rows (N or more) and length, which holds the longest packed row.
        cls: id of [CLS].
        sep: id of [SEP].
    """
    ids, mask, types = (np.zeros(shape, np.int32) for _ in range(3))
    rows = np.arange(len(first.lengths))
    ids[rows, 0] = cls
    _place(ids, first, 1)
    ends = 1 + first.lengths
    ids[rows, ends] = sep
    columns = np.arange(shape[1])[None, :]
    if second is not None:
        _place(ids, second, ends + 1)
        last = ends + 1 + second.lengths
        ids[rows, last] = sep
        types[: len(rows)] = (columns > ends[:, None]) & (columns <= last[:, None])
        ends = last
    mask[: len(rows)] = columns <= ends[:, None]
    return Packed(ids, mask, types)


def _place(ids: NDArray[np.int32], slices: Slices, columns: NDArray | int) -> None:
    """Writes the pieces of each slice into its row, from its column on."""
    lengths = slices.lengths.astype(np.int64)
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    rows = np.repeat(np.arange(len(lengths)), lengths)
    columns = np.broadcast_to(columns, lengths.shape)
    ids[rows, np.repeat(columns, lengths) + within] = slices.values[np.repeat(slices.starts, lengths) + within]
