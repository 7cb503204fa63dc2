"""What a training is expected to cost: seconds per epoch, peak memory, tokens wasted on padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from tfclassify.planning.buckets import Bucket, expected_batches, padding_share
from tfclassify.planning.calibration import (
    BYTES_PER_COPIED_PARAMETER,
    BYTES_PER_PARAMETER,
    BYTES_PER_TRAINED_PARAMETER,
    MOST_KEPT_SHAPES,
    TRAINING_PASSES,
    Calibration,
    activations,
    bytes_to_answer,
    kept_values,
    seconds_of_step,
    seconds_to_answer,
    step_flops,
)
from tfclassify.planning.chips import CHIPS, Chip, chip_name, least_seconds
from tfclassify.planning.facts import Facts
from tfclassify.planning.presets import EncoderSize
from tfclassify.planning.statistics import cut_lengths
from tfclassify.planning.token_numbers import numbers_between
from tfclassify.planning.windows import answered_shape, encoder_shape, row_columns, training_columns
from tfclassify.settings import AUTO, Settings, TrainSettings

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
    lengths, buckets = training_columns(settings, facts), settings.train.buckets
    shapes = tuple(encoder_shape(bucket, settings.text) for bucket in buckets)
    parts, averaged = settings.train.accumulation_steps, is_averaged(settings.train)
    peak = peak_memory_bytes(shapes, facts, parts=parts, averaged=averaged, steps=planned_steps(settings, facts))
    epochs, seconds = _epochs_and_seconds(settings, facts)
    return Costs(seconds / epochs if epochs else 0.0, peak, padding_share(lengths, buckets))


def batches_of_epoch(settings: Settings, facts: Facts) -> list[tuple[int, Bucket]]:
    """Returns how many batches of each shape an epoch has."""
    return expected_batches(training_columns(settings, facts), settings.train.buckets)


def seconds_of(batches: Sequence[tuple[int, Bucket]], settings: Settings, facts: Facts) -> float:
    """Predicts the time of so many training steps of each shape."""
    train = settings.train
    return sum(
        number
        * step_seconds(
            encoder_shape(bucket, settings.text),
            facts,
            precision=train.precision,
            parts=train.accumulation_steps,
            dense=train.embedding_updates == "dense",
        )
        for number, bucket in batches
    )


def planned_steps(settings: Settings, facts: Facts) -> int:
    """Returns the training steps that are planned in all."""
    train, steps = settings.train, settings.train.epochs * _steps(batches_of_epoch(settings, facts))
    return min(steps, train.steps or steps, steps if train.scheduled_steps in (AUTO, None) else train.scheduled_steps)


def training_seconds(settings: Settings, facts: Facts) -> float:
    """Predicts the time of all steps that are planned, and of a judgement after each epoch, whole or begun."""
    epochs, seconds = _epochs_and_seconds(settings, facts)
    return seconds + ceil(epochs) * judging_seconds(settings, facts)


def _epochs_and_seconds(settings: Settings, facts: Facts) -> tuple[float, float]:
    """Returns how many epochs are planned, the last one maybe in part, and what their steps take."""
    batches, steps = batches_of_epoch(settings, facts), planned_steps(settings, facts)
    epochs = steps / max(1, _steps(batches))
    return epochs, epochs * seconds_of(batches, settings, facts) + _new_number_seconds(settings, facts, steps=steps)


def _new_number_seconds(settings: Settings, facts: Facts, *, steps: int) -> float:
    """Predicts how much longer those steps take whose numbers of tokens none had before."""
    if facts.calibration is None or facts.hardware.accelerators:
        return 0.0
    parts = settings.train.accumulation_steps
    shapes = [encoder_shape(bucket, settings.text) for bucket in settings.train.buckets]
    numbers = token_numbers([(ceil(rows / parts), length) for rows, length in shapes])
    return facts.calibration.seconds_per_shape * min(steps, numbers)


def step_seconds(bucket: Bucket, facts: Facts, *, precision: str, parts: int = 1, dense: bool = False) -> float:
    """Predicts the time of one training step of this shape; where there are accelerators, the least it can be there.

    Args:
        bucket: rows and length that the encoder gets.
        facts: with the machine and the model.
        precision: number format of the products.
        parts: in which it is computed, each of them like a batch of its own.
        dense: whether all rows of the embeddings are updated, not only those that were looked up.

    Raises:
        ValueError: a processor was not calibrated.
    """
    rows, length = bucket
    if devices := facts.hardware.accelerators:
        share = ceil(rows / len(devices)), length
        return accelerator_seconds(CHIPS[chip_name(devices[0])], facts.encoder, share, precision=precision)
    return parts * seconds_of_step(known(facts), facts.encoder, ceil(rows / parts), length, dense=dense)


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


def probed_rows(settings: Settings, facts: Facts, *, seconds: float) -> int:
    """Returns how many rows, each read in one window, the network answers in so much time."""
    return int(seconds / (answer_seconds((ROWS, settings.text.max_length), facts) / ROWS))


def epoch_seconds(settings: Settings, facts: Facts) -> float:
    """Predicts the time of an epoch before any shape is planned: batches of 32 rows of like length, in one window."""
    longest = settings.text.max_length
    most = facts.encoder.positions if longest == AUTO else min(longest, facts.encoder.positions)
    lengths = cut_lengths(facts.statistics.splits["train"].lengths, most)
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
    split, text, train = facts.statistics.splits.get("validation"), settings.text, settings.train
    if split is None:
        return 0.0
    rows, columns = train.batch_size, row_columns(split.lengths, text, most=text.windows)
    # What only fills a batch is not computed. A pass forwards is a third of a step's products, and made in one go.
    return (
        sum(
            number / rows * step_seconds(answered_shape((rows, length), text), facts, precision=train.precision)
            for length, number in enumerate(columns)
            if number and length
        )
        / TRAINING_PASSES
    )


def is_averaged(train: TrainSettings) -> bool:
    """Says whether an average of the weights is kept; where it was not planned yet, there will be none."""
    return train.average not in (AUTO, "none")


def peak_memory_bytes(
    buckets: tuple[Bucket, ...], facts: Facts, *, parts: int = 1, averaged: bool = False, steps: int = MOST_KEPT_SHAPES
) -> int:
    """Predicts the most memory that a training takes with these batch shapes, each computed in so many parts.

    Of a processor it is that of the process; of accelerators what the network takes there, in float32. An average of
    the weights takes as much as they do, and is copied for checkpoints like them; where it is judged, the weights stand
    beside it in the place of the gradients. For each number of tokens that is computed a processor keeps code, up to so
    many; there are no more of them than ``steps``.
    """
    size, calibration = facts.encoder, facts.calibration
    shapes = [(ceil(rows / parts), length) for rows, length in buckets]
    of_average = BYTES_PER_PARAMETER if averaged else 0
    parameters = (BYTES_PER_TRAINED_PARAMETER + of_average) * size.parameters
    if calibration is None:
        return int(parameters + BYTES_OF_FLOAT32 * max(activations(size, *shape) for shape in shapes))
    largest = max(kept_values(size, *shape) for shape in shapes)
    copied = (BYTES_PER_COPIED_PARAMETER + of_average) * size.parameters
    code = calibration.bytes_per_shape * min(steps, MOST_KEPT_SHAPES, token_numbers(shapes))
    return int(calibration.process_bytes + parameters + copied + code + calibration.bytes_per_value * largest)


def token_numbers(buckets: Sequence[Bucket]) -> int:
    """Returns how many numbers of tokens are computed for full batches of these shapes, by rising length."""
    before = [0, *(length for _, length in buckets[:-1])]
    return sum(
        numbers_between(rows * min(shorter + 1, length), rows * length)
        for shorter, (rows, length) in zip(before, buckets, strict=True)
    )


def known(facts: Facts) -> Calibration:
    """Returns how fast the processor is.

    Raises:
        ValueError: nobody has measured it.
    """
    if facts.calibration is None:
        raise ValueError("the machine was not calibrated")
    return facts.calibration


def _steps(batches: Sequence[tuple[int, Bucket]]) -> int:
    return sum(number for number, _ in batches)
