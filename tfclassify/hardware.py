"""What the machine can do, as plain data: cores, memory, accelerators, and how fast it multiplies matrices."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from math import ceil
from pathlib import Path
from typing import Literal

import numpy as np
import psutil

from tfclassify.errors import UsageError

CPU_FLAGS = Path("/proc/cpuinfo")
CPU_QUOTAS = (
    (Path("/sys/fs/cgroup/cpu.max"),),
    (Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")),
)
CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
BFLOAT16_FLAGS = ("avx512_bf16", "amx_bf16")


@dataclass(frozen=True)
class Accelerator:
    """A device beside the CPU: a GPU, or a core of a TPU; ``name`` is what its driver calls it."""

    kind: Literal["gpu", "tpu"]
    bfloat16: bool
    name: str = ""


@dataclass(frozen=True)
class Hardware:
    """The machine as planning sees it.

    ``matmul_flops_per_second`` is what all cores together reach in float32; None where it was not measured.
    """

    cores: int
    memory_bytes: int
    cpu_bfloat16: bool = False
    matmul_flops_per_second: float | None = None
    accelerators: tuple[Accelerator, ...] = ()


def detect_cpu() -> Hardware:
    """Looks at this machine's processor and memory; takes a third of a second for the speed of its cores."""
    return Hardware(
        cores=usable_cores(),
        memory_bytes=usable_memory_bytes(),
        cpu_bfloat16=multiplies_bfloat16(),
        matmul_flops_per_second=measure_matmul(),
    )


def usable_cores() -> int:
    """Returns the cores that this process may run on, which a container or a batch system may have limited.

    A container's share of the machine's time counts as so many whole cores, rounded up.
    """
    free = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([free, *filter(None, map(_quota_cores, CPU_QUOTAS))])


def usable_memory_bytes() -> int:
    """Returns the memory that is free for this process: the machine's, or the container's limit if that is lower."""
    free = psutil.virtual_memory().available
    return min([free, *filter(None, map(_limit_bytes, CGROUP_LIMITS))])


@cache
def measure_matmul(*, size: int = 768, bursts: int = 6, seconds: float = 0.03, pause: float = 0.02) -> float:
    """Returns floating-point operations per second of a float32 product of two ``size`` x ``size`` matrices.

    The fastest product of several bursts of so many seconds: others are slower because of what else the machine was
    doing. Between two bursts is a pause, in which threads that share a core are dealt out anew. Measured once per
    process.
    """
    left = np.ones((size, size), np.float32)
    out = np.empty_like(left)
    taken: list[float] = []
    for _ in range(bursts):
        time.sleep(pause)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            begun = time.perf_counter()
            np.matmul(left, left, out=out)
            taken.append(time.perf_counter() - begun)
    return 2.0 * size**3 / min(taken)


def cpu_model(flags: Path = CPU_FLAGS) -> str:
    """Returns what the maker calls the processor, as far as the system tells."""
    lines = flags.read_text(encoding="utf-8", errors="ignore").splitlines() if flags.is_file() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def multiplies_bfloat16(flags: Path = CPU_FLAGS) -> bool:
    """Says whether the processor has instructions for products of bfloat16."""
    if not flags.is_file():
        return False
    words = set(flags.read_text(encoding="ascii", errors="ignore").split())
    return any(flag in words for flag in BFLOAT16_FLAGS)


def check_processor(precision: str | None) -> None:
    """Refuses a number format that the processor does not multiply.

    Raises:
        UsageError: it is bfloat16, and the processor has no instructions for it.
    """
    if precision == "bfloat16" and not multiplies_bfloat16():
        raise UsageError("precision is 'bfloat16', which this processor does not multiply; expected float32 here")


def _quota_cores(paths: Sequence[Path]) -> int | None:
    """Reads the processor time that there is in a period, and the period; a file may hold both."""
    words = " ".join(path.read_text(encoding="ascii") for path in paths if path.is_file()).split()
    # Without a limit the quota is "max", or -1.
    if len(words) != 2 or not all(map(str.isdigit, words)):
        return None
    quota, period = map(int, words)
    return ceil(quota / period)


def _limit_bytes(path: Path) -> int | None:
    if not path.is_file():
        return None
    text = path.read_text(encoding="ascii").strip()
    return int(text) if text.isdigit() else None


def reset_peak_memory() -> None:
    """Forgets the process's highest memory use, where the system can (Linux)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_memory_bytes() -> int:
    """Returns the highest resident memory of this process since it was last reset, or since it began."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    memory = psutil.Process().memory_info()
    return int(getattr(memory, "peak_wset", memory.rss))


def seconds_since_start() -> float:
    """Returns how long this process has been running."""
    return time.time() - psutil.Process().create_time()
