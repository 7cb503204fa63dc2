"""Every row of every real data set is learnt from, judged, or counted among those dropped."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tfclassify.data.corpus import read_corpus
from tfclassify.display import SILENT
from tfclassify.learning.trained import pieces_of
from tfclassify.settings import Settings, parse

OPTIONS = {
    "clinc150": {"data.out_of_scope_label": "oos"},
    "eec": {"data.train": "test.csv"},
    "chnsenticorp": {"data.duplicates": "drop"},
}


def rows_in(path: Path) -> int:
    with open(path, encoding="utf-8", newline="") as file:
        return sum(1 for _ in csv.DictReader(file))


@pytest.mark.shared
@pytest.mark.slow
def test_rows_read_are_rows_used_and_rows_reported(shared: Path, tmp_path: Path) -> None:
    pieces = pieces_of(shared / "models" / "all-MiniLM-L6-v2" / "vocab.txt", lower_case=True)
    folders = sorted(folder for folder in (shared / "data").iterdir() if folder.is_dir())
    assert len(folders) == 13
    for folder in folders:
        splits = {f"data.{path.stem}": str(path) for path in folder.glob("*.csv")}
        options = OPTIONS.get(folder.name, {})
        if "data.train" in options:
            splits = {"data.train": str(folder / options["data.train"])}
        settings = parse({**options, **splits}, Settings)
        corpus = read_corpus(settings.data, pieces, seed=0, cache=tmp_path, display=SILENT)
        used = sum(len(split) for split in corpus.splits.values())
        assert corpus.read == sum(rows_in(Path(path)) for path in splits.values()), folder.name
        assert corpus.read == used + sum(corpus.dropped.values()), folder.name
        assert used == sum(split.rows for split in corpus.statistics.splits.values()), folder.name
