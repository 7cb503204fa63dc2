"""Accuracy by length: every row is in one bin, and each bin says what is true of its rows."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.quality.by_length import by_length
from tfclassify.quality.intervals import wilson


@given(st.lists(st.tuples(st.integers(1, 3000), st.booleans()), max_size=30), st.integers(1, 600))
def test_every_row_is_in_one_bin(rows: list[tuple[int, bool]], whole: int) -> None:
    lengths, right = np.array([n for n, _ in rows], np.int32), np.array([good for _, good in rows], bool)
    found = by_length(right, lengths, whole=whole)
    assert sum(each.rows for each in found) == len(rows)
    for each in found:
        inside = (lengths > each.low) & (lengths <= each.high)
        assert each.rows == inside.sum()
        assert each.accuracy == right[inside].mean()
        assert each.cut == (lengths[inside] > whole).mean()
        assert each.accuracy_interval == wilson(int(right[inside].sum()), each.rows)


def test_bins_double() -> None:
    found = by_length(np.ones(5, bool), np.array([8, 9, 100, 128, 129]), whole=128)
    assert [(each.low, each.high, each.rows, each.cut) for each in found] == [
        (0, 8, 1, 0.0),
        (8, 16, 1, 0.0),
        (64, 128, 2, 0.0),
        (128, 256, 1, 1.0),
    ]
