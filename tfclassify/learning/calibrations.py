"""The calibration of this machine: the one in the cache, or a new one, which a process of its own measures."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
from filelock import FileLock

from tfclassify.display import Display
from tfclassify.errors import UsageError
from tfclassify.hardware import Hardware, cpu_model
from tfclassify.planning.calibration import CALIBRATING_SECONDS, Calibration, calibration_of, outdated, overtime
from tfclassify.runs import versions

PACKAGES = ("tfclassify", "tensorflow", "tf-keras", "transformers")
# A training has all of this in memory before it has a network.
CODE = (
    "import sys, tfclassify.learning.training; "
    "from tfclassify.learning.calibrating import write_calibration as write; write(*sys.argv[1:])"
)
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_USE_LEGACY_KERAS": "1", "TRANSFORMERS_VERBOSITY": "error"}
MOST_SECONDS = 600.0


def calibration_for(
    hardware: Hardware, precision: str, *, cache: Path, renew: bool, display: Display
) -> Calibration | None:
    """Returns how fast this machine is; where that is not known yet, it is measured.

    That takes up to ``CALIBRATING_SECONDS`` where nothing else runs; what took longer says so.

    Args:
        hardware: the machine; accelerators are not measured but taken for what their makers say.
        precision: number format of the training steps.
        cache: folder of what can be made again.
        renew: whether to measure again what is old, was measured beside other programs, or when the machine was
            faster or slower than now.
        display: is told when it is measured, and why.

    Raises:
        UsageError: it cannot be measured, and was never before.
    """
    if hardware.accelerators:
        return None
    file = calibration_file(hardware, precision, cache=cache)
    file.parent.mkdir(parents=True, exist_ok=True)
    # Processes that begin together measure one after the other, and the second one finds what it needs.
    with FileLock(file.with_suffix(".lock")):
        known = read_calibration(file)
        why = _why(known, hardware, renew=renew)
        if why is None:
            return known
        most = f"up to {CALIBRATING_SECONDS:.0f} seconds where nothing else runs"
        display.say(f"calibrating the cost model on this machine, which takes {most}: {why}")
        try:
            _measure(file, precision)
        except UsageError as error:
            if known is None:
                raise
            display.say(f"{error}; costs are predicted by the calibration before it")
            return known
        found = read_calibration(file)
        if found is not None and (told := overtime(found)):
            display.say(told)
        return found


def calibration_file(hardware: Hardware, precision: str, *, cache: Path) -> Path:
    """Returns where the calibration of such a machine is kept, with these versions and in this number format."""
    found = versions()
    facts = {
        "processor": cpu_model(),
        "cores": hardware.cores,
        "memory_gigabytes": round(psutil.virtual_memory().total / 2**30),
        "precision": precision,
        **{package: found[package] for package in PACKAGES},
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return cache / "calibrations" / f"{digest[:16]}.json"


def read_calibration(file: Path) -> Calibration | None:
    """Reads a calibration; None where there is none, or none of this version."""
    try:
        return calibration_of(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def _why(known: Calibration | None, hardware: Hardware, *, renew: bool) -> str | None:
    if known is None:
        return "it was not measured yet"
    if not renew:
        return None
    return outdated(known, now=time.time(), flops_per_second=hardware.matmul_flops_per_second)


def _measure(file: Path, precision: str) -> None:
    package = str(Path(__file__).parents[2])
    kept = {name: value for name, value in os.environ.items() if name != "TF_CONFIG"}
    path = os.pathsep.join(filter(None, (package, kept.get("PYTHONPATH"))))
    words = [sys.executable, "-c", CODE, str(file), precision]
    try:
        subprocess.run(
            words, env={**kept, **QUIET, "PYTHONPATH": path}, capture_output=True, check=True, timeout=MOST_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"this machine took more than {MOST_SECONDS:.0f} seconds to be calibrated; free it") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip().splitlines() or ["it said nothing"]
        raise UsageError(f"this machine could not be calibrated: {said[-1]}") from error
