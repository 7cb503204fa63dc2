"""Where features meet the text: what they begin as, what they can say, and how their weights are kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from small_networks import batch_of, network, small_files

from tfclassify.errors import UsageError
from tfclassify.learning.prediction import forward
from tfclassify.learning.strategies import set_precision
from tfclassify.model.classifier import (
    INPUTS,
    BertClassifier,
    answering,
    load_weights,
    outputs,
    save_weights,
)
from tfclassify.model.features import CATEGORIES, FEATURE_INPUTS, NUMBERS, Measures
from tfclassify.model.interchange import save_huggingface
from tfclassify.model.joining import names_of

MEASURES = Measures({"price": (0.0, 1.0)}, {"brand": ("x", "y")}, width=6)


@pytest.fixture(autouse=True)
def precision() -> None:
    """The number format is the process's, and may be left by other tests."""
    set_precision("float32")


def joined(folder: Path, measures: Measures = MEASURES, *, seed: int = 0) -> BertClassifier:
    return network(small_files(folder), seed=seed, features=measures)


def batch(prices: list[float], brands: list[int]) -> dict[str, tf.Tensor]:
    numbers = [[price, 0.0] for price in prices]
    features = {NUMBERS: tf.constant(numbers), CATEGORIES: tf.constant([[brand] for brand in brands])}
    return {**batch_of(len(prices), 6), **features}


def logits(model: BertClassifier, given: dict[str, tf.Tensor]) -> np.ndarray:
    return outputs(model, given, training=False)["logits"].numpy()


def stirred(model: BertClassifier) -> BertClassifier:
    """Gives every weight of the features a value of its own."""
    random = np.random.default_rng(1)
    assert model.join is not None
    for variable in model.join.weights:
        variable.assign(random.normal(0, 0.3, variable.shape))
    return model


def test_training_begins_with_the_logits_of_the_text_alone(tmp_path: Path) -> None:
    given = batch([0.5, -3.0], [2, 3])
    np.testing.assert_allclose(
        logits(joined(tmp_path), given), logits(network(small_files(tmp_path)), given), atol=1e-6
    )


def test_features_change_what_a_text_is_answered(tmp_path: Path) -> None:
    model = stirred(joined(tmp_path))
    first = logits(model, batch([0.5, 0.5], [2, 2]))
    for other in (batch([1.5, 0.5], [2, 2]), batch([0.5, 0.5], [3, 2])):
        changed = np.abs(logits(model, other) - first).max(axis=1)
        assert changed[0] > 1e-3
        assert changed[1] < 1e-6


def test_an_unseen_category_begins_as_nothing(tmp_path: Path) -> None:
    model = joined(tmp_path)
    assert model.join is not None
    vectors = model.join.vectors[0].numpy()
    assert np.abs(vectors[1]).max() == 0.0
    assert np.abs(vectors[[0, 2, 3]]).min() > 0.0


def test_every_weight_is_learnt(tmp_path: Path) -> None:
    model = stirred(joined(tmp_path))
    assert model.join is not None
    trainable = {variable.name for variable in model.trainable_variables}
    assert {variable.name for variable in model.join.weights} <= trainable
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(outputs(model, batch([0.5, -1.0], [0, 3]), training=True)["logits"] ** 2)
    for variable, gradient in zip(model.join.weights, tape.gradient(loss, model.join.weights), strict=True):
        assert float(tf.reduce_max(tf.abs(tf.convert_to_tensor(gradient)))) > 0.0, variable.name


def test_the_passes_for_answers_are_the_networks_own(tmp_path: Path) -> None:
    model = stirred(joined(tmp_path))
    given = batch([0.5, -1.0, 7.0], [0, 3, 1])
    passed = [given[name] for name in (*INPUTS, *FEATURE_INPUTS)]
    fast = answering(model)
    assert fast is not None
    for run in (forward(model), fast):
        np.testing.assert_allclose(run(*passed), logits(model, given), atol=2e-6)


@pytest.mark.parametrize(
    "measures",
    [Measures({"a": (0.0, 1.0), "b": (0.0, 1.0)}, {}, 3), Measures({}, {"a": ("x",), "b": ("y", "z")}, 3)],
    ids=["numbers alone", "categories alone"],
)
def test_features_of_one_kind(tmp_path: Path, measures: Measures) -> None:
    model = stirred(joined(tmp_path, measures))
    features = {
        NUMBERS: tf.ones([2, measures.flags_and_numbers]),
        CATEGORIES: tf.ones([2, len(measures.sizes)], tf.int32),
    }
    assert logits(model, {**batch_of(2, 6), **features}).shape == (2, 3)


def test_weights_are_saved_and_loaded(tmp_path: Path) -> None:
    model, other = stirred(joined(tmp_path)), joined(tmp_path, seed=1)
    save_weights(model, tmp_path / "weights.safetensors")
    load_weights(other, tmp_path / "weights.safetensors", complete=True)
    given = batch([0.5, -1.0], [2, 3])
    np.testing.assert_array_equal(logits(model, given), logits(other, given))
    assert model.join is not None
    assert [name for _, name in names_of(model.join)] == [
        "features.category_0",
        "features.text.kernel",
        "features.values.kernel",
        "features.bias",
        "features.output.kernel",
    ]


def test_weights_without_those_of_features_are_not_complete(tmp_path: Path) -> None:
    save_weights(network(small_files(tmp_path)), tmp_path / "weights.safetensors")
    model = joined(tmp_path)
    # Of a pre-trained encoder nobody expects them.
    load_weights(model, tmp_path / "weights.safetensors")
    with pytest.raises(UsageError) as caught:
        load_weights(model, tmp_path / "weights.safetensors", complete=True)
    assert str(caught.value) == (
        f"{tmp_path / 'weights.safetensors'}: features.category_0 is not there; expected a BERT model with "
        "features.category_0 of shape [4, 2]"
    )


def test_other_libraries_get_the_encoder(tmp_path: Path) -> None:
    found = small_files(tmp_path / "small")
    model = stirred(network(found, features=MEASURES))
    save_huggingface(model, tmp_path / "huggingface", found=found, lower_case=True)
    readme = (tmp_path / "huggingface" / "README.md").read_text(encoding="utf-8")
    assert readme.startswith(
        "This is the encoder of a classifier of texts and features, for AutoModel and AutoTokenizer."
    )
    from safetensors.numpy import load_file

    state = load_file(tmp_path / "huggingface" / "model.safetensors")
    assert "pooler.dense.weight" in state
    assert not [name for name in state if name.startswith(("bert.", "classifier.", "features."))]
