"""Heads after layers in the middle: a part of the model, and of none of the files that other libraries read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from safetensors.numpy import load_file
from small_networks import all_heads, batch_of, network, small_files, values

from tfclassify.errors import UsageError
from tfclassify.model.classifier import BertClassifier, load_weights, outputs, save_weights
from tfclassify.model.dropout import drawn_from
from tfclassify.model.interchange import save_huggingface
from tfclassify.model.weights import Found

AFTER = (1, 2)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return small_files(tmp_path_factory.mktemp("small"), num_hidden_layers=3)


@pytest.fixture(scope="module")
def model(small: Found) -> BertClassifier:
    made = network(small, exits=AFTER)
    assert made.exits is not None
    chance = np.random.default_rng(0)
    for variable in made.exits.weights:
        variable.assign(chance.normal(0, 1, variable.shape))
    return made


def test_a_head_reads_the_mean_of_the_tokens_after_its_layer(model: BertClassifier) -> None:
    given = batch_of(4, 6)
    made = all_heads(model, given)
    assert made["exits"].shape == (4, 2, 3)
    tokens = {name: given[name] for name in ("input_ids", "attention_mask", "token_type_ids")}
    hidden = model.bert(**tokens, output_hidden_states=True, training=False).hidden_states
    assert model.exits is not None
    for place, (after, (kernel, bias)) in enumerate(zip(AFTER, model.exits.heads, strict=True)):
        mask = given["attention_mask"].numpy()[:, :, None]
        mean = (hidden[after].numpy() * mask).sum(axis=1) / mask.sum(axis=1)
        np.testing.assert_allclose(made["exits"][:, place], mean @ kernel.numpy() + bias.numpy(), atol=1e-6)


def test_the_last_head_answers_as_it_does_without_them(model: BertClassifier, small: Found) -> None:
    plain = network(small)
    for variable in plain.trainable_variables:
        variable.assign(values(model)[variable.name.partition("/")[2]])
    given = batch_of(4, 6)
    expected = outputs(plain, given, training=False)
    assert set(expected) == {"logits"}
    np.testing.assert_allclose(outputs(model, given, training=False)["logits"], expected["logits"], atol=1e-6)


def test_a_training_step_does_not_know_them(model: BertClassifier) -> None:
    assert not any(variable.name.startswith("exits/") for variable in model.trainable_variables)
    with drawn_from(0, tf.constant(0, tf.int64)):
        assert set(outputs(model, batch_of(4, 6), training=True)) == {"logits"}


def test_they_are_zero_until_they_take_what_was_fitted(small: Found) -> None:
    made = network(small, exits=AFTER)
    assert made.exits is not None
    given = batch_of(4, 6)
    assert not all_heads(made, given)["exits"].numpy().any()
    fitted = {layer: (np.zeros((8, 3), np.float32), np.full(3, layer, np.float32)) for layer in AFTER}
    made.exits.take(fitted)
    assert all_heads(made, given)["exits"][0].numpy().tolist() == [[1.0] * 3, [2.0] * 3]


def test_they_are_saved_and_loaded(model: BertClassifier, small: Found, tmp_path: Path) -> None:
    save_weights(model, tmp_path / "model.safetensors")
    kept = load_file(tmp_path / "model.safetensors")
    # As PyTorch would hold them.
    assert kept["exits.2.classifier.weight"].shape == (3, 8)
    other = network(small, exits=AFTER, seed=1)
    load_weights(other, tmp_path / "model.safetensors", complete=True)
    given = batch_of(4, 6)
    np.testing.assert_allclose(all_heads(other, given)["exits"], all_heads(model, given)["exits"], atol=1e-6)


def test_a_network_with_fewer_exits_takes_those_that_it_has(
    model: BertClassifier, small: Found, tmp_path: Path
) -> None:
    save_weights(model, tmp_path / "model.safetensors")
    other = network(small, exits=[2], seed=1)
    load_weights(other, tmp_path / "model.safetensors", complete=True)
    given = batch_of(4, 6)
    expected = all_heads(model, given)["exits"][:, 1:]
    np.testing.assert_allclose(all_heads(other, given)["exits"], expected, atol=1e-6)


def test_weights_of_a_training_without_them(model: BertClassifier, small: Found, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    save_weights(network(small), file)
    assert model.exits is not None
    before = model.exits.heads[0][0].numpy()
    load_weights(model, file)
    np.testing.assert_array_equal(model.exits.heads[0][0].numpy(), before)
    with pytest.raises(UsageError, match=r"exits\.1\.classifier\.weight is not there"):
        load_weights(model, file, complete=True)


def test_other_libraries_get_the_network_without_them(model: BertClassifier, small: Found, tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    save_weights(model, weights)
    save_huggingface(model, tmp_path / "huggingface", found=small, lower_case=True, weights=weights)
    state = load_file(tmp_path / "huggingface" / "model.safetensors")
    save_weights(network(small), tmp_path / "plain.safetensors")
    assert set(state) == set(load_file(tmp_path / "plain.safetensors"))
    assert not (tmp_path / "huggingface" / "README.md").exists()
