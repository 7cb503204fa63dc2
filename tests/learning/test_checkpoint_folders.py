"""Checkpoints on disk: what is read is what was written, whenever the writer dies and whatever becomes of the files."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfclassify.learning import checkpoint_folders
from tfclassify.learning.checkpoint_folders import (
    MANIFEST,
    STATE,
    VALUES,
    by_step,
    newest_checkpoint,
    prune,
    read_checkpoint,
    write_checkpoint,
)

# As variables are: matrices, numbers, counters, and what is not laid out row by row.
ARRAYS = {
    "matrix": np.arange(12, dtype=np.float32).reshape(3, 4),
    "turned": np.arange(12, dtype=np.float32).reshape(3, 4).T,
    "number": np.array(2.5, np.float32),
    "counter": np.array(7, np.int64),
    "empty": np.zeros((0, 3), np.float32),
}


class KilledError(RuntimeError):
    """Stands for the end of the process."""


def written(parent: Path, step: int, *, best: Path | None = None) -> Path:
    values = {name: array + np.array(step, array.dtype) for name, array in ARRAYS.items()}
    return write_checkpoint(parent, step, values, {"step": step, "loss": 0.1 + step}, best=best)


def step_of(parent: Path) -> int | None:
    """The step of the newest valid checkpoint, whose values are compared with what was written."""
    found, _ = newest_checkpoint(parent)
    if found is None:
        return None
    step = found.state["step"]
    assert found.state == {"step": step, "loss": 0.1 + step}
    assert found.values.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        expected = array + np.array(step, array.dtype)
        assert (found.values[name].dtype, found.values[name].shape) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(found.values[name], expected)
    return int(step)


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    folder = written(tmp_path, 12)
    assert folder == tmp_path / "step-12"
    assert {path.name for path in folder.iterdir()} == {VALUES, STATE, MANIFEST}
    assert step_of(tmp_path) == 12
    assert read_checkpoint(folder).best is None


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=4, unique=True))
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_latest_step_counts_and_not_the_clock(tmp_path: Path, steps: list[int]) -> None:
    shutil.rmtree(tmp_path)
    for age, step in enumerate(steps):
        # As if each were a year older than the one before it.
        os.utime(written(tmp_path, step), (1e9 - 3e7 * age,) * 2)
    assert step_of(tmp_path) == max(steps)
    assert [path.name for path in by_step(tmp_path)] == [f"step-{step}" for step in sorted(steps)]


def test_the_best_weights_go_along(tmp_path: Path) -> None:
    best = tmp_path / "best"
    best.write_bytes(b"first")
    folder = written(tmp_path / "checkpoints", 1, best=best)
    other = tmp_path / "other"
    other.write_bytes(b"second")
    other.replace(best)
    found = read_checkpoint(folder).best
    assert found is not None
    assert found.read_bytes() == b"first"


def test_the_best_weights_are_copied_where_there_are_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: Any) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuses)
    (tmp_path / "best").write_bytes(b"best")
    found = read_checkpoint(written(tmp_path / "checkpoints", 1, best=tmp_path / "best")).best
    assert found is not None
    assert found.read_bytes() == b"best"


def test_one_of_the_same_step_is_replaced(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, 3, {"other": np.zeros(2)}, {}, best=None)
    written(tmp_path, 3)
    assert step_of(tmp_path) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["step-3"]


def test_only_the_latest_stay(tmp_path: Path) -> None:
    for step in (5, 10, 15, 100):
        written(tmp_path, step)
    (tmp_path / ".step-20-99").mkdir()
    (tmp_path / "lock").touch()
    prune(tmp_path, keep=2)
    assert {path.name for path in tmp_path.iterdir()} == {"step-15", "step-100", "lock"}


# Whoever dies while saving

CALLS = ("save_file", "write_text", "fsync", "rename")


def dying(monkeypatch: pytest.MonkeyPatch, at: int, *, after: bool) -> list[str]:
    """Dies at the so-and-so-manieth of all calls that touch the disk, before or after it was made."""
    made: list[str] = []

    def breaks(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*given: Any, **more: Any) -> Any:
            made.append(name)
            if len(made) == at and not after:
                raise KilledError(name)
            result = call(*given, **more)
            if len(made) == at and after:
                raise KilledError(name)
            return result

        return counted

    monkeypatch.setattr(checkpoint_folders, "save_file", breaks("save_file", checkpoint_folders.save_file))
    monkeypatch.setattr(Path, "write_text", breaks("write_text", Path.write_text))
    monkeypatch.setattr(os, "fsync", breaks("fsync", os.fsync))
    monkeypatch.setattr(os, "rename", breaks("rename", os.rename))
    # A process that is dead cleans nothing up.
    monkeypatch.setattr(checkpoint_folders.shutil, "rmtree", lambda *_, **__: None)
    return made


def calls_of_a_save(tmp_path: Path) -> list[str]:
    with pytest.MonkeyPatch.context() as patched:
        made = dying(patched, -1, after=False)
        written(tmp_path / "counted", 1)
    return made


def test_whoever_dies_while_saving_leaves_one_to_go_on_from(tmp_path: Path) -> None:
    made = calls_of_a_save(tmp_path)
    # Three files and two folders are flushed; all of it comes before the name, but the folder of folders.
    assert set(made) == set(CALLS)
    assert made[-2:] == ["rename", "fsync"]
    assert made.count("fsync") == 5
    for at in range(1, len(made) + 1):
        for after in (False, True):
            parent = tmp_path / f"{at}-{after}"
            written(parent, 10)
            with pytest.MonkeyPatch.context() as patched:
                dying(patched, at, after=after)
                with pytest.raises(KilledError):
                    written(parent, 20)
            named = made[:at].count("rename") == 1 and (after or made[at - 1] != "rename")
            assert step_of(parent) == (20 if named else 10)
            # Whoever comes next is not in its way.
            written(parent, 20)
            prune(parent, keep=2)
            assert step_of(parent) == 20
            assert {path.name for path in parent.iterdir()} == {"step-10", "step-20"}


# What becomes of the files


def truncated(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def flipped(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def emptied(file: Path) -> None:
    os.truncate(file, 0)


@pytest.mark.parametrize("name", [VALUES, STATE, MANIFEST])
@pytest.mark.parametrize("damage", [truncated, flipped, emptied, Path.unlink])
def test_a_damaged_one_is_left_out_and_said(tmp_path: Path, name: str, damage: Callable[[Path], None]) -> None:
    written(tmp_path, 10)
    damage(written(tmp_path, 20) / name)
    if (damage, name) == (flipped, MANIFEST):
        # Of its own bytes the manifest tells only those that matter.
        manifest = tmp_path / "step-20" / MANIFEST
        manifest.write_text(
            manifest.read_text(encoding="utf-8", errors="replace").replace('"sha256": "', '"sha256": "0')
        )
    assert step_of(tmp_path) == 10
    _, broken = newest_checkpoint(tmp_path)
    assert list(broken) == ["step-20"]
    assert broken["step-20"]
    if name != MANIFEST and damage is not Path.unlink:
        assert broken["step-20"] == f"{name} is not as it was written"


def test_without_any_valid_one(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path / "nothing") == (None, {})
    truncated(written(tmp_path, 10) / VALUES)
    (tmp_path / "step-20").mkdir()
    (tmp_path / "step-30").write_text("no folder")
    (tmp_path / "step-x").mkdir()
    found, broken = newest_checkpoint(tmp_path)
    assert found is None
    assert list(broken) == ["step-30", "step-20", "step-10"]


def test_a_manifest_of_something_else(tmp_path: Path) -> None:
    for content in ("[]", '{"files": {"state.json": {}}}', '{"files": 3}', "null"):
        (written(tmp_path, 10) / MANIFEST).write_text(content)
        found, broken = newest_checkpoint(tmp_path)
        assert found is None
        assert list(broken) == ["step-10"]


# Disks that are full


def test_too_little_space_is_seen_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=15_000_000)
    monkeypatch.setattr(checkpoint_folders.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OSError, match="15 MB are free, it takes 0 MB and some to spare") as told:
        written(tmp_path, 1)
    assert told.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if (
        os.getuid()
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=18m", "tmpfs", folder], check=False).returncode
    ):
        pytest.skip("only the superuser can make a small disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_keeps_the_one_before(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(small_disk, 10)
    # Space that is taken by others between the look at it and the writing.
    monkeypatch.setattr(checkpoint_folders, "_look_for_space", lambda *_: None)
    with pytest.raises(OSError, match="No space left on device"):
        write_checkpoint(small_disk, 20, {"large": np.zeros(20_000_000, np.uint8)}, {}, best=None)
    assert step_of(small_disk) == 10
    assert [path.name for path in small_disk.iterdir()] == ["step-10"]


def test_a_limit_on_the_size_of_files(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_checkpoint(tmp_path, 20, {"large": np.zeros(20_000, np.uint8)}, {}, best=None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_the_state_is_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_checkpoint(tmp_path, 1, {}, {"loss": float("nan")}, best=None)
    assert json.loads((written(tmp_path, 2) / STATE).read_text()) == {"step": 2, "loss": 2.1}
