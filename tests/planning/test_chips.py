"""Accelerators by their data sheets: each is found by its name, and says where its numbers are from."""

from __future__ import annotations

import pytest

from tfclassify.hardware import Accelerator
from tfclassify.planning.chips import CHIPS, SLOWEST, chip_name, least_seconds, peak


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("gpu", "Tesla T4", "T4"),
        ("gpu", "NVIDIA A100-SXM4-40GB", "A100"),
        ("gpu", "NVIDIA H100 80GB HBM3", "H100"),
        ("gpu", "", "T4"),
        ("gpu", "NVIDIA GeForce of next year", "T4"),
        ("tpu", "v2-8", "TPU v2 core"),
        ("tpu", "v5litepod-8", "TPU v5e"),
        ("tpu", "", "TPU v2 core"),
    ],
)
def test_a_chip_is_found_by_what_its_driver_calls_it(kind: str, name: str, expected: str) -> None:
    assert chip_name(Accelerator(kind, True, name)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CHIPS)
def test_every_chip_says_where_its_numbers_are_from(name: str) -> None:
    chip = CHIPS[name]
    assert "(20" in chip.source
    assert chip.bytes_per_second > 1e11
    assert set(chip.flops_per_second) <= {"float32", "float16", "bfloat16"}


@pytest.mark.parametrize("kind", SLOWEST)
def test_what_is_not_known_is_taken_for_the_slowest(kind: str) -> None:
    own = {name: chip for name, chip in CHIPS.items() if chip.kind == kind}
    assert min(own, key=lambda name: own[name].bytes_per_second) == SLOWEST[kind]


def test_products_and_memory_follow_one_another() -> None:
    chip = CHIPS["T4"]
    assert least_seconds(chip, flops=65e12, bytes_moved=320e9, precision="float16") == pytest.approx(2.0)
    # It has no bfloat16.
    assert peak(chip, "bfloat16") == peak(chip, "float32") == 8.1e12
