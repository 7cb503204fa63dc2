"""How fast this machine is: what was measured on it, and how that predicts the time and the memory of other shapes.

The shape of the model is that of the work: a step begins, multiplies matrices, moves the values between them and
updates parameters, and the times of these add up. What each of them takes is measured and nothing is built in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from tfclassify.planning.presets import EncoderSize

# A forward and a backward pass: one product forwards and two backwards, a multiplication and an addition each.
FLOPS_PER_PARAMETER_AND_TOKEN = 6
TRAINING_PASSES = 3
# Weights, gradients and two moments in float32; where a network only answers, the weights alone.
BYTES_PER_TRAINED_PARAMETER, BYTES_PER_PARAMETER = 16, 4
# What a checkpoint is written from in the background: a copy of the weights and the moments.
BYTES_PER_COPIED_PARAMETER = 12
# For how many numbers of tokens TensorFlow keeps the code that it makes for each of them: its processor kernels keep
# 1,024 of their operations, and a step has ten or so that differ, whatever the network.
MOST_KEPT_SHAPES = 100

# What calibrating takes at most where nothing else runs.
CALIBRATING_SECONDS = 20.0
FRESH_SECONDS, OLDEST_SECONDS, BUSIEST_SHARE, SPEED_APART = 600.0, 24 * 3600.0, 0.2, 0.2


@dataclass(frozen=True)
class Paces:
    """What parts of a pass take, in seconds: none of them is negative."""

    per_pass: float
    per_flop: float
    per_value: float
    per_parameter: float


@dataclass(frozen=True)
class Calibration:
    """What was measured on a machine.

    ``training`` is of a training step in the number format ``precision``, ``answering`` of a pass without dropout in
    float32, as a SavedModel makes it. ``process_bytes`` are those of a process without a network, ``bytes_per_value``
    those of a value that a layer keeps for the way back, ``bytes_per_shape`` those of the code that is made for each
    number of tokens that batches have, and ``seconds_per_shape`` what a training step takes longer where it is made.
    ``busy_share`` is the part of the processor that other programs had meanwhile;
    ``written`` the time in seconds since 1970, ``seconds`` how long it took.
    """

    precision: str
    training: Paces
    answering: Paces
    process_bytes: int
    bytes_per_value: float
    bytes_per_shape: float
    seconds_per_shape: float
    busy_share: float
    written: float
    seconds: float
    matmul_flops_per_second: float | None = None


@dataclass(frozen=True)
class Timed:
    """The seconds that a pass of [rows, length] tokens through a network of this size took."""

    size: EncoderSize
    rows: int
    length: int
    seconds: float


def step_flops(size: EncoderSize, rows: int, length: int) -> float:
    """Returns the floating-point operations of the matrix products of one training step."""
    tokens = rows * length
    attention = 2 * size.layers * length * size.width
    return FLOPS_PER_PARAMETER_AND_TOKEN * tokens * float(size.layer_parameters + attention)


def activations(size: EncoderSize, rows: int, length: int, *, per_score: int = 3) -> float:
    """Returns the values that the layers hand on: vectors of each width, and ``per_score`` for each attention score."""
    per_token = 8 * size.width + 2 * size.intermediate + per_score * size.heads * length
    return float(rows * length * size.layers * per_token)


def layers_on_processor(size: EncoderSize) -> float:
    """Returns how many layers a processor computes of this network.

    Of the last one it computes the keys and contents of all tokens, and the rest for [CLS] alone, which is all that is
    read; on accelerators all layers are computed.
    """
    return size.layers - 1 + 2 * size.width / (4 * size.width + 2 * size.intermediate)


def kept_values(size: EncoderSize, rows: int, length: int) -> float:
    """Returns the values of :func:`activations` that a processor computes, and keeps for the way back.

    Its attention is one operation, which keeps shares and which of them were dropped in the type of the products.
    """
    return activations(size, rows, length, per_score=1) * layers_on_processor(size) / size.layers


def seconds_of_step(
    calibration: Calibration, size: EncoderSize, rows: int, length: int, *, dense: bool = False
) -> float:
    """Predicts the time of one training step of this shape, which updates all embeddings where they are ``dense``."""
    further = size.embedding_parameters * calibration.training.per_parameter if dense else 0.0
    return _seconds(calibration.training, size, rows, length) + further


def seconds_to_answer(calibration: Calibration, size: EncoderSize, rows: int, length: int) -> float:
    """Predicts how long the network takes for a batch of so many texts of this length, in float32."""
    return _seconds(calibration.answering, size, rows, length)


def bytes_to_answer(calibration: Calibration, size: EncoderSize, rows: int, length: int) -> int:
    """Predicts the memory of a process that answers batches of this shape; of the values it keeps one layer's."""
    values = activations(size, rows, length) / size.layers
    return int(calibration.process_bytes + BYTES_PER_PARAMETER * size.parameters + calibration.bytes_per_value * values)


