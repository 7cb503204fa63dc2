"""Version folders: numbered, whole or not there."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import tensorflow as tf

from tfclassify.errors import UsageError
from tfclassify.servable.versions import new_version, newest


def written(folder: Path, text: str = "whole") -> Path:
    with new_version(folder) as version:
        (version.folder / "saved_model.pb").write_text(text)
    return folder / str(version.number)


def failing(folder: Path, error: BaseException) -> None:
    with new_version(folder) as version:
        (version.folder / "saved_model.pb").write_text("half")
        raise error


def late(folder: Path) -> None:
    with new_version(folder) as version:
        (folder / "1").mkdir()
        (folder / "1" / "saved_model.pb").write_text("somebody else's")
        (version.folder / "saved_model.pb").write_text("mine")


def test_numbers_rise_from_one_and_from_whatever_is_there(tmp_path: Path) -> None:
    assert written(tmp_path / "model").name == "1"
    assert written(tmp_path / "model").name == "2"
    (tmp_path / "model" / "0041").mkdir()
    (tmp_path / "model" / "notes").mkdir()
    assert newest(tmp_path / "model") == 41
    assert written(tmp_path / "model").name == "42"
    assert newest(tmp_path / "nothing") == 0


def test_until_it_is_whole_no_server_sees_it(tmp_path: Path) -> None:
    with new_version(tmp_path / "model") as version:
        names = [path.name for path in (tmp_path / "model").iterdir()]
        assert len(names) == 1
        assert not names[0].isdigit()
        assert names == [version.folder.name]


def test_of_an_export_that_fails_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no space"):
        failing(tmp_path / "model", RuntimeError("no space"))
    assert list(tmp_path.iterdir()) == []
    written(tmp_path / "model")
    with pytest.raises(KeyboardInterrupt):
        failing(tmp_path / "model", KeyboardInterrupt())
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["1"]


def test_a_number_that_was_taken_meanwhile(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    with pytest.raises(UsageError) as caught:
        late(folder)
    assert str(caught.value) == (
        f"{folder / '1'} was taken while this export was written (Directory not empty); export again"
    )
    assert (folder / "1" / "saved_model.pb").read_text() == "somebody else's"
    assert [path.name for path in folder.iterdir()] == ["1"]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError) as caught:
        written(tmp_path / "file" / "model")
    assert str(caught.value) == f"output={tmp_path / 'file' / 'model'} cannot be written: Not a directory"


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "variables.data"),
        tf.errors.ResourceExhaustedError(None, None, "/m/writing-0/saved_model.pb; No space left on device [Op:Write]"),
    ],
)
def test_a_disk_that_is_full(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(UsageError) as caught:
        failing(tmp_path / "model", error)
    assert str(caught.value) == (
        f"output={tmp_path / 'model'} cannot be written: No space left on device; make room and export again"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "error", [FileNotFoundError(errno.ENOENT, "No such file"), tf.errors.ResourceExhaustedError(None, None, "OOM")]
)
def test_other_errors_are_not_the_disk_s(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        failing(tmp_path / "model", error)
    assert caught.value is error
