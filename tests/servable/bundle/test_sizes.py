"""What is asked of a machine follows what was measured."""

from __future__ import annotations

import pytest
from made_bundles import facts

from tfclassify.servable.bundle.sizes import BUCKETS, MEBIBYTE, MEMORY_STEP, needs_of


def test_memory_grows_with_the_model_and_with_the_versions() -> None:
    small, large = (needs_of(facts(size_bytes=size), versions=1).memory_bytes for size in (10**7, 10**9))
    two = needs_of(facts(size_bytes=10**9), versions=2).memory_bytes
    assert 640 * MEBIBYTE < small < large < two
    assert large - small == pytest.approx(2.5 * 0.99e9, abs=MEMORY_STEP)
    assert all(each % MEMORY_STEP == 0 for each in (small, large, two))


def test_a_measured_memory_is_taken_for_the_first_version() -> None:
    measured = 900 * MEBIBYTE
    assert needs_of(facts(memory_bytes=measured), versions=1).memory_bytes == 1024 * MEBIBYTE
    assert needs_of(facts(memory_bytes=measured, size_bytes=100 * MEBIBYTE), versions=2).memory_bytes == 1152 * MEBIBYTE


@pytest.mark.parametrize(("parameters", "cores"), [(4e6, 1), (22.7e6, 1), (110e6, 2), (340e6, 4)])
def test_larger_models_get_more_cores(parameters: float, cores: int) -> None:
    assert needs_of(facts(parameters=int(parameters)), versions=1).cores == cores


def test_without_a_measurement_batching_is_careful() -> None:
    needs = needs_of(facts(), versions=1)
    assert (needs.wait_micros, needs.enqueued_batches, needs.slow_seconds) == (1000, 100, 0.5)


def test_a_batch_waits_a_quarter_of_its_work_and_a_queue_a_second() -> None:
    needs = needs_of(facts(seconds_per_batch={1: 0.008, 32: 0.1}), versions=1)
    assert (needs.wait_micros, needs.enqueued_batches, needs.slow_seconds) == (2000, 10, 1.0)
    slow = needs_of(facts(seconds_per_batch={1: 1.0, 32: 30.0}), versions=1)
    assert (slow.wait_micros, slow.enqueued_batches, slow.slow_seconds) == (10_000, 1, 5.0)
    quick = needs_of(facts(seconds_per_batch={1: 1e-5}), versions=1)
    assert (quick.wait_micros, quick.enqueued_batches, quick.slow_seconds) == (2, 100, BUCKETS[2])
