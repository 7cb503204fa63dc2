"""Facts by hand: a data set, a machine and a model as plain numbers, each of which a test may replace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from made_calibrations import made_calibration

from tfclassify.hardware import Accelerator, Hardware
from tfclassify.planning.calibration import Calibration
from tfclassify.planning.facts import Facts
from tfclassify.planning.presets import PRESETS, EncoderSize
from tfclassify.planning.statistics import SplitStatistics, Statistics

CPU = Hardware(cores=2, memory_bytes=8 << 30, matmul_flops_per_second=100e9)
GPU = Accelerator("gpu", True)
OLD_GPU = Accelerator("gpu", False)
TPU_CORE = Accelerator("tpu", True)
NO_COLUMNS: Mapping[str, tuple[Any, str]] = {
    "data.text": ("text", "the column 'text' is there"),
    "data.text_b": (None, "there is no column 'text_b'"),
    "data.label": ("label", "the column 'label' is there"),
    "data.labels": (None, "the labels are in the column 'label'"),
    "data.id": (None, "there is no column 'id'"),
}


def machine(*accelerators: Accelerator, bfloat16: bool = False, flops: float | None = 100e9) -> Hardware:
    return Hardware(2, 8 << 30, cpu_bfloat16=bfloat16, matmul_flops_per_second=flops, accelerators=accelerators)


def split(
    counts: Mapping[str, int], *, lengths: Sequence[int] | None = None, rows: int | None = None
) -> SplitStatistics:
    """Counts of a split; ``lengths`` is the histogram, by default 10 tokens in every row."""
    rows = sum(counts.values()) if rows is None else rows
    histogram = tuple(lengths) if lengths is not None else (*[0] * 10, rows)
    tokens = sum(length * number for length, number in enumerate(histogram))
    return SplitStatistics(rows, counts, histogram, tokens, 0, 0, 0)


def facts(
    counts: Mapping[str, int] | None = None,
    *,
    lengths: Sequence[int] | None = None,
    rows: int | None = None,
    validation: int | None = 100,
    multilabel: bool = False,
    pairs: bool = False,
    hardware: Hardware = CPU,
    encoder: EncoderSize = PRESETS["minilm"].size,
    lower_case: bool = True,
    columns: Mapping[str, tuple[Any, str]] = NO_COLUMNS,
    calibration: Calibration | None = None,
    scripts: Mapping[str, float] | None = None,
) -> Facts:
    """Facts of a data set with these training rows by label, 500 of each of two by default."""
    counts = {"a": 500, "b": 500} if counts is None else counts
    splits = {"train": split(counts, lengths=lengths, rows=rows)}
    if validation is not None:
        splits["validation"] = split({**dict.fromkeys(counts, 0), next(iter(counts)): validation})
    statistics = Statistics(splits, tuple(counts), multilabel, pairs, {})
    calibration = calibration or made_calibration()
    return Facts(statistics, hardware, encoder, lower_case, columns, calibration, scripts or {})
