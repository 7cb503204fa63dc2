"""Paragraphs are found, and what is found does not change the word pieces."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import vocabularies
from hypothesis import given, settings
from hypothesis import strategies as st

from tfclassify.text.paragraphs import with_breaks
from tfclassify.text.word_pieces import Tokenize, word_pieces


@pytest.fixture(scope="module")
def tokenize(tmp_path_factory: pytest.TempPathFactory) -> Tokenize:
    folder = tmp_path_factory.mktemp("vocabulary")
    return word_pieces(vocabularies.write(folder, vocabularies.pieces("abcdefg.Σσς")), lower_case=True)


def breaks(tokenize: Tokenize, *texts: str) -> list[list[int]]:
    return with_breaks(tokenize, tf.constant(texts))[1].to_list()


@settings(max_examples=20)
@given(st.lists(st.text("ab Σ.\n\r\t\x1e\u0301\u3000", max_size=20), min_size=1, max_size=4))
def test_the_pieces_are_those_of_the_whole(tokenize: Tokenize, texts: list[str]) -> None:
    pieces, found = with_breaks(tokenize, tf.constant(texts))
    expected = tokenize(tf.constant(texts))
    np.testing.assert_array_equal(pieces.flat_values, expected.flat_values)
    np.testing.assert_array_equal(pieces.row_splits, expected.row_splits)
    for row, places in zip(expected.to_list(), found.to_list(), strict=True):
        assert places == sorted(set(places))
        assert all(0 < place < len(row) for place in places)


def test_a_paragraph_begins_behind_a_blank_line(tokenize: Tokenize) -> None:
    assert breaks(tokenize, "a b\n\nc d", "a b\nc d", "") == [[2], [], []]
    assert breaks(tokenize, "a\r\n \r\nb\n\n\n\nc c") == [[1, 2]]


def test_blank_lines_around_a_text_begin_nothing(tokenize: Tokenize) -> None:
    assert breaks(tokenize, "\n\na b\n\n", "a\n\n\x01\n\nb") == [[], [1]]


def test_no_texts_at_all(tokenize: Tokenize) -> None:
    pieces, found = with_breaks(tokenize, tf.constant([], tf.string))
    assert (pieces.nrows(), found.nrows()) == (0, 0)
