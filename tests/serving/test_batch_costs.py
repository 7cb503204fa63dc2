"""What a batch costs, fitted to what was measured."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.serving.batch_costs import UNMEASURED, Cost, Measured, fitted


def test_both_parts_are_found():
    sizes = [100, 400, 900, 2000, 3000, 5000]
    cost = fitted(sizes, [0.004 + 1e-5 * size for size in sizes], UNMEASURED)
    assert cost.fixed_seconds == pytest.approx(0.004)
    assert cost.seconds_per_byte == pytest.approx(1e-5)
    assert cost.of(1000) == pytest.approx(0.014)


def test_noise_is_evened_out():
    random, measured = Random(0), Measured()
    for _ in range(50):
        size = random.randint(50, 5000)
        measured.add(size, (0.004 + 1e-5 * size) * random.uniform(0.8, 1.25))
    assert measured.cost.seconds_per_byte == pytest.approx(1e-5, rel=0.2)
    assert measured.cost.of(2500) == pytest.approx(0.029, rel=0.1)


def test_a_batch_that_was_held_up_says_nothing():
    random, measured = Random(0), Measured()
    for number in range(50):
        size = random.randint(50, 5000)
        measured.add(size, (0.004 + 1e-5 * size) * random.uniform(0.97, 1.03) + 0.5 * (number in (20, 40)))
    assert measured.cost.fixed_seconds == pytest.approx(0.004, rel=0.2)
    assert measured.cost.seconds_per_byte == pytest.approx(1e-5, rel=0.05)


def test_sizes_that_are_alike_only_scale_what_is_known():
    cost = fitted([1000] * 20, [0.05] * 20, Cost(0.01, 1e-5))
    assert cost == Cost(pytest.approx(0.025), pytest.approx(2.5e-5))
    assert fitted([], [], UNMEASURED) == UNMEASURED
    assert 0 < fitted([100], [0.0], UNMEASURED).of(100) <= 1e-5


def test_old_batches_are_forgotten():
    measured = Measured()
    for speed in (1e-3, 1e-5):
        for number in range(60):
            measured.add(100 * (1 + number % 7), 0.001 + speed * 100 * (1 + number % 7))
    assert measured.cost.seconds_per_byte == pytest.approx(1e-5)


@given(st.lists(st.tuples(st.floats(1, 1e6), st.floats(0, 100)), min_size=1, max_size=60))
def test_no_part_vanishes_whatever_is_measured(batches):
    measured = Measured()
    for size, seconds in batches:
        measured.add(size, seconds)
        assert measured.cost.fixed_seconds > 0
        assert measured.cost.seconds_per_byte > 0
