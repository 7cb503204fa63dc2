"""Windows in the network: what a text's vector depends on, and what it must not depend on."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import ceil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file
from small_networks import PIECES, network, small_files

from tfclassify.model.classifier import (
    BertClassifier,
    answering,
    encoded,
    learning,
    load_weights,
    outputs,
    save_weights,
)
from tfclassify.model.interchange import save_huggingface
from tfclassify.model.routes import INPUTS
from tfclassify.model.unpadded import Forward
from tfclassify.model.weights import Found
from tfclassify.model.windowing import IMITATION, IMITATION_WEIGHT, SCORER, Folded, Windowed, window_routes

L, K = 6, 4
POOLS = ["mean", "max", "log_sum_exp", "attention", "hierarchical"]
ORDERLESS = [pool for pool in POOLS if pool != "hierarchical"]
Batch = dict[str, tf.Tensor]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return small_files(tmp_path_factory.mktemp("small"))


def windowed(found: Found, pool: str, share: float = 1.0) -> BertClassifier:
    """A network whose new weights are not those that it begins with."""
    model = network(found, windows=Windowed(L, K, pool, share))
    random = np.random.default_rng(1)
    for variable in model.windows.weights:
        variable.assign(variable + 0.3 * random.normal(size=variable.shape))
    return model


@pytest.fixture(scope="module")
def networks(found: Found) -> dict[tuple[str, float], tuple[BertClassifier, Forward]]:
    kinds = [*((pool, 1.0) for pool in POOLS), ("attention", 0.5), ("hierarchical", 0.5)]
    made = {kind: windowed(found, *kind) for kind in kinds}
    return {kind: (model, answering(model)) for kind, model in made.items()}  # type: ignore[misc]


def batch(texts: list[list[list[int]]], number: int) -> Batch:
    """Texts of windows of tokens, side by side, filled up to so many windows."""
    ids = np.zeros((len(texts), number, L), np.int32)
    mask = np.zeros_like(ids)
    for row, text in enumerate(texts):
        for place, window in enumerate(text):
            ids[row, place, : len(window)], mask[row, place, : len(window)] = window, 1
    flat = (each.reshape(len(texts), -1) for each in (ids, mask, np.zeros_like(ids)))
    return dict(zip(INPUTS, map(tf.constant, flat), strict=True))


def logits(model: BertClassifier, given_batch: Batch) -> np.ndarray:
    return outputs(model, given_batch, training=False)["logits"].numpy()


def outputs_of(model: BertClassifier, given_batch: Batch) -> dict[str, tf.Tensor]:
    return outputs(model, given_batch, training=True)


def learnt_of(model: BertClassifier, given_batch: Batch) -> dict[str, tf.Tensor]:
    run = learning(model)
    assert run is not None
    return run(given_batch)


def texts_of(seed: int, *windows: int) -> list[list[list[int]]]:
    random = np.random.default_rng(seed)
    return [
        [random.integers(2, len(PIECES), random.integers(1, L + 1)).tolist() for _ in range(number)]
        for number in windows
    ]


@pytest.mark.parametrize("pool", POOLS)
def test_of_one_window_it_is_the_plain_network(found: Found, pool: str) -> None:
    plain, model = network(found), network(found, windows=Windowed(L, K, pool))
    short = batch(texts_of(0, 1, 1, 1), 1)
    np.testing.assert_allclose(logits(model, short), logits(plain, short), atol=1e-6)


@pytest.mark.parametrize("pool", POOLS)
def test_before_training_attention_and_layer_are_the_mean(found: Found, pool: str) -> None:
    model = network(found, windows=Windowed(L, K, pool))
    text = texts_of(3, 3)
    alone = [encoded(model, batch([[window]], 1), training=False) for window in text[0]]
    together = encoded(model, batch(text, 3), training=False)
    expected = {"max": np.max(alone, axis=0), "log_sum_exp": np.log(np.mean(np.exp(5.0 * np.array(alone)), 0)) / 5.0}
    np.testing.assert_allclose(together, expected.get(pool, np.mean(alone, axis=0)), atol=1e-6)


@pytest.mark.parametrize("kind", [*((pool, 1.0) for pool in POOLS), ("attention", 0.5)], ids=str)
@settings(max_examples=8)
@given(st.lists(st.integers(1, K), min_size=1, max_size=4), st.integers(0, 2), st.integers(0, 99))
def test_neither_padding_nor_other_texts_matter(
    networks: dict, kind: tuple[str, float], numbers: list[int], more: int, seed: int
) -> None:
    model, fast = networks[kind]
    texts = texts_of(seed, *numbers)
    together = logits(model, batch(texts, max(numbers) + more))
    for row, text in enumerate(texts):
        np.testing.assert_allclose(together[row], logits(model, batch([text], len(text)))[0], atol=1e-5)
    answered = fast(*(batch(texts, max(numbers))[name] for name in INPUTS))
    np.testing.assert_allclose(answered, together, atol=1e-5)


@pytest.mark.parametrize("pool", ORDERLESS)
def test_the_order_of_windows_does_not_matter(networks: dict, pool: str) -> None:
    (text,) = texts_of(5, K)
    model, _ = networks[pool, 1.0]
    found = [logits(model, batch([[text[place] for place in order]], K)) for order in ([0, 1, 2, 3], [2, 0, 3, 1])]
    np.testing.assert_allclose(*found, atol=1e-5)


def test_the_order_of_windows_matters_to_a_layer_over_them(networks: dict) -> None:
    (text,) = texts_of(5, K)
    model, _ = networks["hierarchical", 1.0]
    found = [logits(model, batch([[text[place] for place in order]], K)) for order in ([0, 1, 2, 3], [2, 0, 3, 1])]
    assert np.abs(found[0] - found[1]).max() > 1e-4


@pytest.mark.parametrize(
    "kind", [("attention", 1.0), ("attention", 0.5), ("hierarchical", 1.0), ("hierarchical", 0.5)], ids=str
)
@settings(max_examples=8)
@given(st.lists(st.integers(1, K), min_size=1, max_size=5), st.integers(0, 99))
def test_gathered_and_masked_windows_are_the_same(
    networks: dict, kind: tuple[str, float], numbers: list[int], seed: int
) -> None:
    model, _ = networks[kind]
    tokens = batch(texts_of(seed, *numbers), K)
    pooled, rows = [], []
    for gather in (True, False):
        folded = model.windows.fold(tokens, model.bert.embeddings.weight, training=False, gather=gather)
        rows.append(len(folded.tokens["input_ids"]))
        pooled.append(model.windows(model.bert(**folded.tokens, training=False).pooler_output, folded))
    np.testing.assert_allclose(*pooled, atol=1e-5)
    # The work is saved for real: no other windows are there.
    assert rows == [sum(ceil(number * kind[1]) for number in numbers), len(numbers) * K]


def test_the_best_windows_are_chosen_and_keep_their_order(networks: dict) -> None:
    model, _ = networks["attention", 0.5]
    tokens = batch(texts_of(7, 4, 2, 3), K)
    folded = model.windows.fold(tokens, model.bert.embeddings.weight, training=False, gather=True)
    scores, read = folded.scores.numpy(), folded.read.numpy()
    for row, number in enumerate((4, 2, 3)):
        assert set(np.flatnonzero(read[row])) == set(np.argsort(-scores[row, :number])[: ceil(number / 2)])
    np.testing.assert_array_equal(folded.places, np.flatnonzero(read))
    assert model.windows.fold(tokens, model.bert.embeddings.weight, training=True, gather=False).read.numpy().sum() == 9


def gradients_of(
    model: BertClassifier, pass_: Callable[[BertClassifier, Batch], dict[str, tf.Tensor]]
) -> dict[str, np.ndarray]:
    with tf.GradientTape() as tape:
        result = pass_(model, batch(texts_of(1, 3, 4), K))
        loss = tf.reduce_sum(tf.square(result["logits"])) + tf.reduce_sum(result.get(IMITATION, 0.0))
    weights = [*model.windows.weights, model.classifier.kernel]
    names = ["/".join(each.name.split("/")[-2:]) for each in weights]
    return {name: np.array(found) for name, found in zip(names, tape.gradient(loss, weights), strict=True)}


@pytest.mark.parametrize("pass_", [outputs_of, learnt_of])
def test_the_scorer_learns(networks: dict, pass_: Callable[[BertClassifier, Batch], dict[str, tf.Tensor]]) -> None:
    model, _ = networks["attention", 0.5]
    assert all(np.abs(gradient).max() > 0 for gradient in gradients_of(model, pass_).values())


@pytest.mark.parametrize("pass_", [outputs_of, learnt_of])
def test_nothing_else_learns_otherwise_because_of_the_scorer(
    found: Found, pass_: Callable[[BertClassifier, Batch], dict[str, tf.Tensor]]
) -> None:
    with_it, without = windowed(found, "attention", 0.5), windowed(found, "attention", 1.0)
    without.windows.query.assign(with_it.windows.query)
    made, expected = gradients_of(with_it, pass_), gradients_of(without, pass_)
    assert len(made) == len(expected) + 3
    for name, each in expected.items():
        np.testing.assert_array_equal(made[name], each)


def test_the_loss_of_the_scorer_is_a_divergence_and_a_constant(networks: dict) -> None:
    model, _ = networks["attention", 0.5]
    tokens = batch(texts_of(3, 4, 2, 1), K)
    folded = model.windows.fold(tokens, model.bert.embeddings.weight, training=True, gather=False)
    vectors = model.bert(**folded.tokens, training=False).pooler_output
    head = model.classifier.kernel
    found = model.windows.imitation(vectors, folded, head)[IMITATION] / IMITATION_WEIGHT
    for row, number in enumerate((4, 2, 1)):
        weights = tf.nn.softmax(tf.linalg.matvec(tf.reshape(vectors, [3, K, -1]), model.windows.query)[row, :number])
        said = weights * np.linalg.norm(tf.reshape(vectors @ head, [3, K, -1])[row, :number], axis=1)
        shares, scores = said / tf.reduce_sum(said), tf.nn.softmax(folded.scores[row, :number])
        divergence, entropy = (
            tf.reduce_sum(shares * tf.math.log(shares / scores)),
            -tf.reduce_sum(shares * tf.math.log(shares)),
        )
        assert float(found[row]) == pytest.approx(float(divergence + entropy), abs=1e-5)


@pytest.mark.parametrize("pool", POOLS)
def test_scores_come_to_order_windows_by_what_they_say(found: Found, pool: str) -> None:
    """With Adam, as in a training: the same words make a window count, whatever text it is of."""
    model = network(found, windows=Windowed(L, K, pool, 0.5))
    head = np.random.default_rng(2).normal(size=model.classifier.kernel.shape).astype(np.float32)
    pooling, optimizer = model.windows, keras.optimizers.Adam(0.05)
    tokens = batch(texts_of(4, *([K] * 30)), K)

    def folded() -> Folded:
        return pooling.fold(tokens, model.bert.embeddings.weight, training=True, gather=False)

    vectors = model.bert(**folded().tokens, training=False).pooler_output
    said = tf.norm(tf.reshape(vectors @ head, [30, K, -1]), axis=2)
    scorer = [each for each in pooling.weights if SCORER in each.name]
    for _ in range(60):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(pooling.imitation(vectors, folded(), head)[IMITATION])
        optimizer.apply_gradients(zip(tape.gradient(loss, scorer), scorer, strict=True))
    pairs = zip(folded().scores, said, strict=True)
    assert np.mean([np.corrcoef(one, other)[0, 1] for one, other in pairs]) > 0.5


def some_windows(text: list[list[int]], places: list[int]) -> Batch:
    """A batch of one text, of which these windows were drawn, with room for one more."""
    made = batch([[text[place] for place in places]], len(places) + 1)
    drawn = {"window_places": tf.constant([places]), "window_counts": tf.constant([len(text)])}
    return {**made, **drawn}


@pytest.mark.parametrize("pass_", [outputs_of, learnt_of])
def test_drawn_windows_train_the_positions_that_answers_use(
    networks: dict, pass_: Callable[[BertClassifier, Batch], dict[str, tf.Tensor]]
) -> None:
    model, _ = networks["hierarchical", 1.0]
    (text,) = texts_of(5, K)
    positions = model.windows.layer["positions"]
    for places in ([0, 2], [1, 3], [3]):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(pass_(model, some_windows(text, places))["logits"]))
        moved = tf.convert_to_tensor(tape.gradient(loss, positions)).numpy()
        assert np.flatnonzero(np.abs(moved).max(axis=1)).tolist() == places


def test_all_windows_of_a_text_drawn_are_the_text(networks: dict) -> None:
    for kind in (("hierarchical", 1.0), ("attention", 0.5)):
        model, _ = networks[kind]
        (text,) = texts_of(5, K)
        whole, drawn = batch([text], K), some_windows(text, [*range(K)])
        found = [outputs(model, each, training=True)["logits"] for each in (drawn, whole)]
        np.testing.assert_allclose(*found, atol=1e-6)


def test_scores_of_drawn_windows_are_those_of_the_whole_text(networks: dict) -> None:
    """The first and the last that were drawn need not be the first and the last of the text."""
    model, _ = networks["attention", 0.5]
    (text,) = texts_of(5, K)

    def scored(given_batch: Batch) -> np.ndarray:
        folded = model.windows.fold(given_batch, model.bert.embeddings.weight, training=True, gather=False)
        return folded.scores.numpy()[0]

    whole = scored(batch([text], K))
    for places in ([0, 2], [1, 2], [1, 3], [2]):
        np.testing.assert_allclose(scored(some_windows(text, places))[: len(places)], whole[places], atol=1e-6)


def test_drawn_windows_of_static_shape_compile(networks: dict) -> None:
    model, _ = networks["hierarchical", 1.0]
    made = some_windows(texts_of(4, 4)[0], [1, 3])
    run = tf.function(lambda given: outputs(model, given, training=True)["logits"], jit_compile=True, autograph=False)
    np.testing.assert_allclose(run(made), outputs(model, made, training=True)["logits"], atol=1e-5)


def test_routes() -> None:
    mask = batch(texts_of(1, 4, 2, 3, 1), K)["attention_mask"]
    assert window_routes(mask, Windowed(L, K, "attention", 0.5)).numpy().tolist() == [
        b"windows 2/4",
        b"windows 1/2",
        b"windows 2/3",
        b"full",
    ]
    assert set(window_routes(mask, Windowed(L, K, "attention")).numpy()) == {b"full"}
    assert window_routes(mask, Windowed(L, K, "attention", 1e-5)).numpy()[[0, 3]].tolist() == [b"windows 1/4", b"full"]
    assert set(window_routes(mask[:, :4], Windowed(L, K, "attention", 0.5)).numpy()) == {b"full"}


def test_no_rows(networks: dict) -> None:
    none = tf.zeros([0, 2 * L], tf.int32)
    for _, fast in networks.values():
        assert fast(none, none, none).shape == (0, 3)


def test_texts_without_a_token(networks: dict) -> None:
    """Their first window is read as its first column, whoever is beside them, in answers and in training."""
    none = dict.fromkeys(INPUTS, tf.zeros([2, 2 * L], tf.int32))
    beside = {name: tf.concat([none[name], batch(texts_of(0, 2, 1), 2)[name]], 0) for name in INPUTS}
    for model, fast in networks.values():
        alone = fast(*(none[name] for name in INPUTS)).numpy()
        assert np.isfinite(alone).all()
        np.testing.assert_allclose(fast(*(beside[name] for name in INPUTS))[:2], alone, atol=1e-5)
        np.testing.assert_allclose(learnt_of(model, none)["logits"], alone, atol=1e-5)
        assert np.isfinite(logits(model, none)).all()
        assert set(window_routes(none["attention_mask"], model.windows.windowed).numpy()) == {b"full"}


@pytest.mark.parametrize("kind", [("hierarchical", 1.0), ("attention", 0.5)], ids=str)
def test_weights_are_written_and_read(networks: dict, found: Found, tmp_path: Path, kind: tuple[str, float]) -> None:
    model, _ = networks[kind]
    save_weights(model, tmp_path / "model.safetensors")
    assert [name for name in load_file(tmp_path / "model.safetensors") if name.startswith("windows.")]
    other = network(found, windows=model.windows.windowed, seed=5)
    load_weights(other, tmp_path / "model.safetensors", complete=True)
    tokens = batch(texts_of(2, 4, 1), K)
    np.testing.assert_array_equal(logits(other, tokens), logits(model, tokens))


@pytest.mark.parametrize(
    ("pool", "architecture", "said"),
    [
        ("attention", "BertForSequenceClassification", "texts of one window, of up to 6 tokens"),
        ("hierarchical", "BertModel", "A transformer layer over the windows of a text"),
    ],
)
def test_others_are_told_what_they_do_not_get(
    networks: dict, found: Found, tmp_path: Path, pool: str, architecture: str, said: str
) -> None:
    model, _ = networks[pool, 1.0]
    save_huggingface(model, tmp_path, found=found, lower_case=True)
    assert json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))["architectures"] == [architecture]
    assert said in (tmp_path / "README.md").read_text(encoding="utf-8")


def test_a_training_pass_of_static_shape_compiles(networks: dict) -> None:
    model, _ = networks["attention", 0.5]
    tokens = batch(texts_of(4, 4, 1, 2), K)
    run = tf.function(lambda given: outputs(model, given, training=True)["logits"], jit_compile=True, autograph=False)
    np.testing.assert_allclose(run(tokens), outputs(model, tokens, training=True)["logits"], atol=1e-5)
