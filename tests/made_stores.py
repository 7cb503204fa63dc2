"""Token stores in memory: rows as plain lists, word pieces that are code points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import DTypeLike

from tfclassify.data.labelling import Split
from tfclassify.data.ragged import Ragged
from tfclassify.data.splits import text_hash
from tfclassify.data.token_store import Account, TokenStore

UNKNOWN = ord("?")


def ragged(rows: Sequence[Sequence[int]], dtype: DTypeLike = np.int32) -> Ragged:
    values = np.array([value for row in rows for value in row], dtype)
    return Ragged(values, np.cumsum([0, *map(len, rows)]).astype(np.int64))


def encoded(texts: Sequence[str]) -> Ragged:
    return ragged([list(text.encode()) for text in texts], np.uint8)


def pieces(texts: Sequence[str]) -> Ragged:
    return ragged([[ord(character) for character in text] for text in texts])


def store(
    texts: Sequence[str],
    labels: Sequence[str | Sequence[str]] | None = None,
    *,
    texts_b: Sequence[str] | None = None,
    weights: Sequence[float] | None = None,
) -> TokenStore:
    """A store of these rows; a row's labels are one name or several."""
    given = ["a"] * len(texts) if labels is None else labels
    named = [[label] if isinstance(label, str) else list(label) for label in given]
    names: dict[str, int] = {}
    ids = [[names.setdefault(label, len(names)) for label in row] for row in named]
    hashes = text_hash(pa.array(texts, pa.string()))
    return TokenStore(
        account=Account(read=len(texts), kept=len(texts)),
        label_names=tuple(names),
        text=encoded(texts),
        text_b=None if texts_b is None else encoded(texts_b),
        id=None,
        pieces=pieces(texts),
        pieces_b=None if texts_b is None else pieces(texts_b),
        label_ids=ragged(ids),
        weights=np.array([1.0] * len(texts) if weights is None else weights, np.float32),
        hashes=hashes if texts_b is None else hashes * np.uint64(3) + text_hash(pa.array(texts_b, pa.string())),
        unknown=np.array([text.count("?") for text in texts], np.int32),
    )


def split_of(made: TokenStore, rows: Sequence[int], truth: Sequence[int] | Sequence[Sequence[bool]]) -> Split:
    several = len(truth) and not isinstance(truth[0], int)
    return Split(made, np.array(rows, np.int32), np.array(truth, bool if several else np.int32))
