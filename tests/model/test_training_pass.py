"""The training pass against the network's own layers: logits, gradients of every weight, and what dropout does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from small_networks import PIECES, network, small_files

from tfclassify.learning.strategies import set_precision
from tfclassify.model.classifier import BertClassifier, learning, outputs
from tfclassify.model.dropout import drawn_from
from tfclassify.model.routes import INPUTS
from tfclassify.model.training_pass import Learnt
from tfclassify.model.windowing import Windowed

RATES = {"hidden_dropout_prob": 0.2, "attention_probs_dropout_prob": 0.3}
LONGEST = 12
Both = tuple[BertClassifier, Callable[[Mapping[str, tf.Tensor]], list[np.ndarray]], Callable[..., list[np.ndarray]]]


@pytest.fixture(autouse=True)
def precise() -> None:
    # Trainings before this one may have left the products in another format.
    set_precision("float32")


def pass_of(model: BertClassifier) -> Learnt:
    made = learning(model)
    assert made is not None
    return made


def batch(lengths: list[int], width: int, seed: int = 0) -> dict[str, tf.Tensor]:
    """Rows of these lengths, of which each other one has a second text."""
    random = np.random.default_rng(seed)
    columns = np.arange(width)[None, :]
    mask = (columns < np.array(lengths)[:, None]).astype(np.int32)
    ids = random.integers(0, len(PIECES), mask.shape).astype(np.int32)
    second = (np.arange(len(lengths)) % 2)[:, None] * (columns > 2)
    return dict(zip(INPUTS, map(tf.constant, (ids, mask, (second * mask).astype(np.int32))), strict=True))


def differentiated(
    model: BertClassifier, run: Learnt, tokens: Mapping[str, tf.Tensor], step: int = 0
) -> list[np.ndarray]:
    """Returns what a pass makes, and the gradients of a sum in which each number counts differently."""
    with tf.GradientTape() as tape, drawn_from(1, tf.constant(step, tf.int64)):
        made = run(tokens)
        counted = [tf.reduce_sum(each * tf.random.stateless_normal(tf.shape(each), [1, 2])) for each in made.values()]
        total = tf.add_n(counted)
    gradients = tape.gradient(total, model.trainable_variables)
    return [*(each.numpy() for each in made.values()), *(tf.convert_to_tensor(each).numpy() for each in gradients)]


def layers_of(model: BertClassifier) -> Learnt:
    return lambda tokens: outputs(model, tokens, training=True)


def check_same(expected: list[np.ndarray], found: list[np.ndarray]) -> None:
    # The bias of keys has no gradient at all: what is there is rounding.
    rounding = 1e-6 * max(np.abs(each).max() for each in expected)
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_allclose(other, one, rtol=0, atol=1e-5 * np.abs(one).max() + rounding)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    """A network without dropout, and what it and the pass make of a batch: traced once for all shapes."""
    model = network(small_files(tmp_path_factory.mktemp("small"), num_hidden_layers=2))
    specs = {name: tf.TensorSpec([None, None], tf.int32) for name in INPUTS}

    def traced(run: Learnt) -> Callable[[Mapping[str, tf.Tensor]], list[np.ndarray]]:
        def all_of(tokens: Mapping[str, tf.Tensor]) -> list[tf.Tensor]:
            with tf.GradientTape() as tape, drawn_from(1, tf.constant(0, tf.int64)):
                logits = run(tokens)["logits"]
                total = tf.reduce_sum(logits * tf.constant([1.0, 2.0, -0.5]))
            gradients = tape.gradient(total, model.trainable_variables)
            return [logits, *(tf.convert_to_tensor(each) for each in gradients)]

        graph = tf.function(all_of, input_signature=[specs], autograph=False)
        return lambda tokens: [each.numpy() for each in graph(tokens)]

    return model, traced(layers_of(model)), traced(pass_of(model))


@given(st.lists(st.integers(1, LONGEST), min_size=1, max_size=5), st.integers(0, 3), st.integers(0, 9))
def test_logits_and_gradients_of_every_weight(both: Both, lengths: list[int], more: int, seed: int) -> None:
    _, layers, ours = both
    tokens = batch(lengths, max(lengths) + more, seed)
    check_same(layers(tokens), ours(tokens))


def test_gradients_of_tables_are_the_rows_that_were_looked_up(both: Both) -> None:
    model, *_ = both
    tokens, run = batch([3, 2], 5), pass_of(model)
    with tf.GradientTape() as tape, drawn_from(1, tf.constant(0, tf.int64)):
        total = tf.reduce_sum(run(tokens)["logits"][:, 0])
    tables = model.bert.embeddings
    words, types, positions = tape.gradient(
        total, [tables.weight, tables.token_type_embeddings, tables.position_embeddings]
    )
    assert sorted(words.indices.numpy()) == sorted(tokens["input_ids"].numpy()[tokens["attention_mask"].numpy() > 0])
    assert (len(types.indices), positions.indices.numpy().tolist()) == (5, [0, 1, 2, 3, 4])


@pytest.mark.parametrize("pool", ["mean", "attention", "hierarchical"])
def test_windows(tmp_path: Path, pool: str) -> None:
    """Texts of fewer windows than others leave windows without a token."""
    model = network(small_files(tmp_path, num_hidden_layers=2), windows=Windowed(length=4, most=3, pool=pool))
    tokens = batch([12, 3, 8], 12)
    check_same(*(differentiated(model, run, tokens) for run in (layers_of(model), pass_of(model))))


def test_a_batch_without_a_token_has_finite_gradients(both: Both) -> None:
    _, _, learnt = both
    tokens = {name: tf.zeros_like(each) for name, each in batch([3, 2], 5).items()}
    assert all(np.isfinite(each).all() for each in learnt(tokens))


def test_encoders_that_it_does_not_fit(tmp_path: Path) -> None:
    for number, config in enumerate(({"hidden_act": "relu"}, {"position_embedding_type": "relative_key"})):
        assert learning(network(small_files(tmp_path / str(number), **config))) is None
    set_precision("float16")
    assert learning(network(small_files(tmp_path / "half"))) is None
    set_precision("float32")


# Dropout


@pytest.fixture(scope="module")
def dropping(tmp_path_factory: pytest.TempPathFactory) -> BertClassifier:
    return network(small_files(tmp_path_factory.mktemp("dropping"), num_hidden_layers=2, **RATES), dropout=0.1)


def test_the_same_step_drops_the_same_and_another_another(dropping: BertClassifier) -> None:
    tokens, run = batch([5, 3, 6], 6), pass_of(dropping)
    one, again, other = (differentiated(dropping, run, tokens, step) for step in (4, 4, 5))
    for left, right in zip(one, again, strict=True):
        np.testing.assert_array_equal(left, right)
    assert np.abs(one[0] - other[0]).max() > 1e-3


def test_the_gradient_is_that_of_the_units_that_were_kept(dropping: BertClassifier) -> None:
    """By differences along the gradient itself, of a loss that is summed in float64."""
    tokens, run = batch([5, 3, 6], 6), pass_of(dropping)
    variables = dropping.trainable_variables
    start = [variable.numpy() for variable in variables]

    def loss() -> tf.Tensor:
        with drawn_from(1, tf.constant(4, tf.int64)):
            logits = tf.cast(run(tokens)["logits"], tf.float64)
        return tf.reduce_sum(tf.square(logits) * tf.constant([1.0, 2.0, -0.5], tf.float64))

    with tf.GradientTape() as tape:
        value = loss()
    gradients = [tf.convert_to_tensor(each).numpy() for each in tape.gradient(value, variables)]
    size = np.sqrt(sum(float(np.square(each.astype(np.float64)).sum()) for each in gradients))
    moved = []
    for sign in (1.0, -1.0):
        for variable, begin, gradient in zip(variables, start, gradients, strict=True):
            variable.assign(begin + sign * 1e-3 / size * gradient)
        moved.append(float(loss()))
    for variable, begin in zip(variables, start, strict=True):
        variable.assign(begin)
    assert (moved[0] - moved[1]) / 2e-3 == pytest.approx(size, rel=5e-3)


def test_logits_scatter_as_those_of_the_layers(tmp_path: Path) -> None:
    """Other units are dropped, but as many, in the same places and scaled up as much: the same mean and deviation."""
    model = network(small_files(tmp_path, **dict.fromkeys(RATES, 0.1)))
    tokens = batch([6] * 64, 6)
    exact = outputs(model, tokens, training=False)["logits"].numpy()
    theirs, ours = (drawn(run, tokens, steps=40) - exact for run in (layers_of(model), pass_of(model)))
    deviation = theirs.std(axis=(0, 1))
    assert (np.abs(ours.mean(axis=(0, 1)) - theirs.mean(axis=(0, 1))) < 0.15 * deviation).all()
    np.testing.assert_allclose(ours.std(axis=(0, 1)), deviation, rtol=0.1)


def drawn(run: Learnt, tokens: Mapping[str, tf.Tensor], *, steps: int) -> np.ndarray:
    def logits(step: tf.Tensor) -> tf.Tensor:
        with drawn_from(1, step):
            return run(tokens)["logits"]

    graph = tf.function(logits)
    return np.stack([graph(tf.constant(step, tf.int64)).numpy() for step in range(steps)])


# In bfloat16


def test_products_in_bfloat16(both: Both) -> None:
    model, layers, _ = both
    tokens = batch([5, 3, 6], 6)
    exact = layers(tokens)
    set_precision("bfloat16")
    rough = differentiated_as(model, tokens)
    set_precision("float32")
    assert np.abs(exact[0] - rough[0]).max() < 0.05
    flat = [np.concatenate([each.ravel() for each in made[1:]]) for made in (exact, rough)]
    assert np.dot(*flat) / np.linalg.norm(flat[0]) / np.linalg.norm(flat[1]) > 0.999
    assert 0.0 < np.abs(flat[0] - flat[1]).max() < 0.05 * np.abs(flat[0]).max()


def differentiated_as(model: BertClassifier, tokens: Mapping[str, tf.Tensor]) -> list[np.ndarray]:
    run = pass_of(model)
    with tf.GradientTape() as tape, drawn_from(1, tf.constant(0, tf.int64)):
        logits = run(tokens)["logits"]
        total = tf.reduce_sum(logits * tf.constant([1.0, 2.0, -0.5]))
    gradients = tape.gradient(total, model.trainable_variables)
    return [logits.numpy(), *(tf.convert_to_tensor(each).numpy() for each in gradients)]
