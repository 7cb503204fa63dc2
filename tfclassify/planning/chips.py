"""What accelerators can do at most, by their makers' data sheets, and how long a step takes there at least.

The model is a roofline: a device multiplies as fast as its peak, and moves memory as fast as its bandwidth.
Source: Williams, Waterman and Patterson, Roofline: An Insightful Visual Performance Model (2009).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tfclassify.hardware import Accelerator


@dataclass(frozen=True)
class Chip:
    """A device as TensorFlow counts them: a GPU, or a core of a TPU.

    ``flops_per_second`` are those of dense matrix products by number format; ``memory_bytes`` are its own.
    """

    kind: str
    named: tuple[str, ...]
    flops_per_second: Mapping[str, float]
    bytes_per_second: float
    memory_bytes: float
    source: str


# TensorFlow multiplies float32 as TF32 where a GPU has it, and as bfloat16 on a TPU.
CHIPS: dict[str, Chip] = {
    "T4": Chip(
        "gpu",
        ("T4",),
        {"float32": 8.1e12, "float16": 65e12},
        320e9,
        16e9,
        "NVIDIA T4 Tensor Core GPU, data sheet (2019): 8.1 TFLOPS FP32, 65 TFLOPS FP16, 320 GB/s, 16 GB",
    ),
    "A100": Chip(
        "gpu",
        ("A100",),
        {"float32": 156e12, "float16": 312e12, "bfloat16": 312e12},
        1555e9,
        40e9,
        "NVIDIA A100 Tensor Core GPU, data sheet (2020), SXM 40 GB: 156 TFLOPS TF32, 312 TFLOPS BF16, 1,555 GB/s",
    ),
    "H100": Chip(
        "gpu",
        ("H100",),
        {"float32": 494.7e12, "float16": 989.4e12, "bfloat16": 989.4e12},
        3350e9,
        80e9,
        "NVIDIA H100 Tensor Core GPU, data sheet (2023), SXM, half of what is given with sparsity: "
        "494.7 TFLOPS TF32, 989.4 TFLOPS BF16, 3.35 TB/s, 80 GB",
    ),
    "TPU v2 core": Chip(
        "tpu",
        ("v2",),
        {"float32": 23e12, "bfloat16": 23e12},
        350e9,
        8e9,
        "Norrie et al., The Design Process for Google's Training Chips: TPUv2 and TPUv3 (2021): a chip of two cores "
        "has 46 TFLOPS bfloat16, 700 GB/s, 16 GB",
    ),
    "TPU v5e": Chip(
        "tpu",
        ("v5litepod", "v5e"),
        {"float32": 197e12, "bfloat16": 197e12},
        819e9,
        16e9,
        "Google Cloud documentation, TPU v5e (2023): 197 TFLOPS bfloat16, 819 GB/s, 16 GB a chip of one core",
    ),
}
SLOWEST = {"gpu": "T4", "tpu": "TPU v2 core"}


def chip_name(accelerator: Accelerator) -> str:
    """Returns the chip that a device is, or the slowest of its kind where its name says nothing."""
    for name, chip in CHIPS.items():
        if chip.kind == accelerator.kind and any(word in accelerator.name for word in chip.named):
            return name
    return SLOWEST[accelerator.kind]


def peak(chip: Chip, precision: str) -> float:
    """Returns the products of a number format, per second; of float32 where the chip has no others."""
    return chip.flops_per_second.get(precision, chip.flops_per_second["float32"])


def least_seconds(chip: Chip, *, flops: float, bytes_moved: float, precision: str) -> float:
    """Returns how long a device takes where nothing is done while memory moves, and the other way round.

    Products and what is between them follow one another in a step, so that the times add up.
    """
    return flops / peak(chip, precision) + bytes_moved / chip.bytes_per_second
