"""What a training is expected to cost: seconds per epoch, peak memory, tokens wasted on padding."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from tfclassify.planning.buckets import Bucket, expected_batches, padding_share
from tfclassify.planning.chips import CHIPS, Chip, chip_name, least_seconds
from tfclassify.planning.facts import Facts
from tfclassify.planning.presets import EncoderSize
from tfclassify.planning.windows import encoder_shape, training_columns
from tfclassify.settings import Settings

# A forward and a backward pass: one product forwards and two backwards, a multiplication and an addition each.
FLOPS_PER_PARAMETER_AND_TOKEN = 6
FLOPS_PER_SECOND_UNKNOWN = 50e9


@dataclass(frozen=True)
class Costs:
    """Predicted, or measured, costs of a training."""

    seconds_per_epoch: float
    peak_memory_bytes: int
    padding_share: float


@dataclass(frozen=True)
class Pace:
    """How a training step spends its time on a processor, and its memory.

    ``speedup`` is that of the step's matrix products over the float32 products that the machine was measured by;
    the other seconds are those of a machine with ``REFERENCE_FLOPS_PER_SECOND``.
    """

    speedup: float
    seconds_per_step: float
    seconds_per_value: float
    seconds_per_parameter: float


# Fitted by benchmarks/costs.py on two cores with 213 GFLOP/s, over four models and ten shapes.
REFERENCE_FLOPS_PER_SECOND = 213e9
PACES = {
    "float32": Pace(1.095, 0.01101, 2.592e-9, 4.218e-9),
    "bfloat16": Pace(1.949, 0.01042, 2.448e-9, 3.995e-9),
}
# What a step reads and writes in float32, by the programs that benchmarks/roofline.py reads.
MOVED_BYTES_PER_VALUE = 48.0
MOVED_BYTES_PER_PARAMETER = 70.0
# TensorFlow itself and the data; weights, gradients and two moments; what layers keep for the way back.
BASE_MEMORY_BYTES = 1_200_000_000
BYTES_PER_PARAMETER = 16
BYTES_PER_VALUE = 3.5


def predict_costs(settings: Settings, facts: Facts) -> Costs:
    """Predicts what a complete plan will cost."""
    lengths, text = training_columns(settings, facts), settings.text
    buckets = settings.train.buckets
    seconds = sum(
        number * step_seconds(encoder_shape(bucket, text), facts, precision=settings.train.precision)
        for number, bucket in expected_batches(lengths, buckets)
    )
    shapes = tuple(encoder_shape(bucket, text) for bucket in buckets)
    peak = peak_memory_bytes(shapes, facts.encoder, parts=settings.train.accumulation_steps)
    return Costs(seconds, peak, padding_share(lengths, buckets))


def step_seconds(bucket: Bucket, facts: Facts, *, precision: str) -> float:
    """Predicts the time of one training step of this shape; where there are accelerators, the least it can be there."""
    rows, length = bucket
    if devices := facts.hardware.accelerators:
        share = ceil(rows / len(devices)), length
        return accelerator_seconds(CHIPS[chip_name(devices[0])], facts.encoder, share, precision=precision)
    pace = PACES.get(precision, PACES["float32"])
    speed = facts.hardware.matmul_flops_per_second or FLOPS_PER_SECOND_UNKNOWN
    slower = REFERENCE_FLOPS_PER_SECOND / speed
    products = step_flops(facts.encoder, rows, length) / (speed * pace.speedup)
    values = activations(facts.encoder, rows, length) * pace.seconds_per_value
    update = facts.encoder.layer_parameters * pace.seconds_per_parameter
    return products + slower * (pace.seconds_per_step + values + update)


def accelerator_seconds(chip: Chip, size: EncoderSize, shape: Bucket, *, precision: str) -> float:
    """Returns the least time of one training step of this shape on an accelerator, its wires and its host left out."""
    width = 1.0 if precision == "float32" else 0.5
    values = activations(size, *shape) * MOVED_BYTES_PER_VALUE * width
    moved = values + MOVED_BYTES_PER_PARAMETER * size.parameters
    return least_seconds(chip, flops=step_flops(size, *shape), bytes_moved=moved, precision=precision)


def step_flops(size: EncoderSize, rows: int, length: int) -> float:
    """Returns the floating-point operations of the matrix products of one training step."""
    tokens = rows * length
    attention = 2 * size.layers * length * size.width
    return FLOPS_PER_PARAMETER_AND_TOKEN * tokens * float(size.layer_parameters + attention)


def activations(size: EncoderSize, rows: int, length: int) -> float:
    """Returns the values that the layers hand on: vectors of each width, and attention scores."""
    per_token = 8 * size.width + 2 * size.intermediate + 3 * size.heads * length
    return float(rows * length * size.layers * per_token)


def peak_memory_bytes(buckets: tuple[Bucket, ...], size: EncoderSize, *, parts: int = 1) -> int:
    """Predicts the most memory that a training takes with these batch shapes, each computed in so many parts."""
    largest = max(activations(size, ceil(rows / parts), length) for rows, length in buckets)
    return int(BASE_MEMORY_BYTES + BYTES_PER_PARAMETER * size.parameters + BYTES_PER_VALUE * largest)
