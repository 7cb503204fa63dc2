"""Windows of long texts: which word pieces stay, and where each window begins and ends.

A text that fits is one window. Of a longer one each window ends at the last paragraph border of its later half, else at
the last sentence border there, else where it is full; never so early that what is left would not fit the windows that
are left. So all that stays is read, in at most ``most`` windows, and where windows do not overlap each piece once.
``windows_ops.py`` has the same rule in TensorFlow ops.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfclassify.text.packing import Drawn, Lengths, Packed, Slices, pack, specials

# What ends a sentence, and what may stand between that and its border. Ids do not say whether a space follows, so that
# "3.14" has a border as well; it only matters where no other is near.
ENDS = (".", "!", "?", "…", "。", "！", "？", "．", "।")
CLOSERS = ('"', "'", ")", "]", "”", "’", "»", "」", "』", "）", "】")
MOST_CLOSERS = 2

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Windowing:
    """How long texts are cut into windows.

    Attributes:
        length: tokens of a window, [CLS] and [SEP] included.
        most: windows of a text, at most.
        stride: word pieces from one full window's start to the next one's.
        head_share: of what stays of a text that does not fit whole, the share from its beginning; the rest is its end.
        ends: ids of what ends a sentence.
        closers: ids of what may stand behind that.
    """

    length: int
    most: int
    stride: int
    head_share: float
    ends: tuple[int, ...] = ()
    closers: tuple[int, ...] = ()

    @property
    def room(self) -> int:
        """Word pieces that a window holds."""
        return self.length - specials(pair=False)

    @property
    def overlap(self) -> int:
        """Word pieces that a window shares with the next one."""
        return self.room - self.stride

    @property
    def capacity(self) -> int:
        """Word pieces of the longest text that is read whole."""
        return self.stride * (self.most - 1) + self.room

    @property
    def head(self) -> int:
        """Word pieces that stay of the beginning of a longer one."""
        return max(1, int(self.capacity * self.head_share))

    @property
    def least(self) -> int:
        """Word pieces of a window before which it does not end at a border."""
        return self.overlap + (self.stride + 1) // 2


@dataclass(frozen=True)
class Flat:
    """The word pieces that stay of N texts, one text after the other.

    Attributes:
        values: int[T].
        offsets: int64[N + 1], where each text begins and the last one ends.
        breaks: int64[P], rising: the places at which a paragraph begins, or the end follows the beginning.
    """

    values: NDArray
    offsets: Places
    breaks: Places


@dataclass(frozen=True)
class Spans:
    """Where the K windows of N texts are: int64[N, K] ``starts`` and int32[N, K] ``lengths``, 0 for no window."""

    starts: Places
    lengths: Lengths


def windowing(vocabulary: Sequence[str], *, length: int, most: int, stride: int, head_share: float) -> Windowing:
    """Returns how texts are cut into windows, with the marks of sentences as this vocabulary has them."""
    ids = {piece: place for place, piece in enumerate(vocabulary)}
    ends, closers = (tuple(ids[mark] for mark in marks if mark in ids) for marks in (ENDS, CLOSERS))
    return Windowing(length, most, stride, head_share, ends, closers)


def kept(texts: Slices, how: Windowing, breaks: Sequence[NDArray] | None = None) -> Flat:
    """Takes the word pieces that stay.

    Args:
        texts: the word pieces of N texts.
        how: their windows.
        breaks: of each text the rising places at which its paragraphs begin.
    """
    whole = texts.lengths <= how.capacity
    heads = np.where(whole, texts.lengths, how.head).astype(np.int64)
    tails = np.where(whole, 0, how.capacity - how.head)
    parts = np.stack([heads, tails], axis=1).ravel()
    begins = np.stack([texts.starts, texts.starts + texts.lengths - tails], axis=1).ravel()
    within = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
    offsets = np.concatenate([[0], np.cumsum(heads + tails)]).astype(np.int64)
    joints = (offsets[:-1] + heads)[tails > 0]
    marks = _moved(breaks, texts.lengths, heads, tails, offsets) if breaks is not None else joints
    return Flat(
        np.asarray(texts.values[np.repeat(begins, parts) + within]), offsets, np.unique(np.concatenate([joints, marks]))
    )


def spans(flat: Flat, how: Windowing) -> Spans:
    """Cuts N texts into windows; K is the largest number that one of them has, at least 1."""
    sentences = _sentences(flat, how)
    start, end = flat.offsets[:-1], flat.offsets[1:]
    starts, lengths = [], []
    for left in range(how.most - 1, -1, -1):
        limit = start + how.room
        least = np.maximum(start + how.least, end - how.stride * left)
        last = end <= limit
        stop = np.where(last, end, _border(flat.breaks, sentences, least, limit))
        starts.append(start)
        lengths.append(stop - start)
        start = np.where(last, end, stop - how.overlap)
        if last.all():
            break
    return Spans(np.stack(starts, axis=1), np.stack(lengths, axis=1).astype(np.int32))


def counts(found: Spans) -> Lengths:
    """Returns int32[N], the windows of each text; one without any piece has one, too."""
    return np.maximum((found.lengths > 0).sum(axis=1), 1).astype(np.int32)


def row_lengths(pieces: Lengths, windows: Lengths, how: Windowing) -> Lengths:
    """Returns int32[N], the columns that texts take: their tokens, or whole windows where there are several."""
    single = np.minimum(pieces, how.capacity) + specials(pair=False)
    return np.where(windows > 1, windows * how.length, single).astype(np.int32)


def pack_windows(flat: Flat, found: Spans, how: Windowing, *, shape: tuple[int, int], cls: int, sep: int) -> Packed:
    """Packs N texts into the static shape of a batch, their windows side by side.

    Args:
        flat: their word pieces.
        found: their windows, no more than there is room for.
        how: the windows.
        shape: rows (N or more), and columns: those of one window or less, or of several whole ones.
        cls: id of [CLS].
        sep: id of [SEP].
    """
    rows, columns = shape
    number, width = (1, columns) if columns <= how.length else (columns // how.length, how.length)
    starts, lengths = (_fitted(each, number) for each in (found.starts, found.lengths))
    slices = Slices(flat.values, starts.ravel(), lengths.ravel())
    made = pack(slices, None, shape=(rows * number, width), cls=cls, sep=sep)
    empty = np.flatnonzero((lengths == 0) & (np.arange(number) > 0))
    for each in (made.ids, made.mask):
        each[empty] = 0
    ids, mask, types = (each.reshape(shape) for each in (made.ids, made.mask, made.types))
    return Packed(ids, mask, types)


def sampled(found: Spans, chosen: Sequence[NDArray[np.int64]], *, most: int) -> tuple[Spans, Drawn]:
    """Takes of each text the windows at some rising places, at most M of them; what is left over is empty."""
    places = np.zeros((len(chosen), most), np.int64)
    there = np.zeros((len(chosen), most), bool)
    for row, each in enumerate(chosen):
        places[row, : len(each)], there[row, : len(each)] = each, True
    starts = np.take_along_axis(found.starts, places, axis=1)
    lengths = np.take_along_axis(found.lengths, places, axis=1)
    return Spans(starts, np.where(there, lengths, 0).astype(np.int32)), Drawn(places.astype(np.int32), counts(found))


def _fitted(values: NDArray, number: int) -> NDArray:
    """Returns [N, number], filled up with zeros."""
    return np.pad(values[:, :number], [(0, 0), (0, max(0, number - values.shape[1]))])


def _moved(breaks: Sequence[NDArray], lengths: Lengths, heads: Places, tails: Places, offsets: Places) -> Places:
    """Returns the places of paragraphs among the pieces that stay."""
    moved = [np.zeros(0, np.int64)]
    for row, each in enumerate(breaks):
        places = np.asarray(each, np.int64)
        behind = places - (lengths[row] - tails[row])
        moved.append(offsets[row] + places[(places > 0) & (places < heads[row])])
        moved.append(offsets[row] + heads[row] + behind[(behind > 0) & (places < lengths[row])])
    return np.concatenate(moved)


def _sentences(flat: Flat, how: Windowing) -> Places:
    """Returns the rising places at which a sentence begins: behind an end, and what closes it, within one text."""
    ends, closers = np.isin(flat.values, how.ends), np.isin(flat.values, how.closers)
    texts = np.repeat(np.arange(len(flat.offsets) - 1), np.diff(flat.offsets))
    found, closed = np.zeros(len(texts), bool), np.ones(len(texts), bool)
    for back in range(1, MOST_CLOSERS + 2):
        before = _before(ends, texts, back)
        found |= closed & before
        closed &= _before(closers, texts, back)
    return np.flatnonzero(found & ~ends & ~closers)


def _before(marks: NDArray[np.bool_], texts: NDArray, back: int) -> NDArray[np.bool_]:
    """Returns of each place whether the piece so many places before it is marked, and of the same text."""
    moved = np.zeros_like(marks)
    moved[back:] = marks[:-back] & (texts[back:] == texts[:-back])
    return moved


def _border(breaks: Places, sentences: Places, least: Places, limit: Places) -> Places:
    paragraph, sentence = _last(breaks, limit), _last(sentences, limit)
    return np.where(paragraph >= least, paragraph, np.where(sentence >= least, sentence, limit))


def _last(places: Places, limit: Places) -> Places:
    """Returns of each limit the last place that is not behind it, or -1."""
    return np.concatenate([[-1], places])[np.searchsorted(places, limit, side="right")]
