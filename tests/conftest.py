"""What every test has: a cache of its own, no network, and where real data lie if they do."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from made_calibrations import write_calibrations
from toy import TOY_SETTINGS, toy_rows, toy_words

if TYPE_CHECKING:
    from tfclassify.export import Export

# Before anything imports TensorFlow or the hub's client, and for every process that a test starts.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

# The first example pays for what is loaded and traced; how long one takes says nothing on a shared machine.
# Where a change is judged by whether the tests pass, they try the same examples each time; elsewhere new ones.
settings.register_profile("house", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("house")

SHARED = Path(__file__).parents[2] / "shared"


def pytest_collection_finish() -> None:
    """Takes what was collected, and all that it imports, out of what is looked through for garbage ever again."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for what can be made again; no test sees, or leaves, anything in the user's own."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["TFCLASSIFY_CACHE"] = str(folder)
    write_calibrations(folder)
    return folder


@pytest.fixture(scope="module", autouse=True)
def usual_precision() -> None:
    """Each file of tests begins with float32: a training leaves the process with the number format of its plan."""
    if "tensorflow" in sys.modules:
        from tfclassify.learning.strategies import set_precision

        set_precision("float32")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data sets and weights; the test is skipped where there is none."""
    if not SHARED.is_dir():
        pytest.skip("no folder of real data beside the checkout")
    return SHARED


@pytest.fixture(scope="session")
def toy_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train.csv, validation.csv and test.csv that a two-layer network learns in seconds."""
    folder = tmp_path_factory.mktemp("toy")
    for split, rows in (("train", 240), ("validation", 40), ("test", 60)):
        (folder / f"{split}.csv").write_text(toy_rows(split, rows), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def toy_run(toy_data: Path, tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """The directory of a finished training on the toy data."""
    from tfclassify.train import train

    folder = tmp_path_factory.mktemp("runs") / "toy"
    train({**TOY_SETTINGS, **toy_words(toy_data), "run": str(folder)})
    return folder


@pytest.fixture(scope="session")
def toy_exported(toy_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Export:
    """The first version of a servable made from the toy run, which tests read and never change."""
    from tfclassify.export import export

    return export({"run": str(toy_run), "output": str(tmp_path_factory.mktemp("saved_models") / "toy")})
