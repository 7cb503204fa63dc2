"""Dropout: a function of seed, step, part and place, with the share of zeros that was asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from small_networks import batch_of, network, small_files

from tfclassify.learning.strategies import set_precision
from tfclassify.model.classifier import outputs
from tfclassify.model.dropout import SeededDropout, drawn_from, dropped_share, kept

RATES = {"hidden_dropout_prob": 0.2, "attention_probs_dropout_prob": 0.3}


def masks(seed: int, step: int, part: int = 0, *, passes: int = 1, rate: float = 0.25) -> list[np.ndarray]:
    layer = SeededDropout(rate)
    with drawn_from(seed, tf.constant(step, tf.int64), part):
        return [layer(tf.ones([64, 64]), training=True).numpy() for _ in range(passes)]


def test_the_same_again() -> None:
    np.testing.assert_array_equal(masks(3, 7, passes=2), masks(3, 7, passes=2))


def test_everything_that_it_depends_on_makes_another() -> None:
    made = [*masks(3, 7, passes=3), *masks(4, 7), *masks(3, 8), *masks(3, 7, 1), *masks(2**31 - 1, 2**36, 4095)]
    for place, one in enumerate(made):
        for other in made[place + 1 :]:
            # Of two independent masks about 0.375 of the places differ.
            assert 0.3 < np.mean(one != other) < 0.45


def test_the_share_that_is_dropped() -> None:
    (made,) = masks(0, 0)
    assert set(np.unique(made)) == {0.0, np.float32(1 / 0.75)}
    assert np.mean(made == 0.0) == pytest.approx(0.25, abs=0.03)


def test_nothing_is_dropped_in_answers_or_without_a_share() -> None:
    ones = tf.ones([4, 4])
    assert SeededDropout(0.5)(ones, training=False) is ones
    assert SeededDropout(0.0)(ones, training=True) is ones
    assert SeededDropout.from_config(SeededDropout(0.5).get_config()).rate == 0.5


def test_a_pass_of_which_nobody_knows_the_step(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"inside drawn_from\(seed, step\)"):
        SeededDropout(0.5)(tf.ones([4]), training=True)


def test_every_dropout_of_the_network_is_seeded(tmp_path: Path) -> None:
    model = network(small_files(tmp_path, **RATES), dropout=0.4)
    layers = [layer for layer in model.submodules if isinstance(layer, SeededDropout)]
    # Of the embeddings, of attention, of the two products of a layer, of the head.
    assert sorted(layer.rate for layer in layers) == [0.2, 0.2, 0.2, 0.3, 0.4]
    assert not any(isinstance(layer, keras.layers.Dropout) for layer in (*model.layers, *model.submodules))


def test_a_network_drops_the_same_in_a_graph(tmp_path: Path) -> None:
    # Trainings before this one may have left the products in another format.
    set_precision("float32")
    model, batch = network(small_files(tmp_path, **RATES), dropout=0.4), batch_of(3, 6)

    def logits(step: tf.Tensor) -> tf.Tensor:
        with drawn_from(1, step):
            return outputs(model, batch, training=True)["logits"]

    traced = tf.function(logits)
    found = [traced(tf.constant(step, tf.int64)).numpy() for step in (5, 6, 5)]
    np.testing.assert_array_equal(found[0], found[2])
    np.testing.assert_allclose(found[0], logits(tf.constant(5, tf.int64)), rtol=1e-5)
    assert not np.allclose(found[0], found[1])


# Of 16 bits


def drawn(seed: int, step: int, part: int = 0, *, masks: int = 1, rate: float = 0.25) -> list[np.ndarray]:
    with drawn_from(seed, tf.constant(step, tf.int64), part):
        return [kept(tf.constant([64, 63]), rate).numpy() for _ in range(masks)]


def test_the_share_that_is_not_kept() -> None:
    (made,) = drawn(0, 0)
    assert made.shape == (64, 63)
    assert np.mean(~made) == pytest.approx(0.25, abs=0.03)
    assert dropped_share(0.25) == 0.25
    assert dropped_share(0.1) == pytest.approx(0.1, abs=2**-17)


def test_masks_differ_between_layers_steps_parts_seeds_and_rows() -> None:
    np.testing.assert_array_equal(drawn(3, 7, masks=2), drawn(3, 7, masks=2))
    made = [*drawn(3, 7, masks=3), *drawn(4, 7), *drawn(3, 8), *drawn(3, 7, 1), *drawn(2**31 - 1, 2**36, 4095)]
    # Rows of one mask against each other, too.
    made += [np.roll(made[0], 1, axis=0), np.roll(made[0], 1, axis=1)]
    for place, one in enumerate(made):
        for other in made[place + 1 :]:
            assert 0.3 < np.mean(one != other) < 0.45


def test_a_mask_of_which_nobody_knows_the_step() -> None:
    with pytest.raises(RuntimeError, match=r"inside drawn_from\(seed, step\)"):
        kept(tf.constant([4]), 0.5)
