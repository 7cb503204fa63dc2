"""The numbers of rows in their location: those that were left out count too."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def numbered(
    batches: Iterable[pa.RecordBatch], skipped: Sequence[int], *, max_rows: int | None = None
) -> Iterator[tuple[pa.RecordBatch, NDArray[np.int64]]]:
    """Gives batches with the numbers of their rows, int64[N], from 1.

    Args:
        batches: of a source.
        skipped: grows while the batches are read: the numbers of the rows that are in none, in rising order.
        max_rows: the highest number that is given; by default all of them are.
    """
    last = 0
    for batch in batches:
        left_out = skipped[bisect_right(skipped, last) :]
        numbers = np.arange(last + 1, last + 1 + batch.num_rows + len(left_out))
        if len(left_out):
            numbers = np.setdiff1d(numbers, left_out)[: batch.num_rows]
        last = int(numbers[-1]) if len(numbers) else last
        kept = len(numbers) if max_rows is None else int(np.searchsorted(numbers, max_rows, side="right"))
        yield batch.slice(0, kept), numbers[:kept]
        if max_rows is not None and last >= max_rows:
            return
