"""Rows: any of a split's, in any order, packed as if they were alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_stores import pieces, split_of, store

from tfclassify.data import ragged
from tfclassify.data.rows import Limits, piece_lengths, rows_cut, rows_of, rows_of_pieces

CLS, SEP = 1, 2
TEXTS = ["abc", "", "hello", "ab", "x" * 20]


def limits(max_length: int = 16) -> Limits:
    return Limits(max_length, CLS, SEP)


def ids(text: str) -> list[int]:
    return [ord(character) for character in text]


def padded(row: list[int], length: int) -> list[int]:
    return row + [0] * (length - len(row))


def test_rows_of_a_split_are_those_it_names_in_its_order() -> None:
    made = store(TEXTS, weights=[1, 2, 3, 4, 5])
    rows = rows_of(split_of(made, [3, 0, 2], [1, 0, 1]), limits())
    assert len(rows) == 3
    assert rows.lengths.tolist() == [4, 5, 7]
    assert rows.targets.tolist() == [1, 0, 1]
    assert rows.weights.tolist() == [4, 1, 3]
    packed = rows.pack(np.array([2, 0], np.int32), (3, 7))
    assert packed.ids.tolist() == [[CLS, *ids("hello"), SEP], padded([CLS, *ids("ab"), SEP], 7), [0] * 7]
    assert packed.mask.tolist() == [[1] * 7, padded([1] * 4, 7), [0] * 7]
    assert packed.types.sum() == 0


def test_types_are_those_that_batches_take() -> None:
    single = rows_of(split_of(store(["a", "b"]), [0, 1], [0, 1]), limits())
    several = rows_of(split_of(store(["a", "b"]), [0, 1], [[True, False], [False, False]]), limits())
    assert single.lengths.dtype == single.targets.dtype == np.int32
    assert single.weights.dtype == several.targets.dtype == np.float32
    assert several.targets.tolist() == [[1.0, 0.0], [0.0, 0.0]]


def test_longer_rows_are_cut() -> None:
    rows = rows_of(split_of(store(TEXTS), [4, 0], [0, 0]), limits(6))
    assert rows.lengths.tolist() == [6, 5]
    assert rows.pack(np.array([0], np.int32), (1, 6)).ids.tolist() == [[CLS, *ids("xxxx"), SEP]]


def test_pairs() -> None:
    made = store(["ab", "c", "abcdefgh"], texts_b=["x", "", "uvwxyz"])
    rows = rows_of(split_of(made, [2, 0, 1], [0, 0, 0]), limits(9))
    assert rows.lengths.tolist() == [9, 6, 4]
    packed = rows.pack(np.array([1, 0, 2], np.int32), (3, 9))
    assert packed.ids.tolist() == [
        padded([CLS, *ids("ab"), SEP, *ids("x"), SEP], 9),
        [CLS, *ids("abc"), SEP, *ids("uvw"), SEP],
        padded([CLS, *ids("c"), SEP, SEP], 9),
    ]
    assert packed.types.tolist() == [[0] * 4 + [1] * 2 + [0] * 3, [0] * 5 + [1] * 4, [0] * 3 + [1] + [0] * 5]


def test_texts_alone_have_no_labels_and_weigh_one() -> None:
    rows = rows_of_pieces(pieces(["ab", "c"]), pieces(["x", "yz"]), limits())
    assert rows.lengths.tolist() == [6, 6]
    assert rows.targets.tolist() == [0, 0]
    assert rows.weights.tolist() == [1.0, 1.0]
    assert rows.pack(np.array([1], np.int32), (1, 6)).ids.tolist() == [[CLS, *ids("c"), SEP, *ids("yz"), SEP]]


def test_no_texts() -> None:
    rows = rows_of_pieces(pieces([]), None, limits())
    assert len(rows) == 0
    assert rows.lengths.dtype == np.int32


@given(
    texts=st.lists(st.text("abcdef", max_size=12), min_size=1, max_size=8),
    max_length=st.integers(4, 16),
    data=st.data(),
)
def test_a_row_is_packed_the_same_whatever_is_packed_with_it(
    texts: list[str], max_length: int, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(texts))))
    rows = rows_of(split_of(store(texts), order, [0] * len(texts)), limits(max_length))
    chosen = data.draw(st.lists(st.sampled_from(range(len(texts))), min_size=1, max_size=8))
    packed = rows.pack(np.array(chosen, np.int32), (len(chosen), 16))
    for place, row in enumerate(chosen):
        expected = [CLS, *ids(texts[order[row]])[: max_length - 2], SEP]
        assert packed.ids[place].tolist() == padded(expected, 16)
        assert packed.mask[place].sum() == rows.lengths[row] == len(expected)


def test_lengths_before_anything_is_cut() -> None:
    made = store(["abc", "", "hello"], texts_b=["x", "yy", ""])
    split = split_of(made, [2, 0], [0, 0])
    first, second = piece_lengths(split)
    assert first.tolist() == [5, 3]
    assert second is not None
    assert second.tolist() == [0, 1]
    assert piece_lengths(split_of(store(["abc"]), [0], [0]))[1] is None


@pytest.mark.parametrize(("max_length", "expected"), [(4, 3), (5, 2), (6, 2), (7, 1), (21, 1), (22, 0)])
def test_rows_that_lose_tokens(max_length: int, expected: int) -> None:
    # Rows of 5, 2, 7, 4 and 22 tokens.
    assert rows_cut(split_of(store(TEXTS), range(5), [0] * 5), max_length) == expected


def test_rows_of_pairs_that_lose_tokens() -> None:
    split = split_of(store(["abc", "a"], texts_b=["xyz", "x"]), [0, 1], [0, 0])
    assert [rows_cut(split, length) for length in (4, 5, 8, 9)] == [2, 1, 1, 0]


def test_packing_leaves_nothing_mapped(tmp_path: Path) -> None:
    np.arange(1 << 20, dtype=np.int32).tofile(tmp_path / "pieces.values")
    np.arange(0, (1 << 20) + 1, 4).astype(np.int64).tofile(tmp_path / "pieces.offsets")
    rows = rows_of_pieces(ragged.open_ragged(tmp_path, "pieces", np.int32), None, limits())
    for start in range(0, 4096, 64):
        rows.pack(np.arange(start, len(rows), 4096, dtype=np.int32), (64, 6))
    assert pages_in_memory(tmp_path / "pieces.values") == 0
    assert rows.pack(np.array([7], np.int32), (1, 6)).ids.tolist() == [[CLS, 28, 29, 30, 31, SEP]]
    assert pages_in_memory(tmp_path / "pieces.values") == 0


def pages_in_memory(path: Path) -> int:
    """Returns the memory in kB that a mapped file takes in this process."""
    maps = Path("/proc/self/smaps")
    if not maps.exists():
        pytest.skip("this system does not tell what is in memory of a mapped file")
    lines = maps.read_text(encoding="utf-8").splitlines()
    at = [place for place, line in enumerate(lines) if line.endswith(f" {path}")]
    assert at
    return sum(int(next(line for line in lines[place:] if line.startswith("Rss:")).split()[1]) for place in at)
