"""An exported classifier, which tests read and never change."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfclassify.export import Export, export


@pytest.fixture(scope="session")
def exported(toy_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Export:
    """The first version of a servable, made from the toy run."""
    return export({"run": str(toy_run), "output": str(tmp_path_factory.mktemp("saved_models") / "toy")})
