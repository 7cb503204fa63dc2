"""Texts that leave early: everyone once, by the right door, with what the door says, whoever else is in the batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from small_networks import PIECES, all_heads, network, small_files

from tfclassify.errors import UsageError
from tfclassify.model.classifier import BertClassifier, _named, _shape, answering, answering_early
from tfclassify.model.exits import Beside, Exit, Leaving, Scale, leaving
from tfclassify.model.routes import INPUTS, SAID

LONGEST, LAYERS, LABELS = 12, 4, ("a", "b", "c")
NEVER = float("inf")
AFTER = (1, 3)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> BertClassifier:
    """Four layers, with heads that are sure of some texts and not of others."""
    found = small_files(tmp_path_factory.mktemp("small"), num_hidden_layers=LAYERS)
    made = network(found, exits=AFTER)
    assert made.exits is not None
    random = np.random.default_rng(0)
    for kernel, bias in made.exits.heads:
        kernel.assign(random.normal(0, 1.5, kernel.shape))
        bias.assign(random.normal(0, 0.3, bias.shape))
    return made


def early(model: BertClassifier, *thresholds: float, scale: Scale | None = None, **how: Any) -> Leaving:
    exits = [Exit(after, threshold, **how) for after, threshold in zip(AFTER, thresholds, strict=True)]
    return answering_early(model, exits, scale or Scale(multilabel=False))


def batch(lengths: Sequence[int], seed: int, more: int = 0) -> dict[str, tf.Tensor]:
    """Rows of these lengths, each with tokens that depend on its place, and ``more`` columns of padding."""
    width = max(lengths) + more
    mask = (np.arange(width)[None, :] < np.array(lengths)[:, None]).astype(np.int32)
    ids = np.random.default_rng(seed).integers(0, len(PIECES), mask.shape).astype(np.int32)
    return dict(zip(INPUTS, map(tf.constant, (ids, mask, np.zeros_like(mask))), strict=True))


def rows_of(given_batch: dict[str, tf.Tensor], rows: Sequence[int]) -> dict[str, tf.Tensor]:
    return {name: tf.gather(value, list(rows)) for name, value in given_batch.items()}


@contextmanager
def as_written() -> Iterator[None]:
    """Runs graphs without TensorFlow rewriting them first."""
    before = tf.config.optimizer.get_experimental_options()
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False, **before})


Everything = Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]


@pytest.fixture(scope="module")
def everything(model: BertClassifier) -> Everything:
    """The logits of all heads, of everybody."""
    tokens = tf.TensorSpec([None, None], tf.int32)
    run = tf.function(
        lambda *given: all_heads(model, dict(zip(INPUTS, given, strict=True))),
        input_signature=[tokens] * len(INPUTS),
    )
    return lambda given_batch: run(*(given_batch[name] for name in INPUTS))


@pytest.fixture(scope="module")
def parting(everything: Everything) -> tuple[float, ...]:
    """Thresholds that part a batch in three, each halfway between two texts."""
    sure = tf.reduce_max(tf.nn.softmax(everything(batch([8] * 60, 1))["exits"]), axis=2).numpy()
    return tuple(float(np.sort(column)[30:32].mean()) for column in sure.T)


@pytest.fixture(scope="module")
def some(model: BertClassifier, parting: tuple[float, ...]) -> Leaving:
    return early(model, *parting)


def batches(test: Callable[..., None]) -> Callable[..., None]:
    """Gives a test batches of texts of many lengths."""
    lengths = st.lists(st.integers(1, LONGEST), min_size=1, max_size=9)
    return settings(max_examples=25)(given(lengths, st.integers(0, 99), st.integers(0, 3))(test))


def test_with_an_infinite_threshold_it_is_the_plain_network_bit_for_bit(model: BertClassifier) -> None:
    with as_written():
        plain, never = answering(model), early(model, NEVER, NEVER)
        assert plain is not None
        for seed, lengths in enumerate(([3], [1, 12, 5, 5], [7] * 8, [2, 9, 4])):
            given_batch = batch(lengths, seed, more=seed % 2)
            tokens = [given_batch[name] for name in INPUTS]
            logits, taken = never.numbered(*tokens)
            assert logits.numpy().tobytes() == plain(*tokens).numpy().tobytes()
            assert taken.numpy().tolist() == [2] * len(lengths)


def masked(everything: Everything, exits: Sequence[Exit], given_batch: dict[str, tf.Tensor]) -> Any:
    """The same by computing everything for everybody, and taking from it what each text is to get."""
    made = everything(given_batch)
    logits, taken = made["logits"].numpy(), np.full(len(made["logits"]), len(exits))
    for place in reversed(range(len(exits))):
        own = made["exits"][:, place]
        sure = tf.reduce_max(tf.nn.softmax(own), axis=1).numpy()
        leaves = sure >= exits[place].threshold
        # Which side of the threshold it is on is a matter of the last bits.
        assert np.abs(sure - exits[place].threshold).min() > 1e-6
        logits, taken = np.where(leaves[:, None], own, logits), np.where(leaves, place, taken)
    return logits, taken


@batches
def test_gathered_and_masked_computation_agree(
    everything: Everything, some: Leaving, lengths: list[int], seed: int, more: int
) -> None:
    given_batch = batch(lengths, seed, more)
    logits, taken = masked(everything, some.exits, given_batch)
    routed = some.run(given_batch)
    np.testing.assert_allclose(routed.logits, logits, atol=1e-5)
    assert routed.route.numpy().tolist() == [[b"exit@1", b"exit@3", b"full"][place] for place in taken]


# What exits and the end of the network are weighted with, beside a baseline.
STACKS, BESIDE = ((0.6, 1.5), None), Beside(temperature=2.0, stack=(0.8, 0.7))


def heard(rows: int, seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0, 3, (rows, len(LABELS)))


@pytest.fixture(scope="module")
def beside_a_baseline(model: BertClassifier, parting: tuple[float, ...]) -> Leaving:
    exits = [Exit(*each[:2], stack=each[2]) for each in zip(AFTER, parting, STACKS, strict=True)]
    return answering_early(model, exits, Scale(multilabel=False), BESIDE)


@batches
def test_a_baseline_is_added_as_each_way_out_weighs_it(
    everything: Everything, beside_a_baseline: Leaving, lengths: list[int], seed: int, more: int
) -> None:
    given_batch, said = batch(lengths, seed, more), heard(len(lengths), seed)
    made, divided = everything(given_batch), said / BESIDE.temperature
    own = made["exits"].numpy()
    own[:, 0] = 0.6 * own[:, 0] + 1.5 * divided
    logits = 0.8 * made["logits"].numpy() + 0.7 * divided
    taken = np.full(len(lengths), 2)
    for place in (1, 0):
        sure = tf.reduce_max(tf.nn.softmax(own[:, place]), axis=1).numpy()
        leaves = sure >= beside_a_baseline.exits[place].threshold
        logits, taken = np.where(leaves[:, None], own[:, place], logits), np.where(leaves, place, taken)
    routed = beside_a_baseline.run({**given_batch, SAID: tf.constant(said)})
    assert routed.route.numpy().tolist() == [[b"exit@1", b"exit@3", b"full"][place] for place in taken]
    np.testing.assert_allclose(routed.logits, logits, atol=1e-5)


def test_an_exit_that_hears_a_baseline_needs_one(model: BertClassifier) -> None:
    exits = [Exit(AFTER[0], 0.5), Exit(AFTER[1], 0.5, stack=(0.5, 0.5))]
    with pytest.raises(ValueError, match=r"^the exits after layers \[3\] hear a baseline; expected beside, which is"):
        answering_early(model, exits, Scale(multilabel=False))


def test_beside_a_baseline_too_all_ways_are_taken(beside_a_baseline: Leaving) -> None:
    given_batch = {**batch([8] * 60, 1), SAID: tf.constant(heard(60, 1))}
    routes = beside_a_baseline.run(given_batch).route.numpy().tolist()
    assert min(map(routes.count, (b"exit@1", b"exit@3", b"full"))) >= 5


def test_with_an_infinite_threshold_a_baseline_is_added_to_the_plain_network_bit_for_bit(model: BertClassifier) -> None:
    exits = [Exit(after, NEVER, stack=(0.5, 0.5)) for after in AFTER]
    with as_written():
        alone = early(model, NEVER, NEVER)
        stacked = answering_early(model, exits, Scale(multilabel=False), BESIDE)
        given_batch, said = batch([1, 12, 5, 5], 3), heard(4, 3)
        tokens = [given_batch[name] for name in INPUTS]
        plain, _ = alone.numbered(*tokens)
        expected = np.float32(0.8) * plain.numpy() + (0.7 * (said / 2.0)).astype(np.float32)
        assert stacked.numbered(*tokens, tf.constant(said))[0].numpy().tobytes() == expected.tobytes()


def test_the_thresholds_of_these_tests_part_a_batch_in_three(some: Leaving) -> None:
    routes = some.run(batch([8] * 60, 1)).route.numpy().tolist()
    assert min(map(routes.count, (b"exit@1", b"exit@3", b"full"))) >= 5


@batches
def test_a_text_gets_the_same_whoever_else_is_there(some: Leaving, lengths: list[int], seed: int, more: int) -> None:
    given_batch = batch(lengths, seed, more)
    routed = some.run(given_batch)
    backwards = list(range(len(lengths)))[::-1]
    turned = some.run(rows_of(given_batch, backwards))
    np.testing.assert_allclose(turned.logits.numpy()[backwards], routed.logits, atol=1e-5)
    assert turned.route.numpy()[backwards].tolist() == routed.route.numpy().tolist()
    alone = some.run(rows_of(given_batch, [0]))
    np.testing.assert_allclose(alone.logits, routed.logits[:1], atol=1e-5)
    assert alone.route.numpy().tolist() == routed.route.numpy()[:1].tolist()


class Watched(dict[str, tf.Variable]):
    """Weights that say so when they are read and are no numbers."""

    def __getitem__(self, name: str) -> tf.Tensor:
        return tf.debugging.check_numerics(super().__getitem__(name), "it was computed")


@pytest.mark.parametrize("door", [0, 1])
def test_where_everybody_leaves_nothing_is_computed_after(model: BertClassifier, door: int) -> None:
    weights = Watched({name: variable for variable, name, _ in _named(model)})
    broken = f"bert.encoder.layer.{AFTER[door]}.intermediate.dense.weight"
    weights[broken] = tf.Variable(tf.fill(weights[broken].shape, float("nan")))
    thresholds = [0.0 if place == door else NEVER for place in range(len(AFTER))]
    exits = [Exit(after, threshold) for after, threshold in zip(AFTER, thresholds, strict=True)]
    given_batch = batch([4, 7, 2], 0)
    made = leaving(weights, _shape(model.config), exits, Scale(multilabel=False)).run(given_batch)
    assert made.route.numpy().tolist() == [f"exit@{AFTER[door]}".encode()] * 3
    nobody = [replace(each, threshold=NEVER) for each in exits]
    with pytest.raises(tf.errors.InvalidArgumentError, match="it was computed"):
        leaving(weights, _shape(model.config), nobody, Scale(multilabel=False)).run(given_batch)


def test_no_rows(some: Leaving) -> None:
    none = tf.zeros([0, 4], tf.int32)
    routed = some.run(dict.fromkeys(INPUTS, none))
    assert routed.logits.shape == (0, 3)
    assert routed.route.shape == (0,)


def test_rows_without_a_token(model: BertClassifier) -> None:
    """Whether they leave by the first exit, by the second or by none, alone or beside others."""
    none = dict.fromkeys(INPUTS, tf.zeros([3, 7], tf.int32))
    for thresholds in ([0.0, NEVER], [NEVER, 0.0], [NEVER, NEVER]):
        exits = [Exit(after, threshold) for after, threshold in zip(AFTER, thresholds, strict=True)]
        run = answering_early(model, exits, Scale(multilabel=False)).run
        alone, beside = run(none), run({name: tf.concat([none[name], batch([4, 7], 0)[name]], 0) for name in INPUTS})
        assert np.isfinite(alone.logits).all()
        np.testing.assert_allclose(beside.logits[:3], alone.logits, atol=2e-6)
        assert beside.route.numpy()[:3].tolist() == alone.route.numpy().tolist()


def test_logits_come_to_the_scale_of_the_run(model: BertClassifier, everything: Everything) -> None:
    given_batch = batch([5, 8, 3], 2)
    own = everything(given_batch)["exits"][:, 0].numpy()
    scale = Scale(multilabel=False, temperature=2.0, scope_threshold=7.0)
    found = early(model, 0.0, 0.0, scale=scale, temperature=0.5, scope_threshold=-99.0).run(given_batch)
    read = found.logits / 2.0
    np.testing.assert_allclose(tf.nn.softmax(read), tf.nn.softmax(own / 0.5), atol=1e-5)
    above = 2.0 * tf.reduce_logsumexp(read, axis=1) - 7.0
    expected = (2.0 / 0.5) * (0.5 * tf.reduce_logsumexp(own / 0.5, axis=1) + 99.0)
    np.testing.assert_allclose(above, expected, rtol=1e-5)


def test_who_is_out_of_scope_at_an_exit_stays(model: BertClassifier, everything: Everything) -> None:
    given_batch = batch([6] * 20, 3)
    own = everything(given_batch)["exits"][:, 0]
    scores = tf.reduce_logsumexp(own, axis=1).numpy()
    middle = float(np.sort(scores)[9:11].mean())
    scale = Scale(multilabel=False, scope_threshold=0.0)
    found = early(model, 0.0, NEVER, scale=scale, scope_threshold=middle).run(given_batch)
    assert (found.route.numpy() == b"exit@1").tolist() == (scores >= middle).tolist()


def test_of_several_labels_the_least_sure_one_counts(model: BertClassifier, everything: Everything) -> None:
    given_batch = batch([6] * 20, 4)
    own = tf.sigmoid(everything(given_batch)["exits"][:, 0]).numpy()
    sure = np.maximum(own, 1 - own).min(axis=1)
    middle = float(np.sort(sure)[9:11].mean())
    found = early(model, middle, NEVER, scale=Scale(multilabel=True)).run(given_batch)
    assert (found.route.numpy() == b"exit@1").tolist() == (sure >= middle).tolist()


def test_an_encoder_that_nobody_can_leave(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        network(small_files(tmp_path / "small", num_hidden_layers=2, hidden_act="relu"), exits=[1])
    assert str(caught.value) == (
        "model.exits is [1], but the model has the activation 'relu' and absolute positions; "
        "expected gelu and absolute positions, or model.exits=[]"
    )
