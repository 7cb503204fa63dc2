"""``deterministic=true`` is for a whole process, so that it is tried in one of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from toy import TOY_SETTINGS, toy_words

TWICE = """
import json, sys
from tensorflow.python.framework.config import is_op_determinism_enabled
from tfclassify.train import train

before = is_op_determinism_enabled()
for run in ("one", "two"):
    train({**json.loads(sys.argv[1]), "deterministic": True, "run": f"{sys.argv[2]}/{run}"})
print(json.dumps([before, is_op_determinism_enabled()]))
"""


@pytest.mark.slow
def test_only_deterministic_operations_train_the_same_bits(toy_data: Path, tmp_path: Path) -> None:
    told = json.dumps({**TOY_SETTINGS, **toy_words(toy_data), "train.epochs": 1, "train.steps": 8})
    done = subprocess.run(
        [sys.executable, "-c", TWICE, told, str(tmp_path)], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [False, True]
    one, two = ((tmp_path / run / "weights" / "best" / "model.safetensors").read_bytes() for run in ("one", "two"))
    assert one == two
