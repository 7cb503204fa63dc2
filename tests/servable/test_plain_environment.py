"""The artefact where TensorFlow and TensorFlow Text are installed, and nothing else that this package needs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from tfclassify import load
from tfclassify.export import Export

PROGRAM = """
import importlib.util, json, sys
import tensorflow as tf
import tensorflow_text
assert importlib.util.find_spec("transformers") is None
assert importlib.util.find_spec("tfclassify") is None
model = tf.saved_model.load(sys.argv[1])
found = model.signatures["serving_default"](text=tf.constant(json.loads(sys.argv[2])))
labels = [[each.decode() for each in row] for row in found["labels"].numpy()]
print(json.dumps([dict(zip(*row)) for row in zip(labels, found["scores"].numpy().tolist())]))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new environment; the test is skipped where none can be made."""
    folder = tmp_path_factory.mktemp("plain") / "environment"
    wanted = [f"{name}=={metadata.version(name)}" for name in ("tensorflow", "tensorflow-text")]
    program = folder / "bin" / "python"
    uv = shutil.which("uv")
    if uv is not None:
        commands = [
            [uv, "venv", "-q", "--python", sys.executable, folder],
            [uv, "pip", "install", "-q", "--python", program, *wanted],
        ]
    else:
        commands = [[sys.executable, "-m", "venv", folder], [program, "-m", "pip", "install", "-q", *wanted]]
    for command in commands:
        done = subprocess.run(
            [str(word) for word in command], capture_output=True, text=True, timeout=900, env=_environment()
        )
        if done.returncode:
            pytest.skip(f"no environment can be made here: {done.stderr.strip().splitlines()[-1:]}")
    return program


@pytest.mark.slow
def test_it_answers_as_the_run_does(python: Path, toy_exported: Export) -> None:
    texts = ["a b c", "x y z", "", "Éa\u200bb 中 [SEP]", "w " * 500]
    program = [str(python), "-I", "-c", PROGRAM, str(toy_exported.folder), json.dumps(texts)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=300, env=_environment())
    assert done.returncode == 0, done.stderr[-2000:]
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    for scores, answer in zip(found, load(str(toy_exported.folder))(texts), strict=True):
        assert scores == pytest.approx(answer["scores"], abs=1e-5)


def _environment() -> dict[str, str]:
    """The variables of this process but for those that would let its packages in."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "VIRTUAL_ENV", "UV_", "TF_"))
    }