def fitted(timed: Sequence[Timed]) -> Paces:
    """Returns the paces, none of them negative, whose predictions are nearest to what was measured, by relative error.

    Source: Lawson and Hanson, Solving Least Squares Problems (1974), for the method.
    """
    from scipy.optimize import nnls

    terms = np.array([_terms(each.size, each.rows, each.length) for each in timed])
    seconds = np.array([each.seconds for each in timed])
    # The terms are of very different sizes, which a solver's tolerance would not see through.
    scale = terms.max(axis=0)
    found, _ = nnls(terms / scale / seconds[:, None], np.ones(len(timed)))
    return Paces(*(float(value) for value in found / scale))


def outdated(calibration: Calibration, *, now: float, flops_per_second: float | None) -> str | None:
    """Says why a machine should be measured again before it is planned for; None if it need not be.

    Args:
        calibration: what was measured.
        now: the time in seconds since 1970.
        flops_per_second: how fast the machine multiplies now.
    """
    age, busy = now - calibration.written, calibration.busy_share
    # Trainings one after the other, or beside each other, would else all measure anew what they disturb themselves.
    if 0 <= age <= FRESH_SECONDS:
        return None
    if not 0 <= age <= OLDEST_SECONDS:
        return f"that was {age / 3600:.0f} hours ago"
    if busy > BUSIEST_SHARE:
        return f"other programs had {busy:.0%} of the processor then"
    before = calibration.matmul_flops_per_second
    if before and flops_per_second and abs(flops_per_second / before - 1) > SPEED_APART:
        return f"it multiplies at {flops_per_second / 1e9:.0f} GFLOP/s now, and at {before / 1e9:.0f} then"
    return None


def overtime(calibration: Calibration) -> str | None:
    """Says how long calibrating took where that was too long, and why; None where it was not."""
    seconds, busy = calibration.seconds, calibration.busy_share
    if seconds <= CALIBRATING_SECONDS:
        return None
    why = "this machine is a slow one" if busy <= BUSIEST_SHARE else f"other programs had {busy:.0%} of the processor"
    return f"calibrating took {seconds:.0f} seconds, not up to {CALIBRATING_SECONDS:.0f}: {why}"


def calibration_of(values: Mapping[str, Any]) -> Calibration:
    """Makes a calibration of plain values, such as a file of JSON holds.

    Raises:
        ValueError: they are of another version.
    """
    known = {field.name for field in fields(Calibration)}
    paces = {name: values.get(name) for name in ("training", "answering")}
    if values.keys() != known or any(set(each or ()) != {f.name for f in fields(Paces)} for each in paces.values()):
        raise ValueError("a calibration of another version")
    return Calibration(**{**values, **{name: Paces(**each) for name, each in paces.items() if each}})


def plain(calibration: Calibration) -> dict[str, Any]:
    """Returns a calibration as values of JSON."""
    return asdict(calibration)


def _seconds(paces: Paces, size: EncoderSize, rows: int, length: int) -> float:
    each = (paces.per_pass, paces.per_flop, paces.per_value, paces.per_parameter)
    return sum(pace * term for pace, term in zip(each, _terms(size, rows, length), strict=True))


def _terms(size: EncoderSize, rows: int, length: int) -> tuple[float, ...]:
    """Returns of what there is how much, in the order of :class:`Paces`.

    The factor between a pass forwards and a whole step is part of the pace.
    """
    flops = step_flops(size, rows, length) * layers_on_processor(size) / size.layers
    return 1.0, flops, kept_values(size, rows, length), float(size.layer_parameters)
