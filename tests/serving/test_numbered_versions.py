"""Which folders are versions, which of them a policy asks for, and whether they are still written."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.serving.versions import All, Latest, Specific, chosen, find_versions, fingerprint


def test_names_that_are_numbers(tmp_path: Path) -> None:
    names = ["1", "001", "00000123", "9223372036854775807", "9223372036854775808", "-3", "+4", " 5", "1.0", "x", "٣"]
    for name in names:
        (tmp_path / name).mkdir()
    (tmp_path / "7").write_text("a file")
    found = find_versions(tmp_path)
    assert {number: path.name for number, path in found.folders.items()} == {
        1: "1",
        7: "7",
        123: "00000123",
        2**63 - 1: "9223372036854775807",
    }
    assert found.doubled == ("001",)


def test_folders_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        find_versions(tmp_path / "nothing")
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        find_versions(tmp_path / "file")


@given(st.sets(st.integers(0, 20)), st.integers(1, 5))
def test_policies(versions: set[int], count: int) -> None:
    latest = chosen(Latest(count), versions)
    assert len(latest) == min(count, len(versions))
    assert all(low < high for low in versions - latest for high in latest)
    assert chosen(All(), versions) == versions
    assert chosen(Specific((3, 99)), versions) == versions & {3, 99}


def test_a_fingerprint_is_of_every_file(tmp_path: Path) -> None:
    assert fingerprint(tmp_path / "nothing") == ()
    (tmp_path / "variables").mkdir()
    (tmp_path / "variables" / "data").write_text("a")
    before = fingerprint(tmp_path)
    assert fingerprint(tmp_path) == before
    (tmp_path / "variables" / "data").write_text("ab")
    assert fingerprint(tmp_path) != before
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    assert ("broken", -1, -1) in fingerprint(tmp_path)
