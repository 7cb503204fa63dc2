"""A batch in parts is the same as the batch in one: weights, losses and the rows of tables that were not looked up."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from small_networks import batch_of, network, small_files, values

from tfclassify.learning.accumulation import accumulated
from tfclassify.learning.objectives import choose
from tfclassify.learning.optimizers import AdamW
from tfclassify.learning.step import training_step
from tfclassify.learning.strategies import set_precision
from tfclassify.model.classifier import BertClassifier
from tfclassify.model.weights import Found

# A row that only fills the batch is in another part than the others, so that parts have fewer rows that count.
WEIGHTS = [1.0, 0.5, 2.0, 1.0, 1.0, 3.0, 1.0, 0.0]
SHAPES = [(8, 6), (4, 9), (8, 3), (8, 6)]
Course = tuple[dict[str, np.ndarray], list[float]]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return small_files(tmp_path_factory.mktemp("model"))


def compiled(found: Found, *, parts: int, multilabel: bool = False, wrapped: bool = False, **more: Any) -> Any:
    model = network(found, multilabel=multilabel)
    # The gradient of the keys' bias is nothing but rounding, which Adam would blow up without such an epsilon.
    optimizer: Any = AdamW(0.01, **{"weight_decay": 0.5, "clip_norm": 0.3, "epsilon": 1e-4, **more})
    if wrapped:
        optimizer = keras.mixed_precision.LossScaleOptimizer(optimizer)
    objective = "binary_cross_entropy" if multilabel else "cross_entropy"
    model.compile(optimizer=optimizer, step=training_step(choose([objective]), accumulation_steps=parts))
    optimizer.build(model.trainable_variables)
    return model


def trained(model: BertClassifier, batches: Sequence[dict[str, tf.Tensor]], *, static: bool = False) -> Course:
    """Makes a step a batch in a graph, of unknown or of static shapes."""
    spec = {name: tf.TensorSpec([None] * tensor.shape.rank, tensor.dtype) for name, tensor in batches[0].items()}
    step = tf.function(lambda batch: model._step(model, batch)[0], **({} if static else {"input_signature": [spec]}))
    losses = [float(step(batch)) for batch in batches]
    return values(model), losses


def made(*, multilabel: bool = False, steps: int = 20) -> list[dict[str, tf.Tensor]]:
    shapes = [SHAPES[step % len(SHAPES)] for step in range(steps)]
    return [
        batch_of(rows, length, seed=step, multilabel=multilabel, weights=WEIGHTS[-rows:])
        for step, (rows, length) in enumerate(shapes)
    ]


def check_same(left: Course, right: Course, *, atol: float = 2e-6) -> None:
    np.testing.assert_allclose(left[1], right[1], rtol=1e-5, atol=atol)
    for name, value in left[0].items():
        np.testing.assert_allclose(value, right[0][name], atol=atol, err_msg=name)


@cache
def in_one(found: Found, *, row_wise: bool) -> Course:
    return trained(compiled(found, parts=1, row_wise=row_wise), made())


@pytest.mark.parametrize(("parts", "row_wise"), [(2, True), (4, True), (4, False)])
def test_parts_do_what_the_whole_batch_does(small: Found, parts: int, row_wise: bool) -> None:
    """Clipped, decayed and weighted, over 20 steps of three shapes."""
    whole = in_one(small, row_wise=row_wise)
    check_same(trained(compiled(small, parts=parts, row_wise=row_wise), made()), whole)
    start = values(network(small))
    assert max(np.abs(value - start[name]).max() for name, value in whole[0].items()) > 0.05


def test_static_shapes_and_several_labels(small: Found) -> None:
    batches = made(multilabel=True, steps=8)
    whole = trained(compiled(small, parts=1, multilabel=True), batches)
    check_same(trained(compiled(small, parts=4, multilabel=True), batches, static=True), whole)


def test_compiled_by_xla(small: Found) -> None:
    batches = [batch_of(8, 6, seed=step, weights=WEIGHTS) for step in range(5)]
    whole = trained(compiled(small, parts=1, row_wise=False), batches)
    model = compiled(small, parts=4, row_wise=False)
    step = tf.function(lambda batch: model._step(model, batch)[0], jit_compile=True)
    losses = [float(step(batch)) for batch in batches]
    check_same((values(model), losses), whole, atol=5e-6)


def test_words_that_no_part_has_keep_their_vectors(small: Found) -> None:
    batch = batch_of(8, 6)
    model = compiled(small, parts=4, weight_decay=0.0)
    name = next(name for name in values(model) if "word_embeddings" in name)
    before = values(model)[name]
    after = trained(model, [batch] * 3)[0][name]
    moved = np.abs(after - before).max(axis=1) > 0
    assert set(np.flatnonzero(moved)) == set(batch["input_ids"].numpy()[batch["attention_mask"].numpy() > 0])
    assert not moved.all()


def test_the_loss_is_scaled_in_every_part(small: Found) -> None:
    set_precision("float16")
    try:
        whole, parts = (trained(compiled(small, parts=number, wrapped=True), made(steps=8)) for number in (1, 4))
    finally:
        set_precision("float32")
    np.testing.assert_allclose(whole[1], parts[1], rtol=0.01)


def test_every_part_knows_its_number(small: Found) -> None:
    variable = tf.Variable([0.0, 0.0])

    def differentiated(part: Any) -> Any:
        number = tf.cast(part["micro_batch"], tf.float32)
        return tf.reduce_sum(part["rows"]), [tf.stack([number, 1.0])]

    loss, (gradient,) = accumulated(differentiated, {"rows": tf.range(6.0)}, [variable], parts=3)
    assert (float(loss), gradient.numpy().tolist()) == (15.0, [3.0, 3.0])


def test_what_has_no_gradient_has_none(small: Found) -> None:
    variables = [tf.Variable(0.0), tf.Variable(0.0)]
    _, gradients = accumulated(
        lambda part: (tf.reduce_sum(part["rows"]), [None, tf.constant(1.0)]),
        {"rows": tf.range(6.0)},
        variables,
        parts=2,
    )
    assert gradients[0] is None
    assert float(gradients[1]) == 2.0


def test_rows_that_cannot_be_shared_out_are_not_left_out_in_silence(small: Found) -> None:
    model = compiled(small, parts=4)
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match=r"[Rr]eshape"):
        trained(model, [batch_of(6, 5)])
