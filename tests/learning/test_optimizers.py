"""The optimizer against Keras's own and against arithmetic: dense, by rows, clipped, decayed, scheduled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from small_networks import network, small_files

from tfclassify.learning.averages import Average
from tfclassify.learning.optimizers import (
    DECAY_EVERY_STEPS,
    AdamW,
    WarmupLinearDecay,
    follow,
    is_decayed,
    multiple_of,
)
from tfclassify.model.classifier import ADDED_SCOPES
from tfclassify.model.features import Measures
from tfclassify.model.windowing import Windowed

Gradient = tf.Tensor | tf.IndexedSlices
START = np.random.default_rng(0).normal(0, 1, (6, 3)).astype(np.float32)


def noise(step: int, shape: Sequence[int] = (6, 3)) -> tf.Tensor:
    return tf.constant(np.random.default_rng(step).normal(0, 1, shape), tf.float32)


def rows_of(dense: tf.Tensor, rows: Sequence[int]) -> tf.IndexedSlices:
    """The gradient of a table of which these rows were looked up, as often as they are named."""
    shares = tf.constant([1 / list(rows).count(row) for row in rows], tf.float32)[:, None]
    return tf.IndexedSlices(tf.gather(dense, rows) * shares, tf.constant(rows), tf.constant(dense.shape.as_list()))


def ours(rate: Any = 0.01, **options: Any) -> AdamW:
    return AdamW(rate, **{"weight_decay": 0.0, "clip_norm": 0.0, "epsilon": 1e-7, **options})


def keras_own(rate: Any = 0.01, **options: Any) -> keras.optimizers.Optimizer:
    return keras.optimizers.AdamW(rate, **{"weight_decay": 0.0, "jit_compile": False, **options})


def course(optimizer: keras.optimizers.Optimizer, gradients: Sequence[Gradient], *, name: str = "kernel") -> np.ndarray:
    """Applies gradients to one variable and returns its values after each step, float32[steps, ...]."""
    variable = tf.Variable(START, name=name)
    values = []
    for gradient in gradients:
        optimizer.apply_gradients([(gradient, variable)])
        values.append(variable.numpy())
    return np.stack(values)


# The update


def test_dense_updates_are_adams() -> None:
    gradients = [noise(step) for step in range(50)]
    np.testing.assert_allclose(course(ours(), gradients), course(keras_own(), gradients), atol=1e-6)


def test_moments_and_epsilon_are_as_asked() -> None:
    gradients = [noise(step) for step in range(20)]
    options = {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3}
    np.testing.assert_allclose(course(ours(**options), gradients), course(keras_own(**options), gradients), atol=1e-6)


@pytest.mark.parametrize("row_wise", [True, False])
def test_rows_that_are_touched_in_every_step_move_as_in_dense_adam(row_wise: bool) -> None:
    rows = [4, 1, 2, 1, 1]
    kept = tf.constant([[0.0], [1.0], [1.0], [0.0], [1.0], [0.0]])
    dense = course(keras_own(), [noise(step) * kept for step in range(50)])
    sparse = course(ours(row_wise=row_wise), [rows_of(noise(step) * kept, rows) for step in range(50)])
    np.testing.assert_allclose(sparse, dense, atol=1e-6)
    # The others had no gradient at all.
    np.testing.assert_array_equal(sparse[-1][[0, 3, 5]], START[[0, 3, 5]])


def test_rows_that_a_batch_does_not_touch_stay() -> None:
    """Lazy Adam: the dense kernel would move them on by what it remembers."""
    gradients = [rows_of(noise(step), [step % 2]) for step in range(20)]
    values, dense = course(ours(), gradients), course(ours(row_wise=False), gradients)
    for step in range(1, 20):
        moved = np.abs(values[step] - values[step - 1]).max(axis=1) > 0
        assert moved.tolist() == [row == step % 2 for row in range(6)]
    assert np.abs(dense[-1] - dense[-2]).max(axis=1)[0] > 0
    np.testing.assert_allclose(values[0], dense[0], atol=1e-6)


def test_rows_that_are_named_twice_are_summed() -> None:
    apart = tf.IndexedSlices(
        tf.constant([[1.0, 2, 3], [1, 1, 1], [2, 2, 2]]), tf.constant([2, 0, 2]), tf.constant([6, 3])
    )
    summed = tf.IndexedSlices(tf.constant([[3.0, 4, 5], [1, 1, 1]]), tf.constant([2, 0]), tf.constant([6, 3]))
    dense = tf.convert_to_tensor(summed)
    values = [course(ours(), [gradient] * 5) for gradient in (apart, summed, dense)]
    np.testing.assert_allclose(values[0], values[1], atol=1e-7)
    np.testing.assert_allclose(values[0], values[2], atol=1e-6)


def test_it_runs_in_a_graph() -> None:
    gradients = [rows_of(noise(step), [1, 2, 1]) for step in range(5)]
    optimizer, variable = ours(), tf.Variable(START)
    optimizer.build([variable])

    @tf.function
    def step(values: tf.Tensor) -> None:
        optimizer.apply_gradients([(tf.IndexedSlices(values, tf.constant([1, 2, 1]), tf.constant([6, 3])), variable)])

    for gradient in gradients:
        step(gradient.values)
    np.testing.assert_allclose(variable.numpy(), course(ours(), gradients)[-1], atol=1e-7)


# Clipping


def clipped_by(optimizer: AdamW, gradients: list) -> list:
    optimizer.build([tf.Variable(tf.zeros(gradient.shape)) for gradient in gradients])
    return optimizer._clip_gradients(gradients)


@pytest.mark.parametrize("row_wise", [True, False])
@pytest.mark.parametrize("clip_norm", [0.5, 3.0, 1e3])
def test_the_norm_is_that_of_all_gradients_with_repeated_rows_summed(row_wise: bool, clip_norm: float) -> None:
    rows = rows_of(noise(1), [2, 0, 2, 2])
    dense, other = tf.convert_to_tensor(rows), noise(2, (4,))
    expected, _ = tf.clip_by_global_norm([dense, other], clip_norm)
    clipped = clipped_by(ours(clip_norm=clip_norm, row_wise=row_wise), [rows, other])
    assert isinstance(clipped[0], tf.IndexedSlices) is row_wise
    for mine, theirs in zip(clipped, expected, strict=True):
        np.testing.assert_allclose(tf.convert_to_tensor(mine), theirs, rtol=1e-5, atol=1e-7)


def test_nothing_is_clipped_unless_asked() -> None:
    gradient = noise(3) * 1e3
    np.testing.assert_array_equal(clipped_by(ours(), [gradient])[0], gradient)


# Decay


def by_hand(gradients: Sequence[tf.Tensor], *, rate: float, decay: float) -> np.ndarray:
    """AdamW as in the paper, with decoupled decay in every step, in float64."""
    value, first, second, values = START.astype(np.float64), 0.0, 0.0, []
    for step, gradient in enumerate(gradients, 1):
        exact = gradient.numpy().astype(np.float64)
        first, second = 0.9 * first + 0.1 * exact, 0.999 * second + 0.001 * exact**2
        size = rate * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        value = value * (1 - rate * decay) - size * first / (np.sqrt(second) + 1e-7)
        values.append(value)
    return np.stack(values)


@pytest.mark.parametrize(("rate", "decay"), [(1e-4, 0.01), (1e-3, 0.1), (1e-3, 1.0)])
def test_decay_is_that_of_every_step_to_within_what_is_said(rate: float, decay: float) -> None:
    gradients, periods = [noise(step) for step in range(4 * DECAY_EVERY_STEPS)], 4
    exact = by_hand(gradients, rate=rate, decay=decay)
    mine = course(ours(rate, weight_decay=decay), gradients)
    moved = np.abs(np.diff(exact, axis=0, prepend=START[None])).sum(axis=0)
    bound = periods * 120 * (rate * decay) ** 2 * np.abs(START) + 16 * rate * decay * moved
    # float32 keeps a value to 6e-8 of it in each step.
    rounding = len(gradients) * 6e-8 * (np.abs(START) + moved)
    assert (np.abs(mine[-1] - exact[-1]) < bound + rounding).all()
    # That is little beside the decay itself.
    plain = by_hand(gradients, rate=rate, decay=0.0)
    assert np.abs(mine[-1] - exact[-1]).max() < 0.1 * np.abs(plain[-1] - exact[-1]).max()


def test_decay_agrees_with_keras_where_nothing_moves() -> None:
    gradients = [tf.zeros([6, 3])] * 64
    expected = course(keras_own(1e-3, weight_decay=0.1), gradients)[-1]
    assert np.abs(expected - START).max() > 1e-3
    np.testing.assert_allclose(
        course(ours(1e-3, weight_decay=0.1), gradients)[-1], expected, rtol=4 * 120 * 1e-8 + 1e-6
    )


def test_decay_comes_every_sixteen_steps_in_proportion_to_the_rates() -> None:
    rates = [1e-3 * (step % 5 + 1) for step in range(40)]
    optimizer, variable, values = ours(weight_decay=0.5), tf.Variable(START, name="kernel"), []
    for rate in rates:
        optimizer.learning_rate.assign(rate)
        optimizer.apply_gradients([(tf.zeros([6, 3]), variable)])
        values.append(variable.numpy())
    first = START * (1 - 0.5 * sum(rates[:16]))
    np.testing.assert_array_equal(values[14], START)
    np.testing.assert_allclose(values[15], first, rtol=1e-6)
    np.testing.assert_allclose(values[31], first * (1 - 0.5 * sum(rates[16:32])), rtol=1e-6)
    np.testing.assert_array_equal(values[39], values[31])


def test_rows_that_are_not_touched_decay() -> None:
    values = course(ours(1e-2, weight_decay=0.1), [rows_of(noise(step), [1]) for step in range(16)])
    np.testing.assert_allclose(values[-1][[0, 2, 3]], START[[0, 2, 3]] * (1 - 16 * 1e-3), rtol=1e-6)


@pytest.mark.parametrize("name", ["bias", "layer_norm/gamma", "layer_norm/beta"])
def test_biases_and_norms_do_not_decay(name: str) -> None:
    gradients = [noise(step) for step in range(16)]
    plain = course(ours(), gradients, name=name)
    np.testing.assert_array_equal(course(ours(weight_decay=0.5), gradients, name=name), plain)


def test_what_decays_of_a_network(tmp_path: Path) -> None:
    decayed = {
        variable.name.partition("/")[2]
        for variable in network(small_files(tmp_path)).weights
        if is_decayed(variable.name)
    }
    layer = "bert/encoder/layer_._0"
    assert decayed == {
        "bert/embeddings/word_embeddings/weight:0",
        "bert/embeddings/position_embeddings/embeddings:0",
        "bert/embeddings/token_type_embeddings/embeddings:0",
        f"{layer}/attention/self/query/kernel:0",
        f"{layer}/attention/self/key/kernel:0",
        f"{layer}/attention/self/value/kernel:0",
        f"{layer}/attention/output/dense/kernel:0",
        f"{layer}/intermediate/dense/kernel:0",
        f"{layer}/output/dense/kernel:0",
        "bert/pooler/dense/kernel:0",
        "classifier/kernel:0",
    }


# Schedule


@pytest.mark.parametrize(
    ("warmup", "total", "expected"),
    [
        (0, 4, [1.0, 0.75, 0.5, 0.25, 0.0]),
        (2, 6, [0.5, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0]),
        (1, 3, [1.0, 1.0, 0.5, 0.0]),
        (3, 3, [1 / 3, 2 / 3, 1.0, 0.0]),
        (0, 1, [1.0, 0.0]),
    ],
)
def test_the_rate_rises_and_falls(warmup: int, total: int, expected: list[float]) -> None:
    schedule = WarmupLinearDecay(0.2, warmup_steps=warmup, total_steps=total)
    made = [float(schedule(tf.constant(step, tf.int64))) for step in range(len(expected))]
    np.testing.assert_allclose(made, 0.2 * np.array(expected), rtol=1e-6)


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        # From half of the peak on, to 0 in two steps and in eight.
        ([[6, 8]], {0: 0.5, 1: 1.0, 5: 5 / 8, 6: 0.5, 7: 0.25, 8: 0.0}),
        ([[6, 14]], {5: 5 / 8, 6: 0.5, 7: 7 / 16, 10: 0.25, 13: 1 / 16, 14: 0.0}),
        # And once more.
        ([[6, 14], [10, 12]], {9: 5 / 16, 10: 0.25, 11: 0.125, 12: 0.0}),
        # Planned again while the rate still rises: it does so to the line that falls from there.
        ([[1, 10]], {0: 0.5, 1: 1.0, 2: 1.0, 10: 0.0}),
    ],
)
def test_the_rate_falls_to_0_at_the_step_that_was_planned_last(
    pieces: list[list[int]], expected: dict[int, float]
) -> None:
    schedule = WarmupLinearDecay(1.0, warmup_steps=2, total_steps=10)
    first = [float(schedule(tf.constant(step, tf.int64))) for step in range(12)]
    for done in range(len(pieces) + 1):
        schedule.follow(pieces[:done])
    for step, share in expected.items():
        if step >= pieces[-1][0]:
            assert float(schedule(tf.constant(step, tf.int64))) == pytest.approx(share, abs=1e-6)
        elif step < pieces[0][0]:
            assert first[step] == pytest.approx(share, abs=1e-6)
    # A function of the pieces, however they came about.
    again = WarmupLinearDecay(1.0, warmup_steps=2, total_steps=10)
    again.follow(pieces)
    np.testing.assert_array_equal(again.line.numpy(), schedule.line.numpy())
    again.follow([])
    assert [float(again(tf.constant(step, tf.int64))) for step in range(12)] == first


def test_a_step_that_was_traced_takes_the_rate_that_was_planned_later() -> None:
    schedule = WarmupLinearDecay(1.0, warmup_steps=0, total_steps=10)
    optimizer, variable = ours(schedule), tf.Variable([1.0])
    step = tf.function(lambda: optimizer.apply_gradients([(tf.constant([1.0]), variable)]))
    step()
    follow(optimizer, [[1, 3]])
    step()
    assert float(optimizer.learning_rate.numpy()) == pytest.approx(0.9)
    step()
    assert float(optimizer.learning_rate.numpy()) == pytest.approx(0.45)
    follow(keras.optimizers.SGD(0.1), [[1, 3]])


def test_updates_go_by_the_rate_of_their_step() -> None:
    schedule = WarmupLinearDecay(0.02, warmup_steps=3, total_steps=9)
    gradients = [noise(step) for step in range(9)]
    np.testing.assert_allclose(course(ours(schedule), gradients), course(keras_own(schedule), gradients), atol=1e-6)


@pytest.mark.parametrize("rows", [None, [1, 3, 1]], ids=["dense", "by rows"])
def test_a_scope_learns_at_a_multiple_of_the_rate(rows: list[int] | None) -> None:
    gradients = [noise(step) if rows is None else rows_of(noise(step), rows) for step in range(10)]
    for name, rate in (("added/1/dense/kernel", 0.08), ("other/added/kernel", 0.01), ("added_to_others/kernel", 0.01)):
        mine = course(ours(0.01, multiples={"added": 8.0}), gradients, name=name)
        np.testing.assert_allclose(mine, course(ours(rate), gradients), rtol=1e-5, atol=1e-7)


def test_the_layers_that_are_added_are_known_by_their_names(tmp_path: Path) -> None:
    measures, windows = Measures({"price": (0.0, 1.0)}, {}, width=2), Windowed(4, 2, "attention", 0.5)
    found = small_files(tmp_path, num_hidden_layers=2)
    model = network(found, exits=[1], windows=windows, features=measures)
    names = {variable.name for variable in model.trainable_variables}
    faster = {name for name in names if multiple_of(name, dict.fromkeys(ADDED_SCOPES, 3.0)) == 3.0}
    assert faster == {each.name for layer in (model.windows, model.join) for each in layer.weights}


def test_what_learns_faster_decays_as_all_others() -> None:
    gradients = [tf.zeros([6, 3])] * 16
    plain = course(ours(weight_decay=0.5), gradients)
    faster = course(ours(weight_decay=0.5, multiples={"added": 8.0}), gradients, name="added/kernel")
    np.testing.assert_array_equal(faster, plain)


# Written down and made again


def test_what_is_written_down_makes_the_same_optimizer() -> None:
    schedule = WarmupLinearDecay(0.3, warmup_steps=2, total_steps=40)
    optimizer = AdamW(
        schedule,
        weight_decay=0.2,
        clip_norm=0.7,
        beta_1=0.8,
        beta_2=0.95,
        epsilon=1e-5,
        row_wise=False,
        average=Average("ema", start=3, every=2, decay=0.5),
        multiples={"kernel": 3.0},
    )
    known = {"WarmupLinearDecay": WarmupLinearDecay}
    again = AdamW.from_config(optimizer.get_config(), custom_objects=known)
    assert again.get_config() == optimizer.get_config()
    gradients = [rows_of(noise(step), [1, 3, 1]) for step in range(20)]
    np.testing.assert_array_equal(course(again, gradients), course(optimizer, gradients))


def test_a_plain_rate_is_written_down() -> None:
    config = ours(0.25).get_config()
    assert config["learning_rate"] == 0.25
    assert AdamW.from_config(config).get_config() == config


def test_two_optimizers_share_nothing() -> None:
    gradients = [noise(step) for step in range(5)]
    alone = course(ours(), gradients)
    optimizers, variables = [ours(), ours()], [tf.Variable(START), tf.Variable(START)]
    for gradient in gradients:
        for optimizer, variable in zip(optimizers, variables, strict=True):
            optimizer.apply_gradients([(gradient, variable)])
    for variable in variables:
        np.testing.assert_array_equal(variable.numpy(), alone[-1])
