"""What the reference tokenizer makes of every Unicode code point, as arrays for look-ups inside a graph.

The reference (``transformers.BertTokenizerFast``) cleans, spaces, decomposes, strips and lower-cases a text character
by character, by the tables of the Unicode version that it was built with. ``characters.tsv`` beside this file holds
what it was seen to do with each code point; a test asks it again. No other library's idea of a letter, a mark or a
punctuation sign is used, neither here nor in the graph, so a server's own Unicode version changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FILE = Path(__file__).with_name("characters.tsv")
CODE_POINTS = 0x110000
PAGE_BITS = 8

# An entry is an int32: what the character is, whether decomposing or ordering it needs more than its entry, its place
# among combining marks, and the distance to the code point that stands for it.
SPACE, LETTER, ALONE, DROP = range(4)
KIND_MASK = 0b11
RARE = 0b100
ORDER_BITS = 3
ORDER_MASK = 0xFF
SHIFT_BITS = 11

# Places among combining marks: a character that marks never pass; one that is dropped, for which no place matters.
HOLDS_BACK = 0
ANYWHERE = 255

KINDS = {"space": SPACE, "letter": LETTER, "alone": ALONE, "drop": DROP}


@dataclass(frozen=True)
class Characters:
    """Arrays to look characters up in; the entry of code point c is ``entries[c + pages[c >> PAGE_BITS]]``.

    Attributes:
        pages: int32[4352], the way to the entries of 256 neighbours.
        entries: int32[E], see the constants above.
        composed: int32[D], rising: code points that become several; none in cased text.
        parts: int32[D, 3], what they become, filled up with -1.
    """

    pages: NDArray[np.int32]
    entries: NDArray[np.int32]
    composed: NDArray[np.int32]
    parts: NDArray[np.int32]


@cache
def characters(*, lower_case: bool) -> Characters:
    """Returns the arrays for uncased text (accents stripped, lower-cased) or for cased text (left as it is)."""
    entries = np.full(CODE_POINTS, LETTER, np.int32)
    several: dict[int, list[int]] = {}
    for run, cased, uncased, order, becomes in _runs():
        codes = np.arange(run.start, run.stop, run.step, dtype=np.int32)
        if not lower_case:
            entries[codes] = KINDS[cased]
            continue
        parts = _parts(codes, becomes)
        several.update((code, row) for code, row in zip(codes.tolist(), parts, strict=False))
        rare = RARE if parts or HOLDS_BACK < order < ANYWHERE else 0
        shift = 0 if parts else int(becomes)
        entries[codes] = shift << SHIFT_BITS | order << ORDER_BITS | rare | KINDS[uncased]
    pages, packed = _packed(entries)
    composed = sorted(several)
    return Characters(
        pages, packed, np.array(composed, np.int32), np.array([several[code] for code in composed], np.int32)
    )


def _runs() -> Iterator[tuple[range, str, str, int, str]]:
    for line in FILE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            first, last, step, cased, uncased, order, becomes = line.split("\t")
            yield range(int(first, 16), int(last, 16) + 1, int(step)), cased, uncased, int(order), becomes


def _parts(codes: NDArray[np.int32], becomes: str) -> list[list[int]]:
    """Returns the parts of each code point of a run, or nothing where each becomes one code point or none."""
    if becomes == "hangul":
        return _hangul(codes).tolist()
    if "+" not in becomes:
        return []
    parts = [int(part, 16) for part in becomes.split("+")]
    return [parts + [-1] * (3 - len(parts))] * len(codes)


def _hangul(codes: NDArray[np.int32]) -> NDArray[np.int32]:
    """Returns the parts of Hangul syllables by arithmetic (The Unicode Standard 15.0, section 3.12)."""
    syllable = codes - 0xAC00
    trailing = syllable % 28
    return np.stack(
        [0x1100 + syllable // 588, 0x1161 + syllable % 588 // 28, np.where(trailing > 0, 0x11A7 + trailing, -1)], axis=1
    )


def _packed(entries: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Keeps equal pages once: 4 MB become some 150 kB, and most of a text hits the few pages that are in cache."""
    rows = entries.reshape(-1, 1 << PAGE_BITS)
    unique, places = np.unique(rows, axis=0, return_inverse=True)
    pages = (places.reshape(-1) - np.arange(len(rows))) << PAGE_BITS
    return pages.astype(np.int32), unique.reshape(-1)
