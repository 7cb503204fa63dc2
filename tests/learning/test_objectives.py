"""Objectives: each entry keeps the contract; terms of a loss are found by name, with their options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from scipy.special import log_softmax

from tfclassify.errors import UsageError
from tfclassify.learning.objectives import OBJECTIVES, Objective, choose

MODEL: Any = None
ROWS, CLASSES = 4, 3
SINGLE = tf.constant([0, 2, 1, 2], tf.int32)
SEVERAL = tf.constant([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]], tf.float32)
# What each entry learns from.
LABELS = {"cross_entropy": SINGLE, "binary_cross_entropy": SEVERAL}


def logits(*, scale: float = 2.0) -> tf.Tensor:
    return tf.constant(np.random.default_rng(0).normal(0, scale, (ROWS, CLASSES)), tf.float32)


def losses(objective: Objective, outputs: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    return objective({"logits": outputs}, {"labels": labels}, MODEL)


def each() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("name", OBJECTIVES)


def test_every_entry_is_held_by_these_tests() -> None:
    assert set(LABELS) == set(OBJECTIVES)


@each()
def test_one_loss_a_row(name: str) -> None:
    made = losses(OBJECTIVES[name], logits(), LABELS[name])
    assert (made.shape, made.dtype) == ([ROWS], tf.float32)
    assert (made.numpy() > 0).all()


@each()
@pytest.mark.parametrize("scale", [0.0, 1e4])
def test_losses_and_gradients_are_finite(name: str, scale: float) -> None:
    outputs = logits(scale=scale)
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        made = losses(OBJECTIVES[name], outputs, LABELS[name])
    gradient = tape.gradient(made, outputs)
    assert np.isfinite(made.numpy()).all()
    assert np.isfinite(gradient.numpy()).all()
    assert np.abs(gradient.numpy()).max() > 0


@each()
def test_a_row_counts_for_itself_only(name: str) -> None:
    outputs, row = logits(), 1
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        made = losses(OBJECTIVES[name], outputs, LABELS[name])[row]
    touched = np.abs(tape.gradient(made, outputs).numpy()).max(axis=1) > 0
    assert touched.tolist() == [False, True, False, False]


@each()
def test_it_falls_the_way_of_its_gradient(name: str) -> None:
    outputs = logits()
    for _ in range(50):
        with tf.GradientTape() as tape:
            tape.watch(outputs)
            made = losses(OBJECTIVES[name], outputs, LABELS[name])
        outputs -= 5.0 * tape.gradient(made, outputs)
    one = LABELS[name] is SINGLE
    right = outputs.numpy().argmax(axis=1) == SINGLE if one else (outputs.numpy() > 0) == SEVERAL
    assert np.all(right)


@each()
def test_it_is_the_same_in_a_graph_of_unknown_shapes(name: str) -> None:
    labels = LABELS[name]
    specs = [tf.TensorSpec([None, None], tf.float32), tf.TensorSpec([None] * labels.shape.rank, labels.dtype)]
    graph = tf.function(lambda outputs, given: losses(OBJECTIVES[name], outputs, given), input_signature=specs)
    np.testing.assert_allclose(graph(logits(), labels), losses(OBJECTIVES[name], logits(), labels), rtol=1e-6)


def test_cross_entropy() -> None:
    expected = -log_softmax(logits().numpy().astype(float), axis=1)[np.arange(ROWS), SINGLE.numpy()]
    np.testing.assert_allclose(losses(OBJECTIVES["cross_entropy"], logits(), SINGLE), expected, rtol=1e-5)


def test_binary_cross_entropy() -> None:
    made = losses(OBJECTIVES["binary_cross_entropy"], logits(), SEVERAL)
    keras_loss = keras.losses.BinaryCrossentropy(from_logits=True, reduction="none")
    np.testing.assert_allclose(made, keras_loss(SEVERAL, logits()), rtol=1e-6)
    z, y = logits().numpy().astype(float), SEVERAL.numpy()
    np.testing.assert_allclose(made, (np.logaddexp(0, z) - y * z).mean(axis=1), rtol=1e-5)


# Terms by name


def mine(
    outputs: Mapping[str, tf.Tensor], batch: Mapping[str, tf.Tensor], model: keras.Model, *, power: float = 1.0
) -> tf.Tensor:
    """An objective as a user would write it."""
    return tf.reduce_sum(tf.abs(outputs["logits"]), axis=1) ** power


def with_any(outputs: Any, batch: Any, model: Any, **options: float) -> tf.Tensor:
    return tf.fill([tf.shape(outputs["logits"])[0]], sum(options.values()))


def test_names_weigh_one() -> None:
    assert choose(["cross_entropy"]) == ((1.0, OBJECTIVES["cross_entropy"]),)


def test_weights() -> None:
    terms = choose([{"cross_entropy": {"weight": 0.25}}, "binary_cross_entropy", {"cross_entropy": {}}])
    assert [weight for weight, _ in terms] == [0.25, 1.0, 1.0]
    assert terms[0][1] is OBJECTIVES["cross_entropy"]


@pytest.mark.parametrize(
    ("term", "weight", "expected"),
    [
        (f"{__name__}:mine", 1.0, lambda norm: norm),
        ({f"{__name__}:mine": {"power": 2.0}}, 1.0, lambda norm: norm**2),
        ({f"{__name__}:mine": {"power": 3, "weight": 2}}, 2.0, lambda norm: norm**3),
        ({f"{__name__}:with_any": {"a": 0.5, "b": 1.0}}, 1.0, lambda norm: 0 * norm + 1.5),
    ],
)
def test_an_objective_of_ones_own(term: Any, weight: float, expected: Callable[[np.ndarray], np.ndarray]) -> None:
    ((found, objective),) = choose([term])
    assert found == weight
    norm = np.abs(logits().numpy()).sum(axis=1)
    np.testing.assert_allclose(losses(objective, logits(), SINGLE), expected(norm), rtol=1e-5)


def refused(*terms: Any) -> str:
    with pytest.raises(UsageError) as caught:
        choose(terms)
    return str(caught.value)


def test_no_terms() -> None:
    assert refused() == ("train.objectives is empty; expected at least one of: cross_entropy, binary_cross_entropy")


def test_an_unknown_name() -> None:
    assert refused("cross_entrpy") == (
        "no objective 'cross_entrpy'; known: binary_cross_entropy, cross_entropy; your own is given as "
        "package.module:function; did you mean 'cross_entropy'?"
    )


def test_two_names_in_one_term() -> None:
    assert refused({"cross_entropy": {}, "focal": {}}) == (
        "train.objectives has the term {'cross_entropy': {}, 'focal': {}}; expected one name with its options in "
        "each term"
    )


@pytest.mark.parametrize("weight", ["heavy", True, None, [1], float("nan"), float("inf")])
def test_a_weight_that_is_none(weight: Any) -> None:
    assert refused({"cross_entropy": {"weight": weight}}) == (
        f"train.objectives: the weight of cross_entropy is {weight!r}; expected a finite number"
    )


def test_an_unknown_option() -> None:
    assert refused({"cross_entropy": {"smoothing": 0.1}}) == (
        "train.objectives: cross_entropy has no option 'smoothing'; options: weight"
    )
    assert refused({f"{__name__}:mine": {"powr": 0.1}}) == (
        f"train.objectives: {__name__}:mine has no option 'powr'; options: weight, power; did you mean 'power'?"
    )
    # What every objective is given anyway is no option.
    assert "has no option 'model'" in refused({f"{__name__}:mine": {"model": 1}})
