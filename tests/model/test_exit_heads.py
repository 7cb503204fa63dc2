"""Heads after layers in the middle: a part of the model, and of none of the files that other libraries read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from safetensors.numpy import load_file
from small_networks import batch_of, network, small_files, values

from tfclassify.errors import UsageError
from tfclassify.learning.objectives import OBJECTIVES
from tfclassify.model.classifier import BertClassifier, load_weights, outputs, save_weights
from tfclassify.model.dropout import drawn_from
from tfclassify.model.exit_heads import ExitHeads
from tfclassify.model.interchange import save_huggingface
from tfclassify.model.weights import Found

AFTER = (1, 2)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return small_files(tmp_path_factory.mktemp("small"), num_hidden_layers=3)


@pytest.fixture(scope="module")
def model(small: Found) -> BertClassifier:
    return network(small, exits=AFTER)


def test_a_head_reads_the_mean_of_the_tokens_after_its_layer(model: BertClassifier) -> None:
    given = batch_of(4, 6)
    made = outputs(model, given, training=False)
    assert made["exits"].shape == (4, 2, 3)
    tokens = {name: given[name] for name in ("input_ids", "attention_mask", "token_type_ids")}
    hidden = model.bert(**tokens, output_hidden_states=True, training=False).hidden_states
    assert model.exits is not None
    for place, (after, head) in enumerate(zip(AFTER, model.exits.heads, strict=True)):
        (kernel, bias), (last_kernel, last_bias) = head["dense"], head["classifier"]
        mask = given["attention_mask"].numpy()[:, :, None]
        mean = (hidden[after].numpy() * mask).sum(axis=1) / mask.sum(axis=1)
        pooled = np.tanh(mean @ kernel.numpy() + bias.numpy())
        expected = pooled @ last_kernel.numpy() + last_bias.numpy()
        np.testing.assert_allclose(made["exits"][:, place], expected, atol=1e-6)


def test_the_last_head_answers_as_it_does_without_them(model: BertClassifier, small: Found) -> None:
    plain = network(small)
    for variable in plain.trainable_variables:
        variable.assign(values(model)[variable.name.partition("/")[2]])
    given = batch_of(4, 6)
    expected = outputs(plain, given, training=False)
    assert set(expected) == {"logits"}
    np.testing.assert_allclose(outputs(model, given, training=False)["logits"], expected["logits"], atol=1e-6)


def test_what_they_learn_goes_into_the_layers_before_them_and_no_others(model: BertClassifier) -> None:
    given = batch_of(4, 6)
    with tf.GradientTape() as tape, drawn_from(0, tf.constant(0, tf.int64)):
        losses = OBJECTIVES["exits"](outputs(model, given, training=True), given, model)
    variables = model.trainable_variables
    gradients = tape.gradient(losses, variables)
    touched = {variable.name for variable, gradient in zip(variables, gradients, strict=True) if gradient is not None}
    assert any("/layer_._1/" in name for name in touched)
    assert not any("/layer_._2/" in name or "/bert/pooler/" in name for name in touched)
    assert sum(name.startswith("exits/") for name in touched) == 8


def test_units_are_dropped_in_training_alone() -> None:
    heads = ExitHeads([1], width=4, classes=2, dropout=0.5)
    means = [tf.ones([3, 4])]
    np.testing.assert_array_equal(heads(means, training=False), heads(means, training=False))
    with drawn_from(0, tf.constant(0, tf.int64)):
        assert not np.array_equal(heads(means, training=True), heads(means, training=False))


def test_they_are_saved_and_loaded(model: BertClassifier, small: Found, tmp_path: Path) -> None:
    save_weights(model, tmp_path / "model.safetensors")
    kept = load_file(tmp_path / "model.safetensors")
    # As PyTorch would hold them.
    assert kept["exits.2.classifier.weight"].shape == (3, 8)
    other = network(small, exits=AFTER, seed=1)
    load_weights(other, tmp_path / "model.safetensors", complete=True)
    given = batch_of(4, 6)
    np.testing.assert_allclose(
        outputs(other, given, training=False)["exits"], outputs(model, given, training=False)["exits"], atol=1e-6
    )


def test_a_network_with_fewer_exits_takes_those_that_it_has(
    model: BertClassifier, small: Found, tmp_path: Path
) -> None:
    save_weights(model, tmp_path / "model.safetensors")
    other = network(small, exits=[2], seed=1)
    load_weights(other, tmp_path / "model.safetensors", complete=True)
    given = batch_of(4, 6)
    expected = outputs(model, given, training=False)["exits"][:, 1:]
    np.testing.assert_allclose(outputs(other, given, training=False)["exits"], expected, atol=1e-6)


def test_weights_of_a_training_without_them(model: BertClassifier, small: Found, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    save_weights(network(small), file)
    before = values(model)["1/dense/kernel:0"]
    load_weights(model, file)
    np.testing.assert_array_equal(values(model)["1/dense/kernel:0"], before)
    with pytest.raises(UsageError, match=r"exits\.1\.dense\.weight is not there"):
        load_weights(model, file, complete=True)


def test_other_libraries_get_the_network_without_them(model: BertClassifier, small: Found, tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    save_weights(model, weights)
    save_huggingface(model, tmp_path / "huggingface", found=small, lower_case=True, weights=weights)
    state = load_file(tmp_path / "huggingface" / "model.safetensors")
    save_weights(network(small), tmp_path / "plain.safetensors")
    assert set(state) == set(load_file(tmp_path / "plain.safetensors"))
    assert not (tmp_path / "huggingface" / "README.md").exists()
