"""Rules, baseline and network in one SavedModel: it takes the ways that the run takes, and servers have its ops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from asked_graphs import asked, same, signatures_of, written
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st
from made_trained import made_trained

from tfclassify.learning.early import Early
from tfclassify.learning.trained import Trained, answer, limits_of, pieces_of
from tfclassify.model.cascades import InGraphBaseline
from tfclassify.model.exits import Exit, Leaving
from tfclassify.model.routes import INPUTS, Routed
from tfclassify.quality.exits import ExitPlan
from tfclassify.quality.ngram_fit import fit_ngrams
from tfclassify.servable.graph import TOKENS, parameters
from tfclassify.servable.operations import missing, operations, unservable
from tfclassify.settings import TextSettings
from tfclassify.text.ngram_hashing import PieceRun

WORDS = ("bad", "dull", "good", "great", "film", "not", "a", "very")
RULES = [{"name": "R1", "pattern": "(?i)^refund", "label": "no"}, {"name": "R2", "pattern": "!!", "label": "yes"}]
TEXTS = ["good film", "not a very bad film", "Refund! a good film", "bad!!", "", "film", "great", "a very dull film !!"]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A network that counts words, over a tokenizer of a few of them."""
    vocabulary = tmp_path_factory.mktemp("model") / "vocab.txt"
    vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS, "!"]) + "\n", encoding="utf-8")
    made = made_trained("no", "yes", answer__rules=RULES)
    pieces = pieces_of(vocabulary, lower_case=True)
    chance = np.random.default_rng(0)
    weights = tf.Variable(chance.normal(size=(4 + len(WORDS) + 1, 2)), dtype=tf.float32)
    tokens = tf.TensorSpec([None, None], tf.int32)

    @tf.function(input_signature=[tokens] * 3, autograph=False)
    def forward(ids: tf.Tensor, mask: tf.Tensor, types: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(tf.gather(weights, ids) * tf.cast(mask, tf.float32)[:, :, None], axis=1)

    limits = limits_of(pieces, TextSettings(max_length=8))
    return replace(made, pieces=pieces, limits=limits, forward=forward, temperature=0.8, scope_threshold=-2.0)


@pytest.fixture(scope="module")
def baseline() -> InGraphBaseline:
    """Fitted to rows of two words, of which it knows one label each."""
    chance = np.random.default_rng(1)
    truth = chance.integers(0, 2, 200).astype(np.int32)
    ids = np.stack([4 + 2 * truth + chance.integers(0, 2, 200), chance.integers(8, 12, 200)], axis=1)
    model = fit_ngrams(PieceRun(ids.ravel(), np.repeat(2 * np.arange(200), 2)), truth, classes=2, buckets=512)
    return InGraphBaseline(model, temperature=1.7, stack=(0.6, 0.9), margin=3.0, least=1.0)


@pytest.fixture(scope="module")
def whole(plain: Trained, baseline: InGraphBaseline) -> Trained:
    return replace(plain, baseline=baseline)


@pytest.fixture(scope="module")
def folder(whole: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(whole, tmp_path_factory.mktemp("saved") / "1")


@pytest.fixture(scope="module")
def signatures(folder: Path) -> Any:
    return signatures_of(folder)


def test_all_ways_are_taken(whole: Trained, signatures: Any) -> None:
    routes = [each["route"] for each in answer(whole, TEXTS)]
    assert {*routes} == {"rule:R1", "rule:R2", "baseline", "full"}
    same(whole, signatures, TEXTS)


@tried(max_examples=25)
@given(st.lists(st.lists(st.sampled_from([*WORDS, "!!", "refund"]), max_size=9).map(" ".join), min_size=1, max_size=6))
def test_the_graph_answers_as_the_run_does(whole: Trained, signatures: Any, texts: list[str]) -> None:
    same(whole, signatures, texts)


def test_no_texts(signatures: Any) -> None:
    assert asked(signatures, [])["route"].shape == (0,)


def test_tokens_have_the_same_logits_but_for_rules_and_what_was_cut(whole: Trained, signatures: Any) -> None:
    ids = tf.constant([[2, 6, 8, 3, 0], [2, 9, 10, 11, 3]])
    mask = tf.cast(ids > 0, tf.int32)
    logits = signatures[TOKENS](input_ids=ids, attention_mask=mask, token_type_ids=tf.zeros_like(ids))["logits"]
    found = asked(signatures, ["good film", "not a very"])
    best = logits.numpy().argmax(axis=1)
    assert [whole.labels.names[each] for each in best] == [each.decode() for each in found["label"]]


def test_texts_that_are_left_may_leave_the_network_early(whole: Trained, tmp_path: Path) -> None:
    @tf.function(input_signature=whole.forward.input_signature, autograph=False)
    def numbered(ids: tf.Tensor, mask: tf.Tensor, types: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # Short texts leave, with other logits than the rest.
        stays = tf.cast(tf.reduce_sum(mask, axis=1) > 5, tf.int32)
        return whole.forward(ids, mask, types) * (1.0 + tf.cast(stays, tf.float32))[:, None], stays

    routes = ("exit@1", "full")

    def run(given: Mapping[str, tf.Tensor]) -> Routed:
        logits, taken = numbered(*(given[name] for name in INPUTS))
        return Routed(logits, tf.gather(tf.constant(routes), taken))

    leaving = Leaving(run, numbered, routes, (Exit(1, 0.5),), numbered.get_concrete_function().variables)
    plan = ExitPlan((1,), (0.5,), 10, 0.01, 0.8, 0.0, (0.0, 0.0), (0.5,), 0.5)
    # Each way out of a network that texts leave early adds the baseline for itself, and these add none.
    heard = replace(whole.baseline, stack=None)
    early = replace(whole, baseline=heard, early=Early(leaving, plan))
    texts = [*TEXTS, "not", "a a a a a a"]
    assert {each["route"] for each in answer(early, texts)} == {"rule:R1", "rule:R2", "baseline", "exit@1", "full"}
    same(early, signatures_of(written(early, tmp_path / "1")), texts)


def test_servers_have_all_ops_of_all_nodes(folder: Path) -> None:
    found = operations(folder)
    assert unservable(found) == ()
    assert missing(found, "2.20") == ()


def test_without_routes_the_graph_has_none_of_their_ops(plain: Trained, tmp_path: Path, folder: Path) -> None:
    alone = replace(plain, settings=made_trained("no", "yes").settings)
    own = {"UniqueWithCounts", "TensorScatterUpdate", "UnsortedSegmentSum"}
    assert not own & set(operations(written(alone, tmp_path / "1")).counts)
    assert own <= set(operations(folder).counts)


def test_the_weights_of_the_baseline_count(plain: Trained, whole: Trained, baseline: InGraphBaseline) -> None:
    assert parameters(whole) == parameters(plain) + baseline.model.size
