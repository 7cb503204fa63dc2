"""The linear model over n-grams: its numbers by hand, and to the last bit the same in NumPy and in the graph."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st
from made_ngrams import BUCKETS, letters, made_ngrams
from numpy.typing import NDArray
from safetensors.numpy import load_file, save

from tfclassify.errors import UsageError
from tfclassify.model.ngrams import (
    DAMPED,
    MOST_COUNTED,
    UNIT,
    NgramModel,
    in_graph,
    margins,
    margins_ops,
    ngram_logits,
    ngram_logits_ops,
    read_ngrams,
    write_ngrams,
)
from tfclassify.text.ngram_hashing_ops import run_of_pieces

TEXTS = st.lists(st.text("abcdefgh", max_size=12), min_size=1, max_size=6)


@cache
def random_model(classes: int) -> NgramModel:
    chance = np.random.default_rng(classes)
    used = np.flatnonzero(chance.random(BUCKETS) < 0.5)
    places = np.full(BUCKETS, -1, np.int32)
    places[used] = np.arange(len(used))
    return NgramModel(
        places,
        chance.integers(UNIT, 12 * UNIT, len(used), np.int32),
        chance.integers(-32767, 32767, (len(used), classes), np.int16),
        chance.normal(size=classes),
        3,
    )


@cache
def graph(classes: int) -> Callable[[tf.RaggedTensor], tf.Tensor]:
    ops = in_graph(random_model(classes))
    spec = tf.RaggedTensorSpec([None, None], tf.int32, row_splits_dtype=tf.int64)
    return tf.function(lambda given: ngram_logits_ops(ops, run_of_pieces(given, None)), input_signature=[spec])


def by_graph(classes: int, texts: list[str]) -> NDArray[np.float64]:
    rows = [[ord(letter) for letter in text] for text in texts]
    return graph(classes)(tf.ragged.constant(rows, tf.int32, ragged_rank=1, row_splits_dtype=tf.int64)).numpy()


def test_by_hand() -> None:
    model = made_ngrams({"a": [1, 0], "b": [0, 2]}, bias=[0.5, 0.0])
    twice = DAMPED[2] / UNIT
    found = ngram_logits(model, letters("a", "b", "ab", "aab", "", "xyz"), rows=6)
    length = np.hypot(twice, 1)
    expected = [
        [1.5, 0],
        [0.5, 2],
        [0.5 + 1 / np.sqrt(2), np.sqrt(2)],
        [0.5 + twice / length, 2 / length],
        [0.5, 0],
        [0.5, 0],
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@tried(max_examples=40)
@given(TEXTS, st.sampled_from([2, 5]))
def test_the_graph_says_the_same_to_the_last_bit(texts: list[str], classes: int) -> None:
    model = random_model(classes)
    together = ngram_logits(model, letters(*texts), rows=len(texts))
    np.testing.assert_array_equal(by_graph(classes, texts), together)
    np.testing.assert_array_equal(margins_ops(tf.constant(together)).numpy(), margins(together))


@given(TEXTS)
def test_a_text_is_not_changed_by_its_batch(texts: list[str]) -> None:
    model = random_model(3)
    together = ngram_logits(model, letters(*texts), rows=len(texts))
    alone = [ngram_logits(model, letters(text), rows=1)[0] for text in texts]
    np.testing.assert_array_equal(together, alone)


def test_many_products_are_made_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    model, texts = random_model(3), ["abcdefgh" * 3, "", "hgfedcba", "aab"]
    whole = ngram_logits(model, letters(*texts), rows=4)
    monkeypatch.setattr("tfclassify.model.ngrams.MOST_PRODUCTS", 12)
    np.testing.assert_array_equal(ngram_logits(model, letters(*texts), rows=4), whole)


def test_counts_are_damped_and_end_somewhere() -> None:
    assert DAMPED[0] == 0
    assert DAMPED[1] == UNIT
    assert (np.diff(DAMPED) >= 0).all()
    model = made_ngrams({"a": [1, 0], "b": [0, 1]})
    texts = [letter * count for letter, count in (("a", MOST_COUNTED - 1), ("a", MOST_COUNTED + 500))]
    found = ngram_logits(model, letters(*(f"{text}b" for text in texts)), rows=2)
    np.testing.assert_array_equal(found[0], found[1])


def test_written_and_read(tmp_path: Path) -> None:
    model, file = random_model(4), tmp_path / "baseline" / "model.safetensors"
    write_ngrams(model, file)
    again = read_ngrams(file)
    for name in ("places", "idf", "weights", "bias"):
        np.testing.assert_array_equal(getattr(again, name), getattr(model, name))
    assert again.shift == model.shift
    assert again.size == model.places.size + model.idf.size * (1 + 4) + 4
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_file_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    with pytest.raises(UsageError, match="is not what a training writes"):
        read_ngrams(file)
    file.write_bytes(b"no")
    with pytest.raises(UsageError, match="train again"):
        read_ngrams(file)


def test_a_file_of_another_version(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    write_ngrams(random_model(4), file)
    file.write_bytes(save(load_file(file), metadata={"shift": "3"}))
    with pytest.raises(UsageError) as caught:
        read_ngrams(file)
    assert str(caught.value) == f"{file} is of another version of tfclassify; train again"
