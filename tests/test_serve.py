"""What ``serve`` refuses before it listens, and what it says of folders without a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfclassify.errors import UsageError
from tfclassify.serve import server_options, without_versions
from tfclassify.settings import ServeRequest, parse

FOLDER = "the folder of a model, with numbered versions in it"


def message(models: str) -> str:
    with pytest.raises(UsageError) as caught:
        server_options(parse({"models": models}, ServeRequest))
    return str(caught.value)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_what_is_no_folder_of_a_model() -> None:
    Path("saved_models/mine/1").mkdir(parents=True)
    Path("saved_models/mine/1/saved_model.pb").write_bytes(b"")
    Path("runs/mine").mkdir(parents=True)
    Path("runs/mine/plan.yaml").write_text("seed: 0\n")
    assert message("mine:nowhere") == f"nowhere does not exist; expected {FOLDER}"
    assert message("mine:saved_models/mine/1") == (
        f"saved_models/mine/1 is one version of a model; expected {FOLDER}: saved_models/mine"
    )
    assert message("mine:runs/mine") == (
        f"runs/mine is a run; expected {FOLDER}: export run=runs/mine output=saved_models/mine makes it"
    )
    assert message("saved_models/mine") == (
        "models has 'saved_models/mine'; expected NAME:DIR, such as reviews:saved_models/reviews"
    )


def test_models_without_a_version() -> None:
    Path("full/1").mkdir(parents=True)
    Path("empty/notes").mkdir(parents=True)
    options = server_options(parse({"models": "full:full,empty:empty"}, ServeRequest))
    assert [each.name for each in without_versions(options.models.configs)] == ["empty"]
