"""The examples in configs: each is read, and its head says how to run it and what to expect."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfclassify.settings import Settings, read

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))


def test_there_are_some() -> None:
    assert {path.stem for path in CONFIGS} >= {"files", "support"}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_config_is_complete(path: Path) -> None:
    settings = read([str(path)], Settings)
    head = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    assert f"# Command:  python -m tfclassify.train configs/{path.name}" in " ".join(head)
    # A pattern for one's own files has no data that anybody could have measured.
    assert settings.data.train is None or any(line.startswith("# Expected: ") for line in head)
