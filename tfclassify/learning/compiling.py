"""A bucket's training step compiled by XLA, as text before and after XLA has optimised it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import tensorflow as tf

from tfclassify.data.batches import Bucket
from tfclassify.data.shares import TOKENS
from tfclassify.learning.hlo import Program, read
from tfclassify.model.classifier import BertClassifier, Step


@dataclass(frozen=True)
class Compiled:
    """What XLA makes of the step of one shape: as it was given, in its own types, and as it would be run."""

    shape: Bucket
    given: Program
    optimised: Program | None


def compiled_step(
    model: BertClassifier,
    step: Step,
    shape: Bucket,
    spec: Mapping[str, tf.TensorSpec],
    *,
    optimise: bool = True,
    device: str = "CPU",
) -> Compiled:
    """Compiles a step of one bucket; runs nothing.

    Args:
        model: compiled with an optimizer that is built.
        step: the training step, of batches in their own shape.
        shape: [rows, length].
        spec: of the batches, whose sizes may be unknown.
        optimise: whether to compile, and not only to translate the step into what XLA compiles, which is most of what
            can fail and takes a fraction of the time.
        device: CPU, GPU or TPU, which there has to be.

    Raises:
        tf.errors.OpError: XLA cannot compile it.
        ValueError: nor could it be traced in static shapes.
    """
    graph = tf.function(lambda batch: step(model, batch), jit_compile=True, autograph=False)
    asked = graph.experimental_get_compiler_ir(zeros(shape, spec))
    with warnings.catch_warnings():
        # Its new name for the device is not in every release that is supported.
        warnings.simplefilter("ignore")
        given = read(asked(stage="hlo", device_name=f"/{device}:0"))
        optimised = read(asked(stage="optimized_hlo", device_name=f"/{device}:0")) if optimise else None
    return Compiled(shape, given, optimised)


def zeros(shape: Bucket, spec: Mapping[str, tf.TensorSpec]) -> dict[str, tf.Tensor]:
    """Returns an empty batch of this shape."""
    rows, length = shape
    return {
        name: tf.zeros([rows, length] if name in TOKENS else [rows, *each.shape[1:]], each.dtype)
        for name, each in spec.items()
    }
