"""Texts of a split as Arrow columns, as many of them as can be looked at in a moment."""

from __future__ import annotations

from math import ceil

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tfclassify.data.labelling import Split
from tfclassify.data.ragged import Ragged
from tfclassify.data.splits import text_hash
from tfclassify.data.token_store import let_go

# What is looked at of a split before it is thinned out.
LOOKED_AT_BYTES = 32 << 20
LOOKED_AT_ROWS = 1 << 18
FOLDED_ROWS = 1 << 12
NOT_LETTERS = r"[^\p{L}\p{M}\p{N}]+"


def looked_at(split: Split) -> NDArray[np.int32]:
    """Returns places in a split, evenly spread: all of them, or every so many where there is more of them."""
    store = split.store
    row_bytes = (len(store.text.values) + (0 if store.text_b is None else len(store.text_b.values))) / max(
        len(store), 1
    )
    step = max(1, ceil(row_bytes * len(split) / LOOKED_AT_BYTES), ceil(len(split) / LOOKED_AT_ROWS))
    return np.arange(0, len(split), step, dtype=np.int32)


def some_texts(split: Split, places: NDArray[np.int32]) -> pa.LargeStringArray:
    """Returns the texts at some places of a split, large_string[N]; of a pair both, with a line end between them."""
    store, rows = split.store, split.rows[places]
    texts = _column(store.text, rows)
    if store.text_b is not None:
        texts = pc.binary_join_element_wise(texts, _column(store.text_b, rows), pa.scalar("\n", texts.type))
    let_go(store)
    return texts


def folded(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """Returns texts without case, spaces and punctuation; what is no letter or number at all stays as it is."""
    parts = pc.utf8_lower(pc.utf8_normalize(texts, "NFKD"))
    letters = pc.replace_substring_regex(parts, NOT_LETTERS, "")
    return pc.if_else(pc.equal(pc.binary_length(letters), 0), texts, letters)


def folded_hashes(split: Split, places: NDArray[np.int32]) -> NDArray[np.uint64]:
    """Returns uint64[N], a hash of each text at some places as :func:`folded` leaves it; a few texts at a time."""
    parts = [places[start : start + FOLDED_ROWS] for start in range(0, len(places), FOLDED_ROWS)]
    return np.concatenate([np.zeros(0, np.uint64), *(text_hash(folded(some_texts(split, part))) for part in parts)])


def _column(texts: Ragged, rows: NDArray[np.int32]) -> pa.LargeStringArray:
    whole = pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(texts.offsets), pa.py_buffer(texts.values))
    return whole.take(pa.array(rows))
