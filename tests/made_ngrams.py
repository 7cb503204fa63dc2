"""A baseline by hand: the bucket of each piece and of each two is known, and has a weight of one's own choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tfclassify.model.ngrams import NgramModel
from tfclassify.text.ngram_hashing import PieceRun, hashed_ngrams

BUCKETS = 4096


def letters(*texts: str) -> PieceRun:
    """Pieces that are code points."""
    values = [ord(letter) for text in texts for letter in text]
    return PieceRun(
        np.array(values, np.int64), np.array([2 * row for row, text in enumerate(texts) for _ in text], np.int64)
    )


def made_ngrams(
    weights: Mapping[str, Sequence[int]], *, bias: Sequence[float] | None = None, shift: int = 8
) -> NgramModel:
    """A model of single letters: ``weights`` are those of a label for a text of that letter alone."""
    buckets = [int(hashed_ngrams(letters(letter), BUCKETS)[1][0]) for letter in weights]
    assert len(set(buckets)) == len(buckets)
    places = np.full(BUCKETS, -1, np.int32)
    places[buckets] = np.arange(len(buckets))
    rows = np.array(list(weights.values()), np.float64) * 2.0**shift
    classes = rows.shape[1]
    return NgramModel(
        places=places,
        idf=np.full(len(buckets), 1, np.int32),
        weights=rows.astype(np.int16),
        bias=np.zeros(classes) if bias is None else np.array(bias, np.float64),
        shift=shift,
    )
