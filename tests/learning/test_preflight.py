"""What is found before a training: each fault with its cause and its mend, word for word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from small_networks import batch_of, network, small_files

from tfclassify.errors import UsageError
from tfclassify.learning import preflight
from tfclassify.learning.objectives import OBJECTIVES, choose
from tfclassify.learning.optimizers import AdamW
from tfclassify.learning.preflight import (
    Finding,
    check_elements,
    check_labels,
    check_shares,
    check_steps,
    check_tpu,
    refuse,
)
from tfclassify.learning.step import training_step
from tfclassify.model.weights import Found

SPEC = {name: tf.TensorSpec([None] * each.shape.rank, each.dtype) for name, each in batch_of(2, 3).items()}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return small_files(tmp_path_factory.mktemp("model"))


def steps(found: Found, term: Any = "cross_entropy", *, shapes: Any = ((4, 5),), **options: Any) -> list[Finding]:
    several = term == "binary_cross_entropy"
    spec = {**SPEC, "labels": tf.TensorSpec([None, 3], tf.float32)} if several else SPEC
    policy = options.pop("policy", "float32")
    keras.mixed_precision.set_global_policy(policy)
    try:
        model = network(found, multilabel=several)
        terms = choose([term]) if isinstance(term, str) else [(1.0, term)]
        model.compile(optimizer=AdamW(0.01, row_wise=False), step=training_step(terms, layers=True))
        model.optimizer.build(model.trainable_variables)
        return check_steps(model, model._step, shapes, spec, **{"precision": "float32", **options})
    finally:
        keras.mixed_precision.set_global_policy("float32")


# Labels, elements, shares


def test_labels_in_range() -> None:
    assert check_labels(np.array([0, 2, 1], np.int32), 3) == []
    assert check_labels(np.array([[0, 1], [1, 1]], np.float32), 2) == []


def test_labels_out_of_range() -> None:
    assert check_labels(np.array([0, 2, 3, -1], np.int32), 3) == [
        Finding(
            "labels",
            "training row 2 has class 3, but there are 3, counted from 0",
            "mend the labels, or read the data anew",
        )
    ]
    assert check_labels(np.array([[0, 1], [0.5, 1]], np.float32), 2) == [
        Finding(
            "labels",
            "training row 1 has 0.5 among its labels, which are 0 or 1",
            "mend the labels, or read the data anew",
        )
    ]


def test_what_an_accelerator_does_not_hold() -> None:
    spec = {
        "input_ids": tf.TensorSpec([30], tf.int32),
        "weights": tf.TensorSpec([None, 5], tf.float32),
        "loose": tf.TensorSpec(None, tf.float32),
        "id": tf.TensorSpec([6], tf.string),
    }
    assert check_elements(spec) == [
        Finding(
            "elements",
            "'weights' of a batch has the shape [?, 5], and an accelerator compiles sizes that are known",
            "give elements one constant shape, or set train.shapes=dynamic",
        ),
        Finding(
            "elements",
            "'loose' of a batch has the shape unknown, and an accelerator compiles sizes that are known",
            "give elements one constant shape, or set train.shapes=dynamic",
        ),
        Finding(
            "elements",
            "'id' of a batch is a string, which an accelerator does not hold",
            "look it up as a number before it is put into a batch",
        ),
    ]


def test_rows_that_cannot_be_shared_out_evenly_cost_time() -> None:
    assert check_shares(((32, 8), (5, 64)), replicas=2, parts=1) == [
        Finding(
            "shares",
            "batches of [5, 64] are filled up to 6 rows for 2 replicas in 1 parts",
            "a number of rows that is a multiple of 2 would waste none",
            fatal=False,
        )
    ]
    assert check_shares(((32, 8), (4, 64)), replicas=2, parts=2) == []


def test_what_is_fatal_is_refused_and_the_rest_is_said() -> None:
    said: list[str] = []
    refuse([Finding("a", "slow", "mend it", fatal=False)], say=said.append)
    with pytest.raises(UsageError) as caught:
        refuse([Finding("a", "wrong", "mend it")], say=said.append)
    assert (said, str(caught.value)) == (["slow; mend it"], "wrong; mend it")


# TPU


def test_no_tpu_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(preflight, "_version", lambda package: None)
    monkeypatch.setattr(preflight, "find_spec", lambda name: None)
    place = str(tmp_path / "accel0")
    index = "-f https://storage.googleapis.com/libtpu-tf-releases/index.html"
    assert check_tpu(files=[place]) == [
        Finding(
            "tpu",
            f"TensorFlow {tf.__version__} is installed without TPUs",
            "type: pip uninstall -y tensorflow && pip install tensorflow-tpu==2.20.0 tensorflow-text==2.20.1 "
            f"tf-keras==2.20.1 {index}",
        ),
        Finding(
            "tpu",
            "libtpu, by which TensorFlow drives a TPU, is not installed",
            f"type: pip install tensorflow-tpu==2.20.0 {index}",
        ),
        Finding(
            "tpu",
            f"no TPU is attached: there is none of {place}",
            "start a machine that has one (in Colab: Runtime, Change runtime type), or set train.strategy=one",
        ),
    ]


def test_a_tpu_that_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(preflight, "_version", lambda package: "2.20.0")
    monkeypatch.setattr(preflight, "find_spec", lambda name: object())
    assert check_tpu(files=[str(tmp_path)]) == []


# Steps


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_compiles_in_every_bucket(small: Found, name: str) -> None:
    assert steps(small, name, shapes=((4, 3), (2, 5))) == []


def test_a_narrow_policy_makes_narrow_products_and_a_float32_loss(small: Found) -> None:
    assert steps(small, policy="mixed_bfloat16", precision="bfloat16", optimise=False) == []


def test_products_that_are_wider_than_meant(small: Found) -> None:
    (found,) = steps(small, precision="bfloat16", optimise=False)
    assert found == Finding(
        "steps",
        "30 of 30 matrix products in the step of the shape [4, 5] are not made in bfloat16",
        "leave the dtype of layers to the policy",
        fatal=False,
    )


def narrow(outputs: Any, batch: Any, model: Any) -> tf.Tensor:
    logits = tf.nn.log_softmax(tf.cast(outputs["logits"], tf.bfloat16))
    return -tf.cast(tf.gather(logits, batch["labels"], batch_dims=1), tf.float32)


def test_a_loss_over_the_classes_that_is_not_in_float32(small: Found) -> None:
    assert steps(small, narrow, precision="bfloat16", policy="mixed_bfloat16", optimise=False) == [
        Finding(
            "steps",
            "the step of the shape [4, 5] has a loss over 3 classes in bfloat16, whose sums lose small probabilities",
            "cast the logits to float32 in the objective",
        )
    ]


def on_host(outputs: Any, batch: Any, model: Any) -> tf.Tensor:
    return tf.numpy_function(lambda logits: logits[:, 0], [outputs["logits"]], tf.float32)


def test_what_does_not_compile(small: Found) -> None:
    (found,) = steps(small, on_host, optimise=False)
    assert found.check == "steps"
    assert found.cause.startswith("the step of the shape [4, 5] does not compile under XLA: ")
    assert found.mend == "take what is not made for it out of train.objectives, or set train.shapes=dynamic"


def test_as_many_programs_as_shapes(small: Found) -> None:
    assert steps(small, shapes=((4, 5), (4, 5)), optimise=False) == [
        Finding(
            "steps",
            "1 programs are compiled for 2 shapes",
            "give every bucket in train.buckets a length of its own",
            fatal=False,
        )
    ]
