"""What a batch costs: some seconds to begin with, and some for every byte that it is padded to."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

REMEMBERED_BATCHES = 50
LEAST_SAMPLES = 5
# A clock that does not move between two looks would make a model cost nothing.
LEAST_SECONDS = 1e-6
# A fit says something about the slope only where sizes differ; noise would decide between sizes that are alike.
LEAST_SPREAD = 1.5
# Bounds of the share of a mean batch that is the beginning: neither part may vanish by noise, or batches would
# become single rows, or padding free.
LEAST_FIXED, GREATEST_FIXED = 0.02, 0.95


@dataclass(frozen=True)
class Cost:
    """``seconds = fixed_seconds + seconds_per_byte * rows * bytes of the longest row``."""

    fixed_seconds: float
    seconds_per_byte: float

    def of(self, padded_bytes: float) -> float:
        """Returns the seconds of a batch of this many bytes with padding."""
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
    """Fits the cost of the batches that ran last, by least squares.

    Args:
        padded_bytes: of each batch, all above 0.
        seconds: of each batch.
        known: the cost believed so far; where the sizes are too few or too alike to tell the two parts apart, their
            ratio is kept and only their sum is brought to what was measured.
    """
    if not seconds:
        return known
    sizes, times = np.asarray(padded_bytes, np.float64), np.maximum(seconds, LEAST_SECONDS)
    mean_size, mean_time = float(sizes.mean()), float(times.mean())
    if len(sizes) < LEAST_SAMPLES or sizes.max() < LEAST_SPREAD * sizes.min():
        factor = mean_time / known.of(mean_size)
        return Cost(known.fixed_seconds * factor, known.seconds_per_byte * factor)
    away = sizes - mean_size
    slope = float(away @ (times - mean_time) / (away @ away))
    fixed = float(np.clip(mean_time - slope * mean_size, LEAST_FIXED * mean_time, GREATEST_FIXED * mean_time))
    return Cost(fixed, (mean_time - fixed) / mean_size)
