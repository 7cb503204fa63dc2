"""Long texts that leave early: with all of their windows, and with what the doors say of these together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from small_networks import PIECES, all_heads, network, small_files

from tfclassify.model.classifier import (
    BertClassifier,
    answering,
    answering_early,
    load_weights,
    save_weights,
)
from tfclassify.model.exits import Beside, Exit, Leaving, Scale
from tfclassify.model.routes import INPUTS, SAID
from tfclassify.model.windowing import Windowed, naming_windows

L, K, AFTER = 6, 4, (1, 2)
Batch = dict[str, tf.Tensor]
Known = tuple[BertClassifier, Leaving]


@pytest.fixture(scope="module", params=[("attention", 1.0), ("attention", 0.5), ("hierarchical", 1.0)], ids=str)
def known(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Known:
    """Three layers, with pools and heads that tell texts apart, and thresholds that part them in three."""
    found = small_files(tmp_path_factory.mktemp("small"), num_hidden_layers=3)
    model = network(found, windows=Windowed(L, K, *request.param), exits=AFTER)
    chance = np.random.default_rng(0)
    for variable in (*model.windows.weights, *model.exits.weights):
        variable.assign(chance.normal(0, 0.8, variable.shape))
    sure = np.sort(tf.reduce_max(tf.nn.softmax(whole(model, batch(1, [1, 2, 3, 4] * 10))["exits"]), axis=2), axis=0)
    exits = [Exit(after, float(each)) for after, each in zip(AFTER, sure[25:27].mean(axis=0), strict=True)]
    return model, answering_early(model, exits, Scale(multilabel=False))


def batch(seed: int, windows: list[int], more: int = 0) -> Batch:
    """Texts of so many windows, each of them as random as its place, and ``more`` windows of padding."""
    chance, shape = np.random.default_rng(seed), (len(windows), max(windows) + more, L)
    used = chance.integers(1, L + 1, shape[:2]) * (np.arange(shape[1])[None, :] < np.array(windows)[:, None])
    mask = (np.arange(L) < used[:, :, None]).astype(np.int32)
    ids = chance.integers(2, len(PIECES), shape).astype(np.int32) * mask
    flat = (each.reshape(len(windows), -1) for each in (ids, mask, np.zeros_like(mask)))
    return dict(zip(INPUTS, map(tf.constant, flat), strict=True))


def whole(model: BertClassifier, given_batch: Batch) -> Batch:
    return all_heads(model, given_batch)


@settings(max_examples=8)
@given(st.lists(st.integers(1, K), min_size=1, max_size=5), st.integers(0, 99), st.integers(0, 2))
def test_gathered_and_masked_computation_agree(known: Known, windows: list[int], seed: int, more: int) -> None:
    model, leaving = known
    given_batch = batch(seed, windows, more)
    made = whole(model, given_batch)
    logits, taken = made["logits"].numpy(), np.full(len(windows), len(AFTER))
    for place in reversed(range(len(AFTER))):
        own = made["exits"][:, place].numpy()
        leaves = tf.reduce_max(tf.nn.softmax(own), axis=1).numpy() >= leaving.exits[place].threshold
        logits, taken = np.where(leaves[:, None], own, logits), np.where(leaves, place, taken)
    found, doors = leaving.numbered(*(given_batch[name] for name in INPUTS))
    assert doors.numpy().tolist() == taken.tolist()
    np.testing.assert_allclose(found, logits, atol=1e-5)


def test_a_baseline_is_added_to_what_windows_say_together(known: Known) -> None:
    model, leaving = known
    given_batch, said = batch(1, [1, 2, 3, 4] * 10), np.random.default_rng(2).normal(0, 3, (40, 3))
    # The first door stays shut, so that the second and the end are heard of texts that are gathered.
    exits = [Exit(1, float("inf")), Exit(2, 0.0, stack=(0.5, 1.0))]
    beside = Beside(2.0, (0.7, 0.3))
    made = whole(model, given_batch)
    for last, expected in (
        (exits[1], 0.5 * made["exits"][:, 1].numpy() + said / 2.0),
        (replace(exits[1], threshold=float("inf")), 0.7 * made["logits"].numpy() + 0.3 * said / 2.0),
    ):
        run = answering_early(model, [exits[0], last], Scale(multilabel=False), beside).run
        found = run({**given_batch, SAID: tf.constant(said)})
        np.testing.assert_allclose(found.logits, expected, atol=1e-5)
    some = [*leaving.exits[:1], replace(exits[1], threshold=float("inf"))]
    part = answering_early(model, some, Scale(multilabel=False), beside).run({**given_batch, SAID: tf.constant(said)})
    stayed = part.route.numpy() == b"full"
    assert 0 < stayed.sum() < 40
    np.testing.assert_allclose(part.logits.numpy()[stayed], expected[stayed], atol=1e-5)


def test_a_text_gets_the_same_whoever_else_is_there(known: Known) -> None:
    _, leaving = known
    given_batch = batch(3, [4, 1, 3, 2, 4, 1])
    together = leaving.run(given_batch)
    for row in range(6):
        alone = leaving.run({name: each[row : row + 1] for name, each in given_batch.items()})
        assert alone.route[0] == together.route[row]
        np.testing.assert_allclose(alone.logits[0], together.logits[row], atol=1e-5)


def test_all_ways_are_taken_and_those_who_stay_say_what_was_read_of_them(known: Known) -> None:
    model, leaving = known
    given_batch = batch(1, [1, 2, 3, 4] * 10)
    assert {*leaving.run(given_batch).route.numpy()} == {b"exit@1", b"exit@2", b"full"}
    named = {*naming_windows(leaving.run, model.windows.windowed)(given_batch).route.numpy()}
    stay = {b"full"} if model.windows.windowed.share == 1.0 else {b"windows 1/2", b"windows 2/3", b"windows 2/4"}
    assert {b"exit@1", b"exit@2"} < named
    assert named & stay


def test_where_nobody_leaves_it_is_the_network_without_exits(known: Known) -> None:
    model, _ = known
    never = answering_early(model, [Exit(after, float("inf")) for after in AFTER], Scale(multilabel=False))
    plain, given_batch = answering(model), batch(5, [3, 1, 4])
    assert plain is not None
    tokens = [given_batch[name] for name in INPUTS]
    before = tf.config.optimizer.get_experimental_options()
    # As graphs are written, without TensorFlow rewriting them first.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    try:
        assert never.numbered(*tokens)[0].numpy().tobytes() == plain(*tokens).numpy().tobytes()
    finally:
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False, **before})


def test_no_rows(known: Known) -> None:
    routed = known[1].run(dict.fromkeys(INPUTS, tf.zeros([0, 2 * L], tf.int32)))
    assert (routed.logits.shape, routed.route.shape) == ((0, 3), (0,))


def test_texts_without_a_token(known: Known) -> None:
    none = dict.fromkeys(INPUTS, tf.zeros([2, 2 * L], tf.int32))
    alone = known[1].run(none)
    beside = known[1].run({name: tf.concat([none[name], batch(0, [2, 1])[name]], 0) for name in INPUTS})
    assert np.isfinite(alone.logits).all()
    np.testing.assert_allclose(beside.logits[:2], alone.logits, atol=1e-5)
    assert beside.route.numpy()[:2].tolist() == alone.route.numpy().tolist()


def test_weights_are_kept_together(known: Known, tmp_path: Path) -> None:
    model, _ = known
    save_weights(model, tmp_path / "weights.safetensors")
    other = network(
        small_files(tmp_path / "small", num_hidden_layers=3), windows=model.windows.windowed, exits=AFTER, seed=7
    )
    load_weights(other, tmp_path / "weights.safetensors", complete=True)
    given_batch = batch(4, [1, 3])
    for name, each in whole(model, given_batch).items():
        np.testing.assert_array_equal(whole(other, given_batch)[name], each)
