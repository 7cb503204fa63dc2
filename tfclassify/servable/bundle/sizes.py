"""What a server of this model needs of a machine: memory, cores, batching, how long an answer may take."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tfclassify.servable.bundle.facts import BundleFacts

MEBIBYTE = 2**20
# The process before any model, and each version: its files read, and weights laid out anew for the kernels.
PROCESS_BYTES, COPIES = 640 * MEBIBYTE, 2.5
MEMORY_STEP = 128 * MEBIBYTE
CORES = ((60e6, 1), (200e6, 2), (math.inf, 4))
LONGEST_QUEUE_SECONDS = 1.0
MOST_ENQUEUED = 100
WAIT_SHARE, LONGEST_WAIT_MICROS, UNMEASURED_WAIT_MICROS = 0.25, 10_000, 1_000
# Edges of the buckets of tfclassify_request_duration_seconds: a quantile is only known between two of them.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SLOW_BATCHES, UNMEASURED_SLOW_SECONDS = 8.0, 0.5


@dataclass(frozen=True)
class Needs:
    """What to ask for, and what to expect.

    Attributes:
        memory_bytes: of a container, asked for and the limit.
        cores: whole ones; as many batches run at a time.
        wait_micros: how long a batch waits for more rows.
        enqueued_batches: how many may wait before requests are refused.
        slow_seconds: a 99th percentile above this is worth an alert.
    """

    memory_bytes: int
    cores: int
    wait_micros: int
    enqueued_batches: int
    slow_seconds: float


def needs_of(facts: BundleFacts, *, versions: int) -> Needs:
    """Sizes a server.

    Args:
        facts: of the newest version.
        versions: how many are loaded at a time.
    """
    cores = next(cores for most, cores in CORES if facts.parameters <= most)
    largest = _largest_batch_seconds(facts)
    return Needs(
        memory_bytes=_memory(facts, versions),
        cores=cores,
        wait_micros=_wait(facts),
        enqueued_batches=_enqueued(largest, cores),
        slow_seconds=UNMEASURED_SLOW_SECONDS if largest is None else _bucket(SLOW_BATCHES * largest),
    )


def _memory(facts: BundleFacts, versions: int) -> int:
    each = COPIES * facts.size_bytes
    first = PROCESS_BYTES + each if facts.memory_bytes is None else float(facts.memory_bytes)
    return math.ceil((first + (versions - 1) * each) / MEMORY_STEP) * MEMORY_STEP


def _largest_batch_seconds(facts: BundleFacts) -> float | None:
    measured = facts.seconds_per_batch
    return measured[max(measured)] if measured else None


def _wait(facts: BundleFacts) -> int:
    """Returns a part of what the smallest batch takes: a wait longer than the work it saves gains nothing."""
    measured = facts.seconds_per_batch
    if not measured:
        return UNMEASURED_WAIT_MICROS
    return min(LONGEST_WAIT_MICROS, round(WAIT_SHARE * 1e6 * measured[min(measured)]))


def _enqueued(largest: float | None, cores: int) -> int:
    """Returns how many batches the cores finish in a second, for what waits longer is better sent elsewhere."""
    if not largest:
        return MOST_ENQUEUED
    return max(cores, min(MOST_ENQUEUED, math.floor(cores * LONGEST_QUEUE_SECONDS / largest)))


def _bucket(seconds: float) -> float:
    return next((edge for edge in BUCKETS if edge >= max(seconds, BUCKETS[2])), BUCKETS[-2])
