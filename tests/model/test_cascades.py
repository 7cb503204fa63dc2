"""The baseline before the network: sure or not, on the scale of the run, alone as in any batch."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st
from made_ngrams import letters, made_ngrams
from scipy.special import logsumexp, softmax

from tfclassify.model.cascades import (
    InGraphBaseline,
    answering,
    as_answered,
    is_sure,
    looked_up,
    stacked,
    together,
)
from tfclassify.model.exits import Scale
from tfclassify.model.ngrams import in_graph, ngram_logits
from tfclassify.model.routes import INPUTS, PIECES, Pass, Routed, before
from tfclassify.text.word_pieces import SpecialIds

SPECIAL = SpecialIds(pad=0, unknown=1, cls=2, sep=3)
MODEL = made_ngrams({"a": [4, 0], "b": [0, 4], "c": [1, 0], "d": [0, -3]}, bias=[0.1, 0.0])
OPS = in_graph(MODEL)
SURE = InGraphBaseline(MODEL, temperature=2.0, margin=1.5, least=0.5)
SCALE = Scale(multilabel=False, temperature=0.5, scope_threshold=3.0)
TEXTS = st.lists(st.text("abcdx", max_size=6), min_size=1, max_size=7)


def given_of(texts: list[str]) -> dict[str, tf.Tensor]:
    rows = [[ord(letter) for letter in text] for text in texts]
    ids = [[2, *row, 3] for row in rows]
    width = max(map(len, ids))
    tokens = [[*row, *[0] * (width - len(row))] for row in ids]
    mask = [[1] * len(row) + [0] * (width - len(row)) for row in ids]
    ragged = tf.ragged.constant(rows, tf.int32, ragged_rank=1, row_splits_dtype=tf.int64)
    named = dict(
        zip(INPUTS, (tf.constant(tokens), tf.constant(mask), tf.zeros([len(texts), width], tf.int32)), strict=True)
    )
    return {**named, PIECES: ragged}


def network(given: dict[str, tf.Tensor]) -> Routed:
    """Counts letters, in a way that no padding changes."""
    counts = [tf.reduce_sum(tf.cast(given["input_ids"] == ord(letter), tf.float32), axis=1) for letter in "ab"]
    logits = tf.stack(counts, axis=1) * 0.7
    return Routed(logits, tf.fill(tf.shape(logits)[:1], "full"))


def passing(baseline: InGraphBaseline) -> Pass:
    then: Pass = network if baseline.stack is None else stacked(network, baseline)
    then = then if baseline.margin is None else before(answering(baseline, SCALE), then)
    return looked_up(OPS, SPECIAL, then)


def said(texts: list[str]) -> np.ndarray:
    return ngram_logits(MODEL, letters(*texts), rows=len(texts))


@tried(max_examples=12)
@given(TEXTS, st.booleans())
def test_the_graph_takes_the_same_way_as_numpy(texts: list[str], stacks: bool) -> None:
    baseline = replace(SURE, stack=(0.5, 2.0) if stacks else None)
    routed, logits = passing(baseline)(given_of(texts)), said(texts)
    sure = is_sure(baseline, logits)
    assert routed.route.numpy().tolist() == [b"baseline" if each else b"full" for each in sure]
    rest = together(baseline, network(given_of(texts)).logits.numpy(), logits)
    expected = np.where(sure[:, None], as_answered(baseline, logits, SCALE), rest)
    np.testing.assert_allclose(routed.logits.numpy(), expected, atol=1e-5)


@tried(max_examples=12)
@given(TEXTS)
def test_a_text_goes_its_way_whatever_its_batch(texts: list[str]) -> None:
    run = passing(SURE)
    mates = run(given_of(texts))
    for place, text in list(enumerate(texts))[:3]:
        alone = run(given_of([text]))
        assert alone.route.numpy()[0] == mates.route.numpy()[place]
        np.testing.assert_allclose(alone.logits.numpy()[0], mates.logits.numpy()[place], atol=1e-5)


@tried(max_examples=12)
@given(TEXTS)
def test_gathered_rows_are_as_rows_computed_among_all(texts: list[str]) -> None:
    routed, full = passing(SURE)(given_of(texts)), network(given_of(texts))
    left = routed.route.numpy() == b"full"
    np.testing.assert_allclose(routed.logits.numpy()[left], full.logits.numpy()[left], atol=1e-5)


@tried(max_examples=12)
@given(TEXTS)
def test_without_end_of_sureness_it_is_the_plain_network_bit_for_bit(texts: list[str]) -> None:
    run, plain = passing(replace(SURE, margin=inf))(given_of(texts)), network(given_of(texts))
    np.testing.assert_array_equal(run.logits.numpy(), plain.logits.numpy())
    assert set(run.route.numpy().tolist()) == {b"full"}


def test_sure_is_far_ahead_and_like_a_class() -> None:
    texts = ["a", "c", "b", "x", "d"]
    # a: 4.1 to 0; c: 1.1 to 0; b: 0.1 to 4; x: 0.1 to 0; d: 0.1 to -3, far ahead and like no class.
    assert is_sure(SURE, said(texts)).tolist() == [True, False, True, False, False]
    assert is_sure(replace(SURE, least=None), said(texts)).tolist() == [True, False, True, False, True]
    assert not is_sure(replace(SURE, margin=None), said(texts)).any()


@pytest.mark.parametrize("threshold", [None, -8.0, 3.0, 40.0])
def test_answers_have_the_baselines_own_scores_and_are_in_scope(threshold: float | None) -> None:
    scale, logits = replace(SCALE, scope_threshold=threshold), said(["a", "b", "bb"])
    made = as_answered(SURE, logits, scale).astype(np.float64) / scale.temperature
    np.testing.assert_allclose(softmax(made, axis=1), softmax(logits / SURE.temperature, axis=1), rtol=1e-4)
    assert threshold is None or (scale.temperature * logsumexp(made, axis=1) >= threshold).all()


def test_the_least_sure_text_is_just_in_scope() -> None:
    logits = np.array([[0.5, -8.0]])
    made = as_answered(SURE, logits, SCALE).astype(np.float64)
    assert 3.0 <= 0.5 * logsumexp(made / 0.5) < 3.02


def test_both_are_weighted_and_added() -> None:
    baseline = InGraphBaseline(MODEL, temperature=2.0, stack=(0.5, 3.0))
    found = together(baseline, np.array([[2, 4]], np.float32), np.array([[1.0, -1.0]]))
    assert found.tolist() == [[2.5, 0.5]]
    plain = np.array([[2, 4]], np.float32)
    assert together(InGraphBaseline(MODEL), plain, np.array([[1.0, -1.0]])) is plain


def test_rows_without_a_token_are_looked_up_as_nothing() -> None:
    none = dict.fromkeys(INPUTS, tf.zeros([2, 5], tf.int32))
    for baseline in (SURE, replace(SURE, stack=(1.0, 1.0), margin=None), replace(SURE, margin=-1.0, least=None)):
        routed = passing(baseline)(none)
        assert np.isfinite(routed.logits).all()
    assert routed.route.numpy().tolist() == [b"baseline"] * 2


def test_where_no_pieces_are_known_tokens_are_looked_up() -> None:
    whole, tokens = given_of(["ab", "xdc"]), given_of(["ab", "xdc"])
    del tokens[PIECES]
    run = passing(replace(SURE, stack=(1.0, 1.0)))
    np.testing.assert_array_equal(run(whole).logits.numpy(), run(tokens).logits.numpy())
