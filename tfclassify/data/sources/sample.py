"""The data sets that come with the package: ``sample:NAME``, for a single split ``sample:NAME:SPLIT``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from tfclassify.data.sources.columns import Columns, Skipped, uncounted
from tfclassify.data.sources.delimited import read_delimited
from tfclassify.errors import UsageError, nearest

FOLDER = Path(__file__).parents[1] / "samples"
SPLITS = ("train", "validation", "test")


def sample_splits(name: str, *, folder: Path = FOLDER) -> dict[str, str]:
    """Returns the location of every split of a sample, such as {"train": ".../train.csv", ...}.

    Raises:
        UsageError: there is no such sample.
    """
    names = sorted(path.parent.name for path in folder.glob("*/train.csv"))
    if name not in names:
        raise UsageError(f"no sample '{name}'; expected one of: {', '.join(names)}{nearest(name, names)}")
    paths = {split: folder / name / f"{split}.csv" for split in SPLITS}
    return {split: str(path) for split, path in paths.items() if path.is_file()}


def sample_file(location: str, *, folder: Path = FOLDER) -> str:
    """Returns the path that ``sample:NAME[:SPLIT]`` stands for; without SPLIT the training split's.

    Raises:
        UsageError: there is no such sample or split.
    """
    _, name, *rest = location.split(":", 2)
    split = rest[0] if rest else "train"
    splits = sample_splits(name, folder=folder)
    if split not in splits:
        known = ", ".join(splits)
        raise UsageError(f"{location}: no split '{split}'; expected one of: {known}{nearest(split, splits)}")
    return splits[split]


def read_sample(location: str, columns: Columns, *, skipped: Skipped = uncounted) -> Iterator[pa.RecordBatch]:
    """Reads one split of a sample; see :func:`sample_file` for the location."""
    return read_delimited(sample_file(location), columns, skipped=skipped)
