"""What a training is expected to cost: seconds per epoch, peak memory, tokens wasted on padding."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from tfclassify.planning.buckets import Bucket, expected_batches, padding_share
from tfclassify.planning.calibration import (
    BYTES_PER_TRAINED_PARAMETER,
    TRAINING_PASSES,
    Calibration,
    activations,
    bytes_to_answer,
    seconds_of_step,
    seconds_to_answer,
    step_flops,
)
from tfclassify.planning.chips import CHIPS, Chip, chip_name, least_seconds
from tfclassify.planning.facts import Facts
from tfclassify.planning.presets import EncoderSize
from tfclassify.planning.statistics import cut_lengths
from tfclassify.planning.windows import encoder_shape, row_columns, training_columns
from tfclassify.settings import Settings

# What a step reads and writes in float32, by the programs that benchmarks/roofline.py reads.
MOVED_BYTES_PER_VALUE = 48.0
MOVED_BYTES_PER_PARAMETER = 70.0
BYTES_OF_FLOAT32 = 4
ROWS = 32


@dataclass(frozen=True)
class Costs:
    """Predicted, or measured, costs of a training."""

    seconds_per_epoch: float
    peak_memory_bytes: int
    padding_share: float


def predict_costs(settings: Settings, facts: Facts) -> Costs:
    """Predicts what a complete plan will cost."""
    lengths, text = training_columns(settings, facts), settings.text
    buckets = settings.train.buckets
    seconds = sum(
        number * step_seconds(encoder_shape(bucket, text), facts, precision=settings.train.precision)
        for number, bucket in expected_batches(lengths, buckets)
    )
    shapes = tuple(encoder_shape(bucket, text) for bucket in buckets)
    peak = peak_memory_bytes(shapes, facts, parts=settings.train.accumulation_steps)
    return Costs(seconds, peak, padding_share(lengths, buckets))


def step_seconds(bucket: Bucket, facts: Facts, *, precision: str) -> float:
    """Predicts the time of one training step of this shape; where there are accelerators, the least it can be there.

    Raises:
        ValueError: a processor was not calibrated.
    """
    rows, length = bucket
    if devices := facts.hardware.accelerators:
        share = ceil(rows / len(devices)), length
        return accelerator_seconds(CHIPS[chip_name(devices[0])], facts.encoder, share, precision=precision)
    return seconds_of_step(known(facts), facts.encoder, rows, length)


def answer_seconds(bucket: Bucket, facts: Facts) -> float:
    """Predicts how long the network takes to answer a batch of this shape, in float32 as a SavedModel does.

    Its tokenizer and what brings the texts come on top. Where there are accelerators, it is the least of one of them.
    """
    if devices := facts.hardware.accelerators:
        chip, size = CHIPS[chip_name(devices[0])], facts.encoder
        flops = step_flops(size, *bucket) / TRAINING_PASSES
        moved = activations(size, *bucket) * BYTES_OF_FLOAT32 + BYTES_OF_FLOAT32 * size.parameters
        return least_seconds(chip, flops=flops, bytes_moved=moved, precision="float32")
    return seconds_to_answer(known(facts), facts.encoder, *bucket)


def answer_bytes(bucket: Bucket, facts: Facts) -> int:
    """Predicts the memory of a process that answers batches of this shape; on accelerators, what is taken there."""
    size = facts.encoder
    if facts.calibration is None:
        return int(BYTES_OF_FLOAT32 * (size.parameters + activations(size, *bucket) / size.layers))
    return bytes_to_answer(facts.calibration, size, *bucket)


def probed_rows(settings: Settings, costs: Costs, facts: Facts) -> int:
    """Returns how many rows can be answered in the share of the training's time that a probe may take."""
    train = settings.train
    seconds = train.epochs * costs.seconds_per_epoch
    if train.time_limit_minutes is not None:
        seconds = min(seconds, 60 * train.time_limit_minutes)
    each = answer_seconds((ROWS, settings.text.max_length), facts) / ROWS
    return int(train.probe * seconds / each)


def epoch_seconds(facts: Facts) -> float:
    """Predicts the time of an epoch before any shape is planned: batches of 32 rows of like length."""
    lengths = cut_lengths(facts.statistics.splits["train"].lengths, facts.encoder.positions)
    return sum(
        number / ROWS * step_seconds((ROWS, length), facts, precision="float32")
        for length, number in enumerate(lengths)
        if number and length
    )


def accelerator_seconds(chip: Chip, size: EncoderSize, shape: Bucket, *, precision: str) -> float:
    """Returns the least time of one training step of this shape on an accelerator, its wires and its host left out."""
    width = 1.0 if precision == "float32" else 0.5
    values = activations(size, *shape) * MOVED_BYTES_PER_VALUE * width
    moved = values + MOVED_BYTES_PER_PARAMETER * size.parameters
    return least_seconds(chip, flops=step_flops(size, *shape), bytes_moved=moved, precision=precision)


def judging_seconds(settings: Settings, facts: Facts) -> float:
    """Predicts how long it takes to judge the validation rows once."""
    split = facts.statistics.splits.get("validation")
    if split is None:
        return 0.0
    text = settings.text
    lengths = row_columns(split.lengths, text, most=text.windows)
    rows = settings.train.batch_size
    batches = ((ceil(number / rows), length) for length, number in enumerate(lengths) if number)
    # A pass forwards is a third of a step's products.
    return sum(
        number
        * step_seconds(encoder_shape((rows, length), text), facts, precision=settings.train.precision)
        / TRAINING_PASSES
        for number, length in batches
    )


def peak_memory_bytes(buckets: tuple[Bucket, ...], facts: Facts, *, parts: int = 1) -> int:
    """Predicts the most memory that a training takes with these batch shapes, each computed in so many parts.

    Of a processor it is that of the process; of accelerators what the network takes there, in float32.
    """
    size, calibration = facts.encoder, facts.calibration
    largest = max(activations(size, ceil(rows / parts), length) for rows, length in buckets)
    parameters = BYTES_PER_TRAINED_PARAMETER * size.parameters
    if calibration is None:
        return int(parameters + BYTES_OF_FLOAT32 * largest)
    return int(calibration.process_bytes + parameters + calibration.bytes_per_value * largest)


def known(facts: Facts) -> Calibration:
    """Returns how fast the processor is.

    Raises:
        ValueError: nobody has measured it.
    """
    if facts.calibration is None:
        raise ValueError("the machine was not calibrated")
    return facts.calibration
