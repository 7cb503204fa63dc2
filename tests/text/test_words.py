"""Words are the reference's for every code point there is."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
import tensorflow as tf
from reference_tokenizer import CODE_POINTS, reference_words

from tfclassify.text.characters import characters
from tfclassify.text.hard_texts import hard_texts
from tfclassify.text.words import cut_words

CHUNK = 4096


def cutter(*, lower_case: bool) -> Callable[[Sequence[str | bytes]], list[list[str]]]:
    table = characters(lower_case=lower_case)
    cut = tf.function(
        lambda texts: cut_words(texts, table), input_signature=[tf.TensorSpec([None], tf.string)], autograph=False
    )

    def words(texts: Sequence[str | bytes]) -> list[list[str]]:
        made = cut(tf.constant(texts, tf.string))
        flat = [word.decode() for word in made.words.numpy()]
        assert made.lengths.numpy().tolist() == list(map(len, flat))
        bounds = made.row_splits.numpy().tolist()
        return [flat[start:end] for start, end in pairwise(bounds)]

    return words


def assert_equal_words(codes: Sequence[int], *, lower_case: bool) -> None:
    each = [f"{chr(code)} a{chr(code)}B" for code in codes]
    texts = [" ".join(each[start : start + CHUNK]) for start in range(0, len(each), CHUNK)]
    assert cutter(lower_case=lower_case)(texts) == reference_words(texts, lower_case=lower_case)


@pytest.mark.parametrize("lower_case", [True, False])
def test_every_code_point_of_the_planes_in_use(lower_case: bool) -> None:
    codes = [code for code in CODE_POINTS if code < 0x32000 or 0xDFF00 < code < 0xE1000 or code % 0x10000 > 0xFFF0]
    assert_equal_words(codes, lower_case=lower_case)


# Of the other planes every code point is in a text of its own below.
@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("lower_case", [True, False])
def test_every_code_point(lower_case: bool) -> None:
    assert len(CODE_POINTS) == 0x110000 - 0x800
    assert_equal_words(CODE_POINTS, lower_case=lower_case)


@pytest.mark.slow
@pytest.mark.parametrize("lower_case", [True, False])
def test_every_code_point_as_a_text(lower_case: bool) -> None:
    texts = [chr(code) for code in CODE_POINTS]
    assert cutter(lower_case=lower_case)(texts) == reference_words(texts, lower_case=lower_case)


@pytest.mark.parametrize("lower_case", [True, False])
def test_torture(lower_case: bool) -> None:
    assert len(hard_texts()) > 500
    assert cutter(lower_case=lower_case)(hard_texts()) == reference_words(hard_texts(), lower_case=lower_case)


@pytest.mark.parametrize("lower_case", [True, False])
def test_piles_of_marks(lower_case: bool) -> None:
    rng = random.Random(3)
    marks = [chr(code) for code in CODE_POINTS if unicodedata.category(chr(code)).startswith("M")]
    # Those that the reference does not strip; only they can be seen to change places.
    stay = [mark for mark, words in zip(marks, reference_words(marks, lower_case=True), strict=True) if words]
    stay = [mark for mark in stay if unicodedata.combining(mark)] + ["\U0001d15e", "\U0001d160", "\u200d", "\0"]
    piles = ["".join(rng.choices(stay, k=rng.randint(1, 6)) + rng.choices(marks, k=2)) for _ in range(20_000)]
    texts = [f"a{pile}b" for pile in piles]
    assert cutter(lower_case=lower_case)(texts) == reference_words(texts, lower_case=lower_case)


def test_bytes_that_are_not_utf8_are_dropped() -> None:
    texts = [b"a\xffb", b"\xc3", b"a\xc3 b", b"\xed\xa0\x80x", b"\xf4\x90\x80\x80", b"a\xe4\xbdb", b"\xe4\xb8\xad\xe4"]
    assert cutter(lower_case=True)(texts) == [["ab"], [], ["a", "b"], ["x"], [], ["ab"], ["中"]]


def test_words_belong_to_their_texts() -> None:
    assert cutter(lower_case=True)(["", "a b", " ", "c", ""]) == [[], ["a", "b"], [], ["c"], []]
    assert cutter(lower_case=True)(["", " "]) == [[], []]
    assert cutter(lower_case=True)([]) == []
