"""The forward pass for answers against the network's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from small_networks import PIECES, network, small_files

from tfclassify.model.classifier import BertClassifier, answering, outputs
from tfclassify.model.routes import INPUTS
from tfclassify.model.unpadded import Forward, places_of
from tfclassify.planning.token_numbers import rounded_up

LONGEST = 16
# Tokens of rows: one row without any, a batch of such rows, and one among others.
EMPTY = ([0], [0, 0, 0], [5, 0, 3])


@pytest.fixture(scope="module", params=[1, 3], ids=["one layer", "three layers"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[BertClassifier, Forward]:
    found = small_files(tmp_path_factory.mktemp("small"), num_hidden_layers=request.param)
    model = network(found)
    made = answering(model)
    assert made is not None
    return model, made


def batch(lengths: list[int], width: int, seed: int, first: int = 99) -> dict[str, tf.Tensor]:
    """Rows of these lengths, with a second text from the place ``first`` on."""
    random = np.random.default_rng(seed)
    columns = np.arange(width)[None, :]
    mask = (columns < np.array(lengths)[:, None]).astype(np.int32)
    ids = random.integers(0, len(PIECES), mask.shape).astype(np.int32)
    types = ((columns >= first) & (mask > 0)).astype(np.int32)
    return dict(zip(INPUTS, map(tf.constant, (ids, mask, types)), strict=True))


@given(
    st.lists(st.integers(1, LONGEST), min_size=1, max_size=7), st.integers(0, 5), st.integers(0, 9), st.integers(0, 16)
)
def test_the_same_logits(
    both: tuple[BertClassifier, Forward], lengths: list[int], more: int, seed: int, first: int
) -> None:
    model, made = both
    given_batch = batch(lengths, min(max(lengths) + more, LONGEST), seed, first)
    expected = outputs(model, given_batch, training=False)["logits"]
    found = made(*(given_batch[name] for name in INPUTS))
    np.testing.assert_allclose(found, expected, atol=2e-6)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=40), st.integers(0, 5))
def test_batches_come_to_the_same_numbers_of_tokens(lengths: list[int], more: int) -> None:
    mask = batch(lengths, max(lengths) + more, 0)["attention_mask"]
    places, number = places_of(mask), sum(lengths)
    flat, tokens = mask.numpy().reshape(-1), places.tokens.numpy()
    assert places.number == number
    assert tokens[:number].tolist() == np.flatnonzero(flat).tolist()
    assert not flat[tokens[number:]].any()
    assert len(set(tokens)) == len(tokens) == min(rounded_up(number), flat.size)


def test_no_rows(both: tuple[BertClassifier, Forward]) -> None:
    none = tf.zeros([0, 4], tf.int32)
    assert both[1](none, none, none).shape == (0, 3)


def test_a_row_without_a_token_does_no_harm_to_the_others(both: tuple[BertClassifier, Forward]) -> None:
    model, made = both
    for lengths in ([0, 5, 3], [5, 0, 3], [5, 3, 0]):
        given_batch = batch(lengths, 6, 0)
        expected = outputs(model, given_batch, training=False)["logits"].numpy()
        found = made(*(given_batch[name] for name in INPUTS)).numpy()
        kept = np.array(lengths) > 0
        np.testing.assert_allclose(found[kept], expected[kept], atol=2e-6)
        assert np.isfinite(found).all()


def test_a_row_without_a_token_is_read_alike_alone_and_in_any_batch(both: tuple[BertClassifier, Forward]) -> None:
    def answered(lengths: list[int]) -> np.ndarray:
        made = batch(lengths, 6, 0)
        made["input_ids"] *= made["attention_mask"]
        return both[1](*(made[name] for name in INPUTS)).numpy()

    alone, three, among = map(answered, EMPTY)
    assert np.isfinite(three).all()
    np.testing.assert_allclose(three, np.repeat(alone, 3, axis=0), atol=2e-6)
    np.testing.assert_allclose(among[[1]], alone, atol=2e-6)


def test_an_encoder_that_it_does_not_fit(tmp_path: Path) -> None:
    assert answering(network(small_files(tmp_path / "small", hidden_act="relu"))) is None
