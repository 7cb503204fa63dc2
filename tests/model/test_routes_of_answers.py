"""Passes: the one through all of the network, and one before another that settles some texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st

from tfclassify.model.features import CATEGORIES, NUMBERS
from tfclassify.model.routes import INPUTS, PIECES, Pass, Routed, before, whole

LOGITS = st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=1, max_size=9)


def test_every_text_goes_through_all_of_the_network() -> None:
    tokens = {name: tf.fill([2, 4], place) for place, name in enumerate(INPUTS)}
    routed = whole(lambda ids, mask, types: tf.cast(ids + mask - types, tf.float32))(tokens)
    assert routed.logits.numpy().tolist() == [[-1.0] * 4] * 2
    assert routed.route.numpy().tolist() == [b"full"] * 2


def test_features_come_after_the_tokens() -> None:
    given = {name: tf.zeros([2, 4], tf.int32) for name in INPUTS}
    features = {CATEGORIES: tf.fill([2, 1], 7), NUMBERS: tf.fill([2, 1], 3.0)}
    routed = whole(lambda ids, mask, types, numbers, categories: numbers + tf.cast(categories, tf.float32))
    assert routed({**given, **features}).logits.numpy().tolist() == [[10.0]] * 2


def first(given: Mapping[str, tf.Tensor]) -> tuple[Routed, tf.Tensor]:
    logits = tf.cast(given["x"], tf.float32)
    return Routed(logits, tf.fill(tf.shape(logits)[:1], "first")), given["settled"]


def rest(given: Mapping[str, tf.Tensor]) -> Routed:
    # What is said of a row comes from all that was gathered of it.
    sizes = tf.cast(given[PIECES].row_lengths(), tf.float32)
    return Routed(tf.cast(given["x"], tf.float32) * 100.0 + sizes[:, None], tf.fill(tf.shape(sizes), "rest"))


def in_graph(passing: Pass) -> Callable[[Mapping[str, tf.Tensor]], tuple[tf.Tensor, tf.Tensor]]:
    @tf.function(autograph=False)
    def run(given: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        routed = passing(given)
        return routed.logits, routed.route

    return run


@tried(max_examples=20)
@given(LOGITS)
def test_only_what_is_not_settled_goes_on(rows: list[tuple[int, bool]]) -> None:
    values, settled = [value for value, _ in rows], [done for _, done in rows]
    lengths = [abs(value) for value in values]
    given_rows = {
        "x": tf.constant(values, tf.int32)[:, None],
        "settled": tf.constant(settled),
        PIECES: tf.RaggedTensor.from_row_lengths(tf.zeros([sum(lengths)], tf.int32), lengths),
    }
    routed = before(first, rest)(given_rows)
    expected = [value if done else 100 * value + abs(value) for value, done in rows]
    assert routed.logits.numpy()[:, 0].tolist() == expected
    assert routed.route.numpy().tolist() == [b"first" if done else b"rest" for done in settled]


def test_where_none_is_left_the_rest_is_not_run() -> None:
    seen: list[int] = []

    def noting(given: Mapping[str, tf.Tensor]) -> Routed:
        count = tf.py_function(lambda x: seen.append(len(x)) or 0.0, [given["x"]], tf.float32)
        return Routed(tf.cast(given["x"], tf.float32) + count, tf.fill(tf.shape(given["x"])[:1], "rest"))

    run = in_graph(before(first, noting))
    for settled in ([True, True], [True, False], [False, False]):
        run({"x": tf.constant([[1], [2]]), "settled": tf.constant(settled)})
    assert seen == [1, 2]


def test_in_a_graph_as_outside_of_it() -> None:
    chance = np.random.default_rng(0)
    given_rows = {
        "x": tf.constant(chance.integers(-9, 9, (8, 3)), tf.int32),
        "settled": tf.constant(chance.random(8) < 0.5),
        PIECES: tf.RaggedTensor.from_row_lengths(tf.range(28), np.arange(8)),
    }
    routed = before(first, rest)
    plain, (logits, route) = routed(given_rows), in_graph(routed)(given_rows)
    np.testing.assert_array_equal(plain.logits, logits)
    assert plain.route.numpy().tolist() == route.numpy().tolist()
