"""What a batch costs: some seconds to begin with, and some for every byte that it is padded to."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

REMEMBERED_BATCHES = 50
LEAST_SAMPLES = 5
# A clock that does not move between two looks would make a model cost nothing.
LEAST_SECONDS = 1e-6
# A fit says something about the slope only where sizes differ; noise would decide between sizes that are alike.
LEAST_SPREAD = 1.5
# Batches further off the line than so many times the median are those that another process held up.
HELD_UP = 5
# Bounds of the share of a mean batch that is the beginning: neither part may vanish by noise, or batches would
# become single rows, or padding free.
LEAST_FIXED, GREATEST_FIXED = 0.02, 0.95


@dataclass(frozen=True)
class Cost:
    """``seconds = fixed_seconds + seconds_per_byte * rows * bytes of the longest row``."""

    fixed_seconds: float
    seconds_per_byte: float

    def of(self, padded_bytes: Any) -> Any:
        """Returns the seconds of a batch of this many bytes with padding, or of each of an array of them."""
        return self.fixed_seconds + self.seconds_per_byte * padded_bytes


# A small encoder on two cores; of a model not yet measured only the ratio of the two matters.
UNMEASURED = Cost(fixed_seconds=0.003, seconds_per_byte=2e-5)


@dataclass
class Measured:
    """What the last batches cost, and what the next is believed to cost."""

    padded_bytes: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED_BATCHES))
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED_BATCHES))
    cost: Cost = UNMEASURED

    def add(self, padded_bytes: float, seconds: float) -> None:
        """Learns from a batch."""
        self.padded_bytes.append(padded_bytes)
        self.seconds.append(seconds)
        self.cost = fitted(self.padded_bytes, self.seconds, self.cost)


def fitted(padded_bytes: Sequence[float], seconds: Sequence[float], known: Cost) -> Cost:
    """Fits the cost of the batches that ran last, by least squares, without those that something else held up.

    Args:
        padded_bytes: of each batch, all above 0.
        seconds: of each batch.
        known: the cost believed so far; where the sizes are too few or too alike to tell the two parts apart, their
            ratio is kept and only their sum is brought to what was measured.
    """
    if not seconds:
        return known
    sizes, times = np.asarray(padded_bytes, np.float64), np.maximum(seconds, LEAST_SECONDS)
    if len(sizes) < LEAST_SAMPLES or sizes.max() < LEAST_SPREAD * sizes.min():
        factor = float(np.median(times)) / known.of(float(np.median(sizes)))
        return Cost(known.fixed_seconds * factor, known.seconds_per_byte * factor)
    cost = _least_squares(sizes, times)
    off = np.abs(times - cost.of(sizes))
    kept = off <= HELD_UP * np.median(off)
    if kept.all() or kept.sum() < LEAST_SAMPLES or sizes[kept].max() < LEAST_SPREAD * sizes[kept].min():
        return cost
    return _least_squares(sizes[kept], times[kept])


def _least_squares(sizes: NDArray[np.float64], times: NDArray[np.float64]) -> Cost:
    mean_size, mean_time = float(sizes.mean()), float(times.mean())
    away = sizes - mean_size
    slope = float(away @ (times - mean_time) / (away @ away))
    fixed = float(np.clip(mean_time - slope * mean_size, LEAST_FIXED * mean_time, GREATEST_FIXED * mean_time))
    return Cost(fixed, (mean_time - fixed) / mean_size)
