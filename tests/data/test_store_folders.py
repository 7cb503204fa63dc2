"""Folders that are whole or not there: for a process that is killed, for two at once, and when room is made."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tfclassify.data import store_folders
from tfclassify.data.store_folders import FACTS, Facts, Held, evict, hold, size_of, write_folder
from tfclassify.errors import UsageError

FILES, FILE_BYTES = 20, 100_000


def fill(aside: Path) -> Facts:
    for number in range(FILES):
        (aside / f"{number}.values").write_bytes(bytes([number]) * FILE_BYTES)
    return {"made": "whole"}


def made(folder: Path, *, size: int = 10, age_seconds: float = 0) -> Path:
    def small(aside: Path) -> Facts:
        (aside / "a.values").write_bytes(b"a" * size)
        return {}

    os.close(write_folder(folder, small).descriptor)
    os.utime(folder / FACTS, (time.time() - age_seconds,) * 2)
    return folder


@contextmanager
def held(folder: Path) -> Iterator[Held]:
    found = hold(folder)
    assert found is not None
    try:
        yield found
    finally:
        os.close(found.descriptor)


def names(parent: Path) -> list[str]:
    return sorted(path.name for path in parent.iterdir())


def check_whole(folder: Path) -> None:
    with held(folder) as found:
        assert found.facts["made"] == "whole"
        assert size_of(found.facts) == FILES * FILE_BYTES
        assert sorted(found.facts["bytes"]) == sorted(f"{number}.values" for number in range(FILES))
        for number in range(FILES):
            assert (folder / f"{number}.values").read_bytes() == bytes([number]) * FILE_BYTES


def test_a_folder_is_written_and_found(tmp_path: Path) -> None:
    assert hold(tmp_path / "stores" / "one") is None
    written = write_folder(tmp_path / "stores" / "one", fill)
    os.close(written.descriptor)
    check_whole(tmp_path / "stores" / "one")
    assert names(tmp_path / "stores") == ["one"]


def test_a_folder_whose_files_have_another_size_is_not_found(tmp_path: Path) -> None:
    folder = made(tmp_path / "one")
    (folder / "a.values").write_bytes(b"a" * 9)
    assert hold(folder) is None
    os.close(write_folder(folder, fill).descriptor)
    check_whole(folder)
    assert names(tmp_path) == ["one"]


def test_files_are_on_disk_before_they_have_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []

    def told(*paths: Path) -> None:
        # Until its files are on disk, nobody finds the folder.
        assert (tmp_path / "one").exists() == (paths == (tmp_path,))
        synced.extend(path.name for path in paths)

    monkeypatch.setattr(store_folders, "_sync", told)
    os.close(write_folder(tmp_path / "one", fill).descriptor)
    assert len(synced) == FILES + 3
    assert FACTS in synced
    assert synced[-1] == tmp_path.name


def test_what_another_process_wrote_meanwhile_is_taken(tmp_path: Path) -> None:
    def slow(aside: Path) -> Facts:
        os.close(write_folder(tmp_path / "one", fill).descriptor)
        return {"made": "later"}

    found = write_folder(tmp_path / "one", slow)
    os.close(found.descriptor)
    assert found.facts["made"] == "whole"
    assert names(tmp_path) == ["one"]


# Room


def test_room_is_made_by_those_used_longest_ago(tmp_path: Path) -> None:
    for name, age in {"old": 300, "older": 400, "new": 100}.items():
        made(tmp_path / name, age_seconds=age)
    assert evict(tmp_path, most_bytes=30) == 30
    assert evict(tmp_path, most_bytes=25) == 20
    assert names(tmp_path) == ["new", "old"]
    # To use it makes it the newest.
    with held(tmp_path / "old"):
        pass
    assert evict(tmp_path, most_bytes=10) == 10
    assert names(tmp_path) == ["old"]


def test_what_is_in_use_stays(tmp_path: Path) -> None:
    made(tmp_path / "one", age_seconds=900)
    made(tmp_path / "two")
    with held(tmp_path / "one"):
        assert evict(tmp_path, most_bytes=0) == 10
        assert names(tmp_path) == ["one"]
    assert evict(tmp_path, most_bytes=0) == 0
    assert names(tmp_path) == []


def test_a_folder_that_is_being_written_is_not_swept(tmp_path: Path) -> None:
    def slow(aside: Path) -> Facts:
        os.utime(aside, (0, 0))
        made(tmp_path / "two")
        return fill(aside)

    os.close(write_folder(tmp_path / "one", slow).descriptor)
    check_whole(tmp_path / "one")
    assert names(tmp_path) == ["one", "two"]


def test_a_folder_that_is_replaced_while_it_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, lock = made(tmp_path / "one"), store_folders.fcntl.flock

    def replaced(descriptor: int, how: int) -> None:
        monkeypatch.setattr(store_folders.fcntl, "flock", lock)
        folder.rename(tmp_path / "gone")
        made(folder)
        lock(descriptor, how)

    monkeypatch.setattr(store_folders.fcntl, "flock", replaced)
    assert hold(folder) is None
    with held(folder) as found:
        assert found.facts == {"bytes": {"a.values": 10}}


def test_a_place_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "stores").write_text("")
    with pytest.raises(UsageError, match=r"stores cannot be written to \(Not a directory\); set TFCLASSIFY_CACHE"):
        write_folder(tmp_path / "stores" / "one", fill)


# Killed

PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_store_folders import fill
from tfclassify.data.store_folders import write_folder
print("ready", flush=True)
write_folder(Path(sys.argv[1]), fill)
print("done", flush=True)
"""


def started(folder: Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", PROGRAM, str(folder), str(Path(__file__).parent)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def killed(folder: Path, *, after_seconds: float) -> None:
    process = started(folder)
    time.sleep(after_seconds)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_processes_that_are_killed_at_any_moment_leave_it_whole_or_not_there(tmp_path: Path) -> None:
    process, begun = started(tmp_path / "timed"), time.perf_counter()
    assert process.communicate()[0] == "done\n"
    seconds = time.perf_counter() - begun
    chance = random.Random(time.time_ns())
    for number in range(6):
        folder = tmp_path / f"stores-{number}" / "one"
        killed(folder, after_seconds=chance.uniform(0, seconds))
        if (found := hold(folder)) is not None:
            os.close(found.descriptor)
            check_whole(folder)
        os.close(write_folder(folder, fill).descriptor)
        check_whole(folder)
        # What the killed process left is gone.
        assert names(folder.parent) == ["one"]
