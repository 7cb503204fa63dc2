"""What is said of the machine, against the machine and against files as other machines have them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from tfclassify import hardware
from tfclassify.hardware import (
    detect_cpu,
    measure_matmul,
    peak_memory_bytes,
    reset_peak_memory,
    seconds_since_start,
    usable_cores,
    usable_memory_bytes,
)

LINUX = pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="the system keeps no such file")


def test_the_machine() -> None:
    found = detect_cpu()
    assert found.cores == usable_cores()
    assert 1 <= found.cores <= (os.cpu_count() or 1)
    assert 0 < found.memory_bytes <= psutil.virtual_memory().total
    assert found.matmul_flops_per_second == measure_matmul()
    assert found.accelerators == ()


def test_the_speed_of_products_is_measured_once_and_is_a_speed() -> None:
    speed = measure_matmul()
    begun = time.thread_time()
    assert measure_matmul() == speed
    assert time.thread_time() - begun < 0.01
    # From a small board to a large server.
    assert 1e8 < speed < 1e14


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor : 0\nflags\t\t: fpu avx512_bf16 sse\n", True),
        ("flags : amx_bf16\n", True),
        ("flags : avx512f avx512_bf16x not_amx_bf16\n", False),
        ("", False),
    ],
)
def test_products_of_bfloat16(tmp_path: Path, text: str, expected: bool) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    assert hardware.multiplies_bfloat16(tmp_path / "cpuinfo") is expected


def test_no_file_of_the_processor() -> None:
    assert hardware.multiplies_bfloat16(Path("nowhere") / "cpuinfo") is False


@pytest.mark.parametrize(
    ("limit", "lower"), [("1000000", True), ("max", False), ("9223372036854771712", False), ("", False)]
)
def test_the_memory_of_a_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, lower: bool) -> None:
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    monkeypatch.setattr(hardware, "CGROUP_LIMITS", (tmp_path / "none", tmp_path / "memory.max"))
    assert (usable_memory_bytes() == 1_000_000) is lower
    assert usable_memory_bytes() > 0


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["100000 100000"], 1),
        (["10000 100000"], 1),
        (["150000 100000"], 2),
        (["200000 100000"], 2),
        (["max 100000"], None),
        (["300000", "100000"], 3),
        (["-1", "100000"], None),
        ([], None),
    ],
)
def test_a_containers_share_of_the_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: list[str], expected: int | None
) -> None:
    for number, text in enumerate(files):
        (tmp_path / str(number)).write_text(f"{text}\n")
    quota = tuple(tmp_path / str(number) for number in range(max(len(files), 1)))
    assert hardware._quota_cores(quota) == expected
    monkeypatch.setattr(hardware, "CPU_QUOTAS", (quota,))
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    assert usable_cores() == (8 if expected is None else expected)


@LINUX
def test_the_peak_of_memory_is_that_since_it_was_reset() -> None:
    size = 200 << 20
    reset_peak_memory()
    before = peak_memory_bytes()
    held = np.ones(size, np.uint8)
    during = peak_memory_bytes()
    assert held.sum() == size
    del held
    # The system counts in steps of its own.
    assert during - before > 0.9 * size
    assert peak_memory_bytes() > during - 0.1 * size
    reset_peak_memory()
    assert peak_memory_bytes() < during - 0.5 * size


def test_a_system_that_keeps_no_peak_says_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(path: Path, *words: str, **options: str) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", missing)
    monkeypatch.setattr(Path, "write_text", missing)
    reset_peak_memory()
    assert peak_memory_bytes() > 10 << 20


def test_time_is_counted_from_the_start_of_the_process() -> None:
    began = psutil.Process().create_time()
    first = seconds_since_start()
    assert first == pytest.approx(time.time() - began, abs=1.0)
    assert seconds_since_start() > first > 0.5
