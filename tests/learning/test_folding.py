"""Static shapes in one trace: the same weights as without them, and as many graphs as there are buckets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from small_networks import batch_of, network, small_files, values

from tfclassify.data.shares import flattened
from tfclassify.learning.objectives import OBJECTIVES, Objective
from tfclassify.learning.optimizers import AdamW
from tfclassify.learning.step import Folding, training_step
from tfclassify.model.weights import Found
from tfclassify.model.windowing import Windowed

SHAPES = ((8, 3), (8, 6), (4, 9))
STEPS = 12


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Found:
    # More words than a batch has tokens, so that their gradients leave the branches as rows.
    return small_files(tmp_path_factory.mktemp("model"), vocab_size=60)


def batches(objective: str) -> list[dict[str, tf.Tensor]]:
    several = objective == "binary_cross_entropy"
    return [batch_of(*SHAPES[step % len(SHAPES)], seed=step, multilabel=several) for step in range(STEPS)]


def as_data(made: Sequence[Mapping[str, tf.Tensor]]) -> tf.data.Dataset:
    spec = {name: tf.TensorSpec([None] * tensor.shape.rank, tensor.dtype) for name, tensor in made[0].items()}
    if "window_places" in spec:
        spec["window_places"] = tf.TensorSpec([None, made[0]["window_places"].shape[1]], tf.int32)
    if made[0]["labels"].shape.rank == 2:
        spec["labels"] = tf.TensorSpec([None, 3], tf.float32)
    return tf.data.Dataset.from_generator(lambda: iter(made), output_signature=spec)


def trained(
    found: Found,
    name: str,
    data: tf.data.Dataset,
    *,
    folding: Folding | None = None,
    parts: int = 1,
    rows: bool = False,
) -> tuple[dict[str, np.ndarray], list[tuple[int | None, ...]], Any]:
    """Fits through Keras; returns the weights, and the shape of the logits in each trace."""
    traces: list[tuple[int | None, ...]] = []

    def objective(outputs: Any, batch: Any, model: Any) -> tf.Tensor:
        traces.append(tuple(outputs["logits"].shape))
        return OBJECTIVES[name](outputs, batch, model)

    model = network(found, multilabel=name == "binary_cross_entropy")
    optimizer = AdamW(0.01, epsilon=1e-4, weight_decay=0.5, clip_norm=0.3, row_wise=rows)
    terms: list[tuple[float, Objective]] = [(1.0, objective)]
    model.compile(optimizer=optimizer, step=training_step(terms, accumulation_steps=parts, folding=folding))
    optimizer.build(model.trainable_variables)
    model.fit(data, steps_per_epoch=STEPS // 2, epochs=2, verbose=0)
    return values(model), traces, model


@cache
def alone(found: Found, name: str, *, rows: bool = False) -> dict[str, np.ndarray]:
    """The weights of a training without static shapes, which several are compared with."""
    return trained(found, name, as_data(batches(name)), rows=rows)[0]


def check_same(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> None:
    for name, value in left.items():
        np.testing.assert_allclose(value, right[name], atol=5e-6, err_msg=name)


# That XLA takes every objective is shown in test_preflight.py.
@pytest.mark.parametrize(("name", "compiled"), [*((name, False) for name in OBJECTIVES), ("cross_entropy", True)])
def test_every_objective_is_traced_once_a_bucket_in_static_shape(small: Found, name: str, compiled: bool) -> None:
    data = flattened(as_data(batches(name)), SHAPES)
    folded, traces, model = trained(small, name, data, folding=Folding(SHAPES, compiled))
    check_same(folded, alone(small, name))
    assert sorted(traces) == sorted((rows, 3) for rows, _ in SHAPES)
    assert model.train_tf_function.experimental_get_tracing_count() == 1
    assert np.abs(folded["classifier/kernel:0"] - values(network(small))["classifier/kernel:0"]).max() > 0.01


@pytest.mark.parametrize("compiled", [False, True])
def test_parts_and_rows_of_tables_go_through_branches(small: Found, compiled: bool) -> None:
    data = flattened(as_data(batches("cross_entropy")), SHAPES)
    folding = Folding(SHAPES, compiled, rows=True)
    folded, _, _ = trained(small, "cross_entropy", data, folding=folding, parts=2, rows=True)
    check_same(folded, alone(small, "cross_entropy", rows=True))


def test_drawn_windows_keep_their_places_in_static_shape(small: Found) -> None:
    shapes = ((8, 3), (4, 9))
    model = network(small, windows=Windowed(length=3, most=5, pool="hierarchical"))
    # It begins as if it were not there.
    model.windows.layer["output"].assign(tf.eye(8))
    model.compile(optimizer=AdamW(0.01), step=training_step([]))

    def drawn(number: int) -> dict[str, tf.Tensor]:
        rows, length = shapes[number]
        places = tf.constant([[number, 4]] * rows)
        return {**batch_of(rows, length), "window_places": places, "window_counts": tf.fill([rows], 5)}

    terms = [(1.0, OBJECTIVES["cross_entropy"])]
    folding = Folding(shapes, compiled=False)
    folded = tf.function(training_step(terms, folding=folding, updates=False, layers=True), autograph=False)
    place = next(i for i, each in enumerate(model.trainable_variables) if "windows/positions" in each.name)
    for element, expected in zip(flattened(as_data([drawn(0), drawn(1)]), shapes), ([0], [1, 4]), strict=True):
        made = [np.asarray(each) for each in folded(model, element)[1]]
        assert np.flatnonzero(np.abs(made[place]).sum(axis=1)).tolist() == expected
    _, plain = training_step(terms, updates=False, layers=True)(model, drawn(1))
    for left, right in zip(made, plain, strict=True):
        np.testing.assert_allclose(left, right, atol=1e-6)
