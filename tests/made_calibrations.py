"""What a machine was measured to be, by hand: so that no test has to measure one."""

from __future__ import annotations

import time
from pathlib import Path

from tfclassify.hardware import Hardware, usable_cores
from tfclassify.learning.calibrations import calibration_file
from tfclassify.planning.calibration import Calibration, Paces, plain
from tfclassify.runs import write_json

TRAINING = Paces(per_pass=0.029, per_flop=5e-12, per_value=2.5e-9, per_parameter=4e-9)
ANSWERING = Paces(per_pass=0.004, per_flop=2e-12, per_value=5e-10, per_parameter=1e-10)


def made_calibration(
    precision: str = "float32", *, training: Paces = TRAINING, answering: Paces = ANSWERING, written: float = 0.0
) -> Calibration:
    return Calibration(
        precision=precision,
        training=training,
        answering=answering,
        process_bytes=1_200_000_000,
        bytes_per_value=3.5,
        bytes_per_shape=6e6,
        seconds_per_shape=0.0,
        busy_share=0.0,
        written=written,
        seconds=12.0,
    )


def write_calibrations(cache: Path) -> None:
    """Writes those of this machine, in every number format, into a cache."""
    hardware = Hardware(cores=usable_cores(), memory_bytes=0)
    for precision in ("float32", "bfloat16", "float16"):
        file = calibration_file(hardware, precision, cache=cache)
        write_json(file, plain(made_calibration(precision, written=time.time())))
