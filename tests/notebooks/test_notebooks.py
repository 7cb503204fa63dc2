"""The notebooks: as their script writes them, without outputs, and run from top to bottom on a small sample."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from nbformat import NotebookNode

FOLDER = Path(__file__).parents[2] / "notebooks"
NAMES = ["colab_gpu.ipynb", "colab_tpu.ipynb"]

# What is not the machine's: a model without weights, for two epochs.
SMALL = {
    "INSTALL": False,
    "SETTINGS": ["model.name=random-tiny", "train.epochs=2", "train.learning_rate=0.003", "data.max_rows=200"],
}
RUN = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], 4)
try:
    NotebookClient(notebook, timeout=900, kernel_name="python3").execute()
finally:
    nbformat.write(notebook, sys.argv[1])
"""


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_notebooks", FOLDER / "write_notebooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["write_notebooks"] = module
    spec.loader.exec_module(module)
    return module


def read(name: str) -> NotebookNode:
    return nbformat.read(FOLDER / name, 4)


def code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def with_parameters(notebook: NotebookNode, **values: object) -> NotebookNode:
    """Puts values behind those of the cell of parameters."""
    (cell,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    assert all(f"\n{name} = " in cell.source for name in values)
    cell.source += "".join(f"\n{name} = {value!r}" for name, value in values.items())
    return notebook


def executed(notebook: NotebookNode, folder: Path) -> tuple[int, NotebookNode, str]:
    """Runs a notebook in a folder, in a process of its own, and returns its exit status and what became of it."""
    path = folder / "notebook.ipynb"
    nbformat.write(notebook, path)
    told = {**os.environ, "PYTHONPATH": str(FOLDER.parent), "IPYTHONDIR": str(folder / "ipython")}
    words = [sys.executable, "-c", RUN, path.name]
    done = subprocess.run(words, cwd=folder, env=told, capture_output=True, text=True, check=False, timeout=1800)
    return done.returncode, nbformat.read(path, 4), done.stderr


def outputs(notebook: NotebookNode) -> str:
    """Returns all that was printed and shown."""
    parts = []
    for output in (output for cell in code(notebook) for output in cell.outputs):
        parts += [output.get("text", ""), *output.get("data", {}).values()]
    return "\n".join(map(str, parts))


def test_they_are_what_the_script_writes(tmp_path: Path) -> None:
    script().main(tmp_path)
    for name in NAMES:
        assert (FOLDER / name).read_text("utf-8") == (tmp_path / name).read_text("utf-8"), (
            "the script has changed: python notebooks/write_notebooks.py"
        )


@pytest.mark.parametrize("name", NAMES)
def test_they_are_valid_and_hold_no_outputs(name: str) -> None:
    notebook = read(name)
    nbformat.validate(notebook)
    assert all(not cell.outputs and cell.execution_count is None for cell in code(notebook))
    assert (FOLDER / name).stat().st_size < 20_000


@pytest.mark.parametrize("name", NAMES)
def test_they_say_what_was_not_tried(name: str) -> None:
    kind = {"colab_tpu.ipynb": "TPU", "colab_gpu.ipynb": "GPU"}[name]
    assert f"no {kind} to try this notebook on" in " ".join(read(name).cells[0].source.split())
    assert read(name).metadata.accelerator == kind


@pytest.mark.parametrize("name", NAMES)
def test_code_is_code(name: str) -> None:
    for cell in code(read(name)):
        compile(cell.source, name, "exec")


# The two differ in what they install and in the order of devices; the one with more devices to look for is run always.
@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param(NAMES[0], marks=pytest.mark.long), NAMES[1]])
def test_they_run_from_top_to_bottom(name: str, tmp_path: Path) -> None:
    status, made, errors = executed(with_parameters(read(name), **SMALL), tmp_path)
    assert status == 0, errors
    said = outputs(made)
    assert all(cell.execution_count for cell in code(made))
    assert "nothing is installed: INSTALL is False" in said
    # It looked for what it was made for, in vain, and said so in red.
    wanted = ["TPU", "GPU"] if name == "colab_tpu.ipynb" else ["GPU"]
    for kind in wanted:
        assert f"NO {kind}: " in said
        assert f"<h2 style='color: #b00020'>NO {kind}: " in said
    assert "trains on: CPU" in said
    # The report's pictures are in the page, which is in the notebook.
    assert "<iframe srcdoc=" in said
    assert "&lt;svg" in said
    assert "test: accuracy 0." in said
    assert "  <-  My parcel has not arrived." in said
    for archive, least in (("colab-run.zip", 1e4), ("colab-servable.zip", 1e5)):
        assert (tmp_path / archive).stat().st_size > least
        assert f"{tmp_path / archive}: " in said


@pytest.mark.slow
def test_a_step_that_fails_stops_the_notebook(tmp_path: Path) -> None:
    status, made, errors = executed(
        with_parameters(read("colab_gpu.ipynb"), INSTALL=False, DATA="sample:suport"), tmp_path
    )
    assert status != 0
    assert "ended with status 2" in errors
    assert "did you mean 'support'" in outputs(made)
    # Nothing after the plan was tried.
    assert sum(cell.execution_count is None for cell in code(made)) == 6


@pytest.mark.slow
def test_without_a_source_nothing_is_installed(tmp_path: Path) -> None:
    status, _, errors = executed(read("colab_gpu.ipynb"), tmp_path)
    assert status != 0
    assert "PROJECT is empty; set it above to where the package comes from" in errors
