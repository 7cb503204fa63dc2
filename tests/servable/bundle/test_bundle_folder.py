"""The layout: what lies where, and nothing that a server takes for a version."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from made_bundles import HOSTILE, bundle, facts

from tfclassify.servable.bundle import write_bundle


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_the_layout(tmp_path: Path) -> None:
    model = bundle(tmp_path / "support")
    assert {path.name for path in model.iterdir()} == {"3", "serving"}
    assert files(model / "3") == {"batching_params.pbtxt"}
    assert {path.name for path in (model / "serving").iterdir()} == {
        *("README.md", "models.config", "batching_parameters.txt", "monitoring.config"),
        *("Dockerfile", "Dockerfile.tfclassify", "compose.yaml", "health.sh"),
        *("clients", "kubernetes", "monitoring"),
    }


def test_what_was_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    written = write_bundle(tmp_path / "new", facts())
    assert {str(path.relative_to(tmp_path)) for path in written} == files(tmp_path)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_file_is_named_after_the_model(tmp_path: Path, name: str) -> None:
    assert files(bundle(tmp_path / "plain")) == files(bundle(tmp_path / "hostile", name=name))


def test_nothing_beside_the_versions_is_a_number(tmp_path: Path) -> None:
    model = bundle(tmp_path / "support", before=(1,))
    assert {path.name for path in model.iterdir() if path.name.isdecimal()} == {"1", "3"}


def test_shells_can_be_run(tmp_path: Path) -> None:
    for path in bundle(tmp_path / "support").rglob("*.sh"):
        assert os.access(path, os.X_OK)


def test_an_export_writes_the_model_anew_and_leaves_earlier_versions(tmp_path: Path) -> None:
    model = bundle(tmp_path / "support", version=1)
    first = (model / "1" / "batching_params.pbtxt").read_text(encoding="utf-8")
    (model / "new").mkdir()
    write_bundle(model / "new", facts(version=2, batch_sizes=(1, 64)))
    assert (model / "1" / "batching_params.pbtxt").read_text(encoding="utf-8") == first
    assert "versions: 1 versions: 2" in (model / "serving" / "models.config").read_text(encoding="utf-8")
    assert "value: 64" in (model / "serving" / "batching_parameters.txt").read_text(encoding="utf-8")
    assert not [path for path in model.rglob("*") if path.name.startswith(".")]  # nothing half-written is left


def test_the_same_facts_write_the_same_files(tmp_path: Path) -> None:
    one, other = bundle(tmp_path / "one"), bundle(tmp_path / "other")
    for name in files(one):
        assert (one / name).read_bytes() == (other / name).read_bytes()
