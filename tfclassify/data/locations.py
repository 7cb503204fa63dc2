"""Where each split is read from: as asked, or the published splits of a sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tfclassify.data.sources import SOURCES, find_source, passed_over, sample_splits
from tfclassify.errors import UsageError
from tfclassify.settings import DataSettings

SPLITS = ("train", "validation", "test")


def locations(asked: DataSettings) -> dict[str, str]:
    """Returns the location of every split that is read; ``sample:NAME`` brings its own splits with it.

    Raises:
        UsageError: no training rows are named, or there is no such sample.
    """
    if asked.train is None:
        raise UsageError("data.train is missing; give a file, a folder, tfds:NAME or sample:NAME")
    named = {name: getattr(asked, name) for name in SPLITS}
    brought = _of_sample(asked.train)
    found = {name: named[name] if name != "train" and named[name] else brought.get(name) for name in SPLITS}
    return {name: place for name, place in found.items() if place}


def _of_sample(train: str) -> dict[str, str]:
    prefix, _, name = train.partition(":")
    if prefix != "sample" or ":" in name:
        return {"train": train}
    return {split: f"sample:{name}:{split}" for split in sample_splits(name)}


def notes_on_locations(places: Mapping[str, str]) -> Iterator[str]:
    """Says which files of folders are in no row."""
    for name, place in places.items():
        if find_source(place) is SOURCES["folder"]:
            for folder, files in passed_over(place).items():
                where = f"in '{folder}', which has no label," if folder else "beside the folders of the labels"
                yield f"{name}: {files:,} file{'s' * (files > 1)} {where} passed over"
