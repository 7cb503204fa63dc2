"""Two devices that train together do what one does alone with the same batches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tfclassify.learning.objectives import OBJECTIVES

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def differences(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(HERE / "on_two_replicas.py"), str(tmp_path_factory.mktemp("model"))],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(HERE.parent)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", OBJECTIVES)
def test_objectives(differences: dict[str, Any], name: str) -> None:
    assert differences[f"objective {name}"] < 1e-6


@pytest.mark.parametrize("shape", ["even", "odd", "longer"])
def test_weights_and_loss(differences: dict[str, Any], shape: str) -> None:
    """Batches of an odd number of rows, and of one row, are shared too; several trainings in one process as well."""
    found = differences[shape]
    assert found["moved"] > 1e-2
    assert found["weights"] < 1e-5
    assert found["loss"] < 1e-5
