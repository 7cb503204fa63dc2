"""Packing against the reference tokenizer, which packs and cuts as BERT does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import BertTokenizerFast

from tfclassify.text.packing import Packed, Slices, kept_lengths, pack, packed_lengths

CLS, SEP = 2, 3
LENGTHS = st.lists(st.integers(0, 12), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> BertTokenizerFast:
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    path.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters]), encoding="utf-8")
    return BertTokenizerFast(vocab_file=str(path))


def slices(rows: list[list[int]]) -> Slices:
    lengths = np.array([len(row) for row in rows], np.int32)
    values = np.array([piece for row in rows for piece in row], np.int32)
    return Slices(values, np.cumsum(lengths, dtype=np.int64) - lengths, lengths)


def rows_of_lengths(lengths: list[int], first_piece: int) -> list[list[int]]:
    return [[first_piece + place % 20 for place in range(length)] for length in lengths]


def cut(rows: list[list[int]], kept: np.ndarray) -> list[list[int]]:
    return [row[:length] for row, length in zip(rows, kept, strict=True)]


@given(lengths=LENGTHS, others=LENGTHS, max_length=st.integers(5, 20))
def test_pairs_are_packed_and_cut_as_the_reference_does(
    reference: BertTokenizerFast, lengths: list[int], others: list[int], max_length: int
) -> None:
    size = min(len(lengths), len(others))
    first, second = rows_of_lengths(lengths[:size], 5), rows_of_lengths(others[:size], 8)
    counts = [np.array([len(row) for row in rows], np.int32) for rows in (first, second)]
    kept, kept_b = kept_lengths(counts[0], counts[1], max_length)
    assert kept_b is not None
    packed = pack(slices(cut(first, kept)), slices(cut(second, kept_b)), shape=(size, 20), cls=CLS, sep=SEP)
    words = [" ".join(reference.convert_ids_to_tokens(row)) for row in first]
    words_b = [" ".join(reference.convert_ids_to_tokens(row)) for row in second]
    told = {"truncation": "longest_first", "max_length": max_length, "return_attention_mask": True}
    # A list of pairs, because a single empty second text is taken for none.
    made = reference(words, words_b, **told)
    expected = [{name: made[name][row] for name in made} for row in range(size)]
    check(packed, expected)
    assert packed_lengths(counts[0], counts[1], max_length).tolist() == [len(each["input_ids"]) for each in expected]


@given(lengths=LENGTHS, max_length=st.integers(4, 20))
def test_single_texts_are_packed_and_cut_as_the_reference_does(
    reference: BertTokenizerFast, lengths: list[int], max_length: int
) -> None:
    rows = rows_of_lengths(lengths, 5)
    kept, second = kept_lengths(np.array(lengths, np.int32), None, max_length)
    assert second is None
    packed = pack(slices(cut(rows, kept)), None, shape=(len(rows), 20), cls=CLS, sep=SEP)
    words = [" ".join(reference.convert_ids_to_tokens(row)) for row in rows]
    expected = [dict(reference(text, truncation=True, max_length=max_length)) for text in words]
    check(packed, expected)
    assert packed_lengths(np.array(lengths, np.int32), None, max_length).tolist() == [
        len(each["input_ids"]) for each in expected
    ]


def check(packed: Packed, expected: list[dict[str, list[int]]]) -> None:
    for row, each in enumerate(expected):
        length = len(each["input_ids"])
        assert packed.ids[row].tolist() == each["input_ids"] + [0] * (20 - length)
        assert packed.mask[row].tolist() == each["attention_mask"] + [0] * (20 - length)
        assert packed.types[row].tolist() == each["token_type_ids"] + [0] * (20 - length)


def test_rows_that_only_fill_a_shape_are_empty() -> None:
    packed = pack(slices([[5, 6]]), None, shape=(3, 5), cls=CLS, sep=SEP)
    assert packed.ids.tolist() == [[CLS, 5, 6, SEP, 0], [0] * 5, [0] * 5]
    assert packed.mask.tolist() == [[1, 1, 1, 1, 0], [0] * 5, [0] * 5]
    assert packed.ids.dtype == packed.mask.dtype == packed.types.dtype == np.int32


def test_no_rows() -> None:
    empty = Slices(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.int32))
    assert pack(empty, empty, shape=(2, 4), cls=CLS, sep=SEP).mask.sum() == 0
