"""Where the training runs: one table from the plan's word to a ``tf.distribute`` strategy."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache

import tensorflow as tf
import tf_keras as keras

from tfclassify.errors import UsageError
from tfclassify.hardware import Accelerator, multiplies_bfloat16
from tfclassify.settings import AUTO

# The first GPUs with products of bfloat16 are of compute capability 8.0 (Ampere).
BFLOAT16_CAPABILITY = (8, 0)
# Keras's, by which accelerators multiply in these number formats.
POLICIES = {"bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
JOINED = ("multi_worker", "tpu")


def one() -> tf.distribute.Strategy:
    """One device: the first accelerator, or the CPU."""
    return tf.distribute.get_strategy()


# The devices tell the messages of one strategy from those of another by numbers that each counts from the start.
@cache
def mirrored() -> tf.distribute.Strategy:
    """All devices of this machine, each with a copy of the network; one strategy for all trainings of a process."""
    return tf.distribute.MirroredStrategy(_devices())


@cache
def multi_worker() -> tf.distribute.Strategy:
    """All machines that ``TF_CONFIG`` names; one strategy for all trainings of a process, made by :func:`begin`.

    Raises:
        UsageError: TensorFlow has been at work in this process already.
    """
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise UsageError(
            "train.strategy is 'multi_worker', but machines can only be joined before TensorFlow does anything else "
            "in a process; start the training in a process of its own"
        ) from error


@cache
def tpu() -> tf.distribute.Strategy:
    """The TPU that ``TPU_NAME`` names, or the local one; set up once, because that clears what it holds.

    Raises:
        UsageError: there is none.
    """
    name = os.environ.get("TPU_NAME") or "local"
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=name)
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (ValueError, OSError, tf.errors.OpError) as error:
        raise UsageError(f"train.strategy is 'tpu', but the TPU '{name}' cannot be reached; expected one") from error
    return tf.distribute.TPUStrategy(resolver)


def begin(name: str) -> None:
    """Joins the machines of a strategy, if it has any but this: the first thing that TensorFlow does in a process.

    Raises:
        UsageError: it is too late for that, or they cannot be reached.
    """
    # A plan that is still to be made will take a TPU that is there, and joining it clears what was made before.
    if name == AUTO and tf.config.list_physical_devices("TPU"):
        name = "tpu"
    if name in JOINED:
        STRATEGIES[name]()


def accelerators() -> tuple[Accelerator, ...]:
    """Returns the GPUs and TPU cores that TensorFlow sees on this machine."""
    gpus = [_gpu(device) for device in tf.config.list_physical_devices("GPU")]
    # On machines with a TPU its kind is among the variables of the environment.
    kind = os.environ.get("TPU_ACCELERATOR_TYPE") or os.environ.get("ACCELERATOR_TYPE") or ""
    tpus = [Accelerator("tpu", True, kind) for _ in tf.config.list_physical_devices("TPU")]
    return (*gpus, *tpus)


def set_precision(precision: str) -> None:
    """Sets the number format of the matrix products for the whole process.

    On the CPU, bfloat16 is a rewrite of the graph by oneDNN; Keras's policy gives nothing there.
    """
    rewritten = precision == "bfloat16" and not accelerators()
    keras.mixed_precision.set_global_policy("float32" if rewritten else POLICIES.get(precision, "float32"))
    tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": rewritten})


def usable_precision(precision: str) -> str:
    """Returns a number format that this machine multiplies: the one given, or float32.

    Without instructions for it, products of 16 bits are slower than those of float32, where there are any.
    """
    devices = accelerators()
    usable = {
        "bfloat16": all(device.bfloat16 for device in devices) if devices else multiplies_bfloat16(),
        "float16": any(device.kind == "gpu" for device in devices),
    }
    return precision if usable.get(precision, True) else "float32"


def check_device(precision: str) -> None:
    """Refuses a number format that the device which would compute here does not multiply.

    Raises:
        UsageError: an accelerator has no instructions for it, or where there are none, the processor.
    """
    if usable_precision(precision) != precision:
        kinds: set[str] = {device.kind for device in accelerators()} or {"processor"}
        raise UsageError(
            f"precision is '{precision}', which this {' and '.join(sorted(kinds))} does not multiply; "
            "expected float32 here"
        )


def _gpu(device: tf.config.PhysicalDevice) -> Accelerator:
    details = tf.config.experimental.get_device_details(device)
    capability = details.get("compute_capability", (0, 0))
    return Accelerator("gpu", capability >= BFLOAT16_CAPABILITY, details.get("device_name", ""))


def _devices() -> list[str]:
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    return [device.name for device in tf.config.list_logical_devices(kind)]


STRATEGIES: dict[str, Callable[[], tf.distribute.Strategy]] = {
    "one": one,
    "mirrored": mirrored,
    "multi_worker": multi_worker,
    "tpu": tpu,
}
