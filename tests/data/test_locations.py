"""Where each split is read from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tfclassify.data import locations as module
from tfclassify.data.locations import locations, notes_on_locations
from tfclassify.data.sources import sample_splits
from tfclassify.errors import UsageError
from tfclassify.settings import DataSettings, parse


@pytest.fixture
def samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two samples: one with three splits, one with training rows only."""
    for path in ("desk/train", "desk/validation", "desk/test", "small/train"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / f"{path}.csv").write_text("text,label\na,b\n")
    monkeypatch.setattr(module, "sample_splits", lambda name: sample_splits(name, folder=tmp_path))
    return tmp_path


def found(**asked: Any) -> dict[str, str]:
    return locations(parse(asked, DataSettings))


@pytest.mark.parametrize(
    "asked",
    [
        {"train": "a.csv"},
        {"train": "a.csv", "validation": "b.jsonl"},
        {"train": "tfds:glue/sst2", "test": "tfds:glue/sst2:validation"},
        {"train": "a.csv", "validation": "b.csv", "test": "sample:desk:test"},
        {"train": "samples:desk"},
    ],
)
def test_what_is_named_is_read(asked: dict[str, str]) -> None:
    assert found(**asked) == asked


def test_splits_are_in_order() -> None:
    assert list(found(test="c.csv", validation="b.csv", train="a.csv")) == ["train", "validation", "test"]


def test_a_sample_brings_its_splits(samples: Path) -> None:
    splits = {split: f"sample:desk:{split}" for split in ("train", "validation", "test")}
    assert found(train="sample:desk") == splits
    assert found(train="sample:desk", test="mine.csv") == {**splits, "test": "mine.csv"}
    assert found(train="sample:small") == {"train": "sample:small:train"}


def test_one_split_of_a_sample_brings_no_others(samples: Path) -> None:
    assert found(train="sample:desk:train") == {"train": "sample:desk:train"}


def test_no_training_rows() -> None:
    with pytest.raises(UsageError) as caught:
        found(test="a.csv")
    assert str(caught.value) == "data.train is missing; give a file, a folder, tfds:NAME or sample:NAME"


def test_no_such_sample(samples: Path) -> None:
    with pytest.raises(UsageError) as caught:
        found(train="sample:dask")
    assert str(caught.value) == "no sample 'dask'; expected one of: desk, small; did you mean 'desk'?"


def test_what_is_passed_over_in_folders_is_said(tmp_path: Path) -> None:
    for name in ("train/pos/1.txt", "train/unsup/1.txt", "train/unsup/2.txt", "train/urls.txt", "test/pos/1.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("a")
    (tmp_path / "rows.csv").write_text("text,label\na,x\n")
    places = {
        "train": str(tmp_path / "train"),
        "validation": str(tmp_path / "rows.csv"),
        "test": str(tmp_path / "test"),
    }
    assert list(notes_on_locations(places)) == [
        "train: 2 files in 'unsup', which has no label, passed over",
        "train: 1 file beside the folders of the labels passed over",
    ]
