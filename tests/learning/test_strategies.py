"""Where a training runs, and in which number format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tfclassify.errors import UsageError
from tfclassify.hardware import Accelerator, detect_cpu
from tfclassify.learning import strategies
from tfclassify.learning.strategies import (
    STRATEGIES,
    accelerators,
    begin,
    check_device,
    set_precision,
    usable_precision,
)
from tfclassify.settings import AUTO, TrainSettings

GPU, OLD_GPU, TPU_CORE = Accelerator("gpu", True), Accelerator("gpu", False), Accelerator("tpu", True)


@pytest.fixture(autouse=True)
def precision() -> Iterator[None]:
    yield
    set_precision("float32")


def state() -> tuple[str, bool]:
    options = tf.config.optimizer.get_experimental_options()
    return keras.mixed_precision.global_policy().name, options.get("auto_mixed_precision_onednn_bfloat16", False)


def test_the_table_has_what_settings_name() -> None:
    annotation = TrainSettings.model_fields["strategy"].annotation
    assert set(STRATEGIES) == set(get_args(annotation))


def test_one_is_what_tensorflow_does_anyway() -> None:
    assert STRATEGIES["one"]() is tf.distribute.get_strategy()


def test_mirrored_takes_all_devices_and_is_one_for_a_process() -> None:
    mirrored = STRATEGIES["mirrored"]()
    assert isinstance(mirrored, tf.distribute.MirroredStrategy)
    assert mirrored.num_replicas_in_sync == len(strategies._devices()) >= 1
    # Messages of two strategies between the same devices would be taken for each other's.
    assert STRATEGIES["mirrored"]() is mirrored


@pytest.mark.parametrize("name", [None, "mine"])
def test_no_tpu(monkeypatch: pytest.MonkeyPatch, name: str | None) -> None:
    asked: list[str] = []

    def resolver(tpu: str) -> Any:
        asked.append(tpu)
        raise ValueError("no TPU")

    monkeypatch.delenv("TPU_NAME", raising=False)
    if name is not None:
        monkeypatch.setenv("TPU_NAME", name)
    monkeypatch.setattr(tf.distribute.cluster_resolver, "TPUClusterResolver", resolver)
    with pytest.raises(UsageError) as caught:
        STRATEGIES["tpu"]()
    assert asked == [name or "local"]
    assert str(caught.value) == (
        f"train.strategy is 'tpu', but the TPU '{name or 'local'}' cannot be reached; expected one"
    )


@pytest.mark.parametrize("name", ["one", "mirrored", AUTO])
def test_nothing_has_to_be_joined_on_one_machine(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", None)
    begin(name)


def test_a_tpu_that_will_be_planned_is_joined_before_anything_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    joined: list[str] = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["core"] if kind == "TPU" else [])
    monkeypatch.setitem(STRATEGIES, "tpu", lambda: joined.append("tpu"))
    begin(AUTO)
    begin("one")
    assert joined == ["tpu"]


def test_machines_are_joined_first_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_late() -> None:
        raise RuntimeError("Collective ops must be configured at program startup")

    strategies.multi_worker.cache_clear()
    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", too_late)
    with pytest.raises(UsageError) as caught:
        begin("multi_worker")
    assert str(caught.value) == (
        "train.strategy is 'multi_worker', but machines can only be joined before TensorFlow does anything else in a "
        "process; start the training in a process of its own"
    )


def test_accelerators_of_this_machine() -> None:
    kinds = [device.kind for device in accelerators()]
    gpus, tpus = (len(tf.config.list_physical_devices(kind)) for kind in ("GPU", "TPU"))
    assert kinds == ["gpu"] * gpus + ["tpu"] * tpus


@pytest.mark.parametrize(
    ("precision", "found", "expected"),
    [
        ("float32", (), ("float32", False)),
        # On the CPU, what Keras calls mixed would change nothing but the rounding.
        ("bfloat16", (), ("float32", True)),
        ("float16", (), ("mixed_float16", False)),
        ("float32", (GPU,), ("float32", False)),
        ("bfloat16", (GPU,), ("mixed_bfloat16", False)),
        ("float16", (GPU,), ("mixed_float16", False)),
    ],
)
def test_number_formats(
    monkeypatch: pytest.MonkeyPatch, precision: str, found: tuple[Accelerator, ...], expected: tuple[str, bool]
) -> None:
    monkeypatch.setattr(strategies, "accelerators", lambda: found)
    set_precision(precision)
    assert state() == expected
    set_precision("float32")
    assert state() == ("float32", False)


@pytest.mark.parametrize(
    ("precision", "cpu", "found", "expected"),
    [
        ("float32", True, (), "float32"),
        ("bfloat16", True, (), "bfloat16"),
        ("bfloat16", False, (), "float32"),
        ("bfloat16", False, (GPU,), "bfloat16"),
        ("bfloat16", True, (OLD_GPU,), "float32"),
        ("float16", True, (), "float32"),
        ("float16", False, (OLD_GPU,), "float16"),
        ("float16", True, (TPU_CORE,), "float32"),
    ],
)
def test_a_format_that_the_machine_multiplies(
    monkeypatch: pytest.MonkeyPatch, precision: str, cpu: bool, found: tuple[Accelerator, ...], expected: str
) -> None:
    monkeypatch.setattr(strategies, "accelerators", lambda: found)
    monkeypatch.setattr(strategies, "multiplies_bfloat16", lambda: cpu)
    assert usable_precision(precision) == expected


@pytest.mark.parametrize(
    ("precision", "found", "told"),
    [
        ("bfloat16", (), "processor"),
        ("float16", (), "processor"),
        ("bfloat16", (OLD_GPU,), "gpu"),
        ("float16", (TPU_CORE, TPU_CORE), "tpu"),
    ],
)
def test_a_format_that_the_machine_does_not_multiply(
    monkeypatch: pytest.MonkeyPatch, precision: str, found: tuple[Accelerator, ...], told: str
) -> None:
    monkeypatch.setattr(strategies, "accelerators", lambda: found)
    monkeypatch.setattr(strategies, "multiplies_bfloat16", lambda: False)
    with pytest.raises(UsageError) as caught:
        check_device(precision)
    expected = f"precision is '{precision}', which this {told} does not multiply; expected float32 here"
    assert str(caught.value) == expected
    check_device("float32")


@pytest.mark.skipif(not detect_cpu().cpu_bfloat16, reason="this processor does not multiply bfloat16")
def test_products_are_made_in_bfloat16_and_given_in_float32() -> None:
    left, right = (tf.constant(np.random.default_rng(seed).normal(0, 1, (64, 64)), tf.float32) for seed in (0, 1))
    made = {}
    for precision in ("float32", "bfloat16"):
        set_precision(precision)
        # A bias, as the rewriting begins at what oneDNN fuses.
        graph = tf.function(lambda: tf.nn.relu(tf.nn.bias_add(tf.matmul(left, right), tf.ones([64]))))
        made[precision] = graph()
    difference = np.abs(made["float32"].numpy() - made["bfloat16"].numpy()).max()
    assert made["bfloat16"].dtype == tf.float32
    assert 1e-3 < difference < 0.5
