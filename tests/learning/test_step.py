"""The training step: what it returns and what it changes, by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from small_networks import batch_of, network, small_files, values

from tfclassify.learning.objectives import choose
from tfclassify.learning.optimizers import AdamW
from tfclassify.learning.step import training_step
from tfclassify.learning.strategies import set_precision
from tfclassify.model.classifier import BertClassifier, outputs
from tfclassify.model.weights import Found
from tfclassify.model.windowing import Windowed

Batch = dict[str, tf.Tensor]
Changes = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return small_files(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def model(small: Found) -> BertClassifier:
    """A network that every test leaves as it was."""
    return network(small)


@pytest.fixture
def precision() -> Iterator[None]:
    yield
    set_precision("float32")


def gradient(model: BertClassifier, batch: Batch, terms: Sequence[Any] = ("cross_entropy",)) -> tuple[Changes, float]:
    """Returns what one step takes from each weight at a rate of 1, and the loss that it reports."""
    model.compile(optimizer=keras.optimizers.SGD(1.0), step=training_step(choose(terms)))
    before = [variable.numpy() for variable in model.trainable_variables]
    names = list(values(model))
    loss, _ = model._step(model, batch)
    changes = {
        name: start - variable.numpy()
        for name, start, variable in zip(names, before, model.trainable_variables, strict=True)
    }
    for variable, start in zip(model.trainable_variables, before, strict=True):
        variable.assign(start)
    return changes, float(loss)


def check_same(left: Changes, right: Changes, *, factor: float = 1.0) -> None:
    assert max(np.abs(change).max() for change in left.values()) > 1e-3
    for name, change in left.items():
        np.testing.assert_allclose(factor * change, right[name], atol=2e-6, err_msg=name)


def losses_of(model: BertClassifier, batch: Batch) -> np.ndarray:
    logits = outputs(model, batch, training=False)["logits"]
    return tf.nn.sparse_softmax_cross_entropy_with_logits(batch["labels"], logits).numpy()


def first_rows(batch: Batch, rows: int) -> Batch:
    return {name: tensor[:rows] for name, tensor in batch.items()}


def test_the_loss_is_the_mean_over_the_rows_that_count(model: BertClassifier) -> None:
    batch = batch_of(4, 6, weights=[1.0, 0.5, 0.0, 2.0])
    model.compile(optimizer=keras.optimizers.SGD(0.0), step=training_step(choose(["cross_entropy"])))
    loss, rows = model._step(model, batch)
    weighted = losses_of(model, batch) * [1.0, 0.5, 0.0, 2.0]
    assert float(rows) == 3.0
    assert float(loss) == pytest.approx(weighted.sum() / 3.0, rel=1e-5)
    assert (loss.dtype, rows.dtype, loss.shape, rows.shape) == (tf.float32, tf.float32, [], [])


def test_a_row_of_no_weight_is_as_if_it_were_not_there(model: BertClassifier) -> None:
    batch = batch_of(5, 6, weights=[1.0, 0.5, 2.0, 0.0, 0.0])
    with_them, loss = gradient(model, batch)
    without, loss_without = gradient(model, first_rows(batch, 3))
    check_same(with_them, without)
    assert loss == pytest.approx(loss_without, rel=1e-5)


def test_no_row_counts(model: BertClassifier) -> None:
    changes, loss = gradient(model, batch_of(3, 6, weights=[0.0, 0.0, 0.0]))
    assert loss == 0.0
    assert all((change == 0).all() for change in changes.values())


def test_the_gradient_is_that_of_the_loss(model: BertClassifier) -> None:
    batch = batch_of(3, 6, weights=[1.0, 0.5, 2.0])
    changes, _ = gradient(model, batch)
    with tf.GradientTape() as tape:
        logits = outputs(model, batch, training=False)["logits"]
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(batch["labels"], logits)
        loss = tf.reduce_sum(losses * batch["weights"]) / 3.0
    expected = tape.gradient(loss, model.trainable_variables)
    for name, each in zip(values(model), expected, strict=True):
        np.testing.assert_allclose(changes[name], tf.convert_to_tensor(each), atol=2e-6, err_msg=name)


def test_padding_to_a_longer_shape_changes_nothing(model: BertClassifier) -> None:
    batch = batch_of(4, 6)
    padded = {
        name: tf.pad(tensor, [[0, 0], [0, 4]]) if tensor.shape.rank == 2 else tensor for name, tensor in batch.items()
    }
    check_same(gradient(model, batch)[0], gradient(model, padded)[0])


def squares(outputs: Any, batch: Any, model: Any, *, factor: float = 1.0) -> tf.Tensor:
    return factor * tf.reduce_sum(outputs["logits"] ** 2, axis=1)


def test_objectives_are_summed_by_their_weights(model: BertClassifier) -> None:
    batch, own = batch_of(3, 6), f"{__name__}:squares"
    one, loss_one = gradient(model, batch, ["cross_entropy"])
    two, loss_two = gradient(model, batch, [own])
    both, loss = gradient(model, batch, [{"cross_entropy": {"weight": 0.3}}, {own: {"weight": 2, "factor": 0.5}}])
    check_same(both, {name: 0.3 * one[name] + two[name] for name in one})
    assert loss == pytest.approx(0.3 * loss_one + loss_two, rel=1e-5)


def test_an_objective_gets_the_batch_and_the_network(model: BertClassifier) -> None:
    given: list[Any] = []

    def objective(outputs: Any, batch: Any, network: Any) -> tf.Tensor:
        given.append((set(outputs), set(batch), network))
        return outputs["logits"][:, 0]

    batch = batch_of(2, 6)
    model.compile(optimizer=keras.optimizers.SGD(0.0), step=training_step([(1.0, objective)]))
    model._step(model, batch)
    assert given == [({"logits"}, {*batch, "micro_batch"}, model)]


def test_several_labels_a_row(small: Found) -> None:
    several = network(small, multilabel=True)
    batch = batch_of(4, 6, multilabel=True, weights=[1.0, 1.0, 0.0, 0.0])
    with_them, _ = gradient(several, batch, ["binary_cross_entropy"])
    check_same(with_them, gradient(several, first_rows(batch, 2), ["binary_cross_entropy"])[0])


# Number formats


def trained(small: Found, precision: str) -> tuple[list[float], BertClassifier]:
    """Makes 25 steps in a graph; returns the losses."""
    set_precision(precision)
    model = network(small)
    optimizer: Any = AdamW(0.02, weight_decay=0.01)
    if precision == "float16":
        optimizer = keras.mixed_precision.LossScaleOptimizer(optimizer)
    model.compile(optimizer=optimizer, step=training_step(choose(["cross_entropy"])))
    optimizer.build(model.trainable_variables)
    step = tf.function(lambda batch: model._step(model, batch)[0])
    batch = batch_of(6, 8, weights=[1.0, 1.0, 1.0, 1.0, 1.0, 0.0])
    return [float(step(batch)) for _ in range(25)], model


@pytest.mark.usefixtures("precision")
@pytest.mark.parametrize("name", ["float32", "bfloat16", "float16"])
def test_it_learns_in_every_number_format(small: Found, name: str) -> None:
    losses, model = trained(small, name)
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.3 * losses[0]
    # What is kept is float32, whatever the products are made in.
    assert {variable.dtype for variable in model.trainable_variables} == {tf.float32}
    set_precision("float32")
    exact = losses_of(network(small), batch_of(6, 8))[:5].mean()
    assert losses[0] == pytest.approx(exact, abs=1e-5 if name == "float32" else 0.02)


@pytest.mark.usefixtures("precision")
def test_small_gradients_survive_float16(small: Found) -> None:
    """Their squares are below what float16 has, were the loss not scaled up before it is differentiated."""
    set_precision("float16")
    model, batch = network(small), batch_of(4, 6, weights=[1e-6, 1e-6, 1e-6, 1e-6])
    optimizer = keras.mixed_precision.LossScaleOptimizer(keras.optimizers.SGD(1e6))
    model.compile(optimizer=optimizer, step=training_step(choose(["cross_entropy"])))
    before = values(model)
    model._step(model, batch)
    changes = {name: before[name] - value for name, value in values(model).items()}
    set_precision("float32")
    expected, _ = gradient(network(small), {**batch, "weights": tf.ones([4])})
    for name, change in expected.items():
        np.testing.assert_allclose(changes[name], change, atol=0.02 * np.abs(change).max() + 1e-3, err_msg=name)


@pytest.fixture(scope="module")
def choosing(small: Found) -> BertClassifier:
    """A network that learns to choose windows."""
    model = network(small, windows=Windowed(3, 2, "attention", 0.5))
    chance = np.random.default_rng(3)
    for variable in model.windows.weights:
        variable.assign(chance.normal(size=variable.shape))
    return model


def test_a_scorer_learns_by_the_weights_of_rows_and_the_loss_that_is_told_is_without_it(
    choosing: BertClassifier,
) -> None:
    batch = batch_of(4, 6, weights=[1.0, 0.5, 0.0, 2.0])
    changes, loss = gradient(choosing, batch)
    with tf.GradientTape() as tape:
        found = outputs(choosing, batch, training=True)
        beside = tf.reduce_sum(found["imitation"] * batch["weights"]) / 3.0
    scorer = {name: value for name, value in values_of(choosing).items() if "scorer" in name}
    assert len(scorer) == 3
    for (name, _), expected in zip(scorer.items(), tape.gradient(beside, list(scorer.values())), strict=True):
        assert np.abs(expected).max() > 1e-6
        np.testing.assert_allclose(changes[name], expected, atol=1e-7, err_msg=name)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(batch["labels"], found["logits"]) * batch["weights"]
    assert loss == pytest.approx(float(tf.reduce_sum(losses)) / 3.0, rel=1e-5)


@pytest.mark.parametrize("way", ["parts", "scaled"])
def test_a_scorer_learns_the_same_in_parts_and_with_a_scaled_loss(choosing: BertClassifier, way: str) -> None:
    batch = batch_of(4, 6, weights=[1.0, 0.5, 0.0, 2.0])
    expected, _ = gradient(choosing, batch)
    optimizer, parts = keras.optimizers.SGD(1.0), 1
    if way == "scaled":
        optimizer = keras.mixed_precision.LossScaleOptimizer(optimizer)
    else:
        parts = 2
    choosing.compile(optimizer=optimizer, step=training_step(choose(["cross_entropy"]), accumulation_steps=parts))
    before = values(choosing)
    choosing._step(choosing, batch)
    changes = {name: before[name] - value for name, value in values(choosing).items()}
    for variable, start in zip(choosing.trainable_variables, before.values(), strict=True):
        variable.assign(start)
    for name, change in expected.items():
        np.testing.assert_allclose(changes[name], change, atol=1e-6, err_msg=name)


def values_of(model: BertClassifier) -> dict[str, tf.Variable]:
    return dict(zip(values(model), model.trainable_variables, strict=True))
