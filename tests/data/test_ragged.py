"""Rows of different lengths, written in parts and mapped into memory."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import DTypeLike

from tfclassify.data import ragged

Rows = list[list[int]]


def written(folder: Path, parts: list[Rows], dtype: DTypeLike = np.uint16) -> ragged.Ragged:
    with ExitStack() as stack:
        files = ragged.create(stack, folder, "rows", dtype)
        for part in parts:
            values = np.array([value for row in part for value in row], np.int64)
            ragged.append(files, values, np.array([len(row) for row in part], np.int64))
    return ragged.open_ragged(folder, "rows", dtype)


ROWS = st.lists(st.lists(st.lists(st.integers(0, 2**16 - 1), max_size=4), max_size=4), max_size=4)


@given(parts=ROWS, dtype=st.sampled_from([np.uint16, np.int32]))
def test_rows_come_back(parts: list[Rows], dtype: DTypeLike) -> None:
    rows = [row for part in parts for row in part]
    with tempfile.TemporaryDirectory() as folder:
        found = written(Path(folder), parts, dtype)
        assert len(found) == len(rows)
        assert [row.tolist() for row in found] == rows
        assert ragged.lengths(found).tolist() == [len(row) for row in rows]
        assert found.values.dtype == dtype


def test_rows_are_mapped_and_read_only(tmp_path: Path) -> None:
    found = written(tmp_path, [[[1, 2], []], [[3]]])
    assert isinstance(found.values, np.memmap)
    assert isinstance(found.offsets, np.memmap)
    assert isinstance(found[0], np.memmap)
    assert found.offsets.tolist() == [0, 2, 2, 3]
    assert ragged.lengths(found).dtype == np.int32
    with pytest.raises(ValueError, match="read-only"):
        found.values[0] = 7


def test_no_values_at_all(tmp_path: Path) -> None:
    assert len(written(tmp_path, [])) == 0
    found = written(tmp_path, [[[], []]])
    assert [row.tolist() for row in found] == [[], []]
    assert found.values.dtype == np.uint16


def test_a_row_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(IndexError):
        written(tmp_path, [[[1]]])[1]


def test_files_are_closed_with_the_stack(tmp_path: Path) -> None:
    with ExitStack() as stack:
        files = ragged.create(stack, tmp_path, "rows", np.uint8)
    assert files.values.closed
    assert files.offsets.closed
    # What was there before is gone.
    assert (tmp_path / "rows.values").stat().st_size == 0
    assert (tmp_path / "rows.offsets").stat().st_size == 8


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), max_size=5))
def test_texts_come_back(texts: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = written(Path(folder), [[list(text.encode()) for text in texts]], np.uint8)
        assert [ragged.decode(found, row) for row in range(len(found))] == texts


def test_what_was_let_go_is_read_again(tmp_path: Path) -> None:
    np.arange(1 << 20, dtype=np.int32).tofile(tmp_path / "a.values")
    values = ragged.open_values(tmp_path / "a.values", np.int32)
    total = int(values.sum(dtype=np.int64))
    ragged.let_go(values)
    ragged.let_go(values.copy())
    assert int(values.sum(dtype=np.int64)) == total
