"""Reading for a check-up: all rows are counted, a sample is kept, what cannot be read is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_rows import clean_rows, material_of, write_rows, write_splits
from numpy.testing import assert_array_equal

from tfclassify.checkup.data.material import label_of, portion
from tfclassify.checkup.data.reading import read_material
from tfclassify.display import SILENT
from tfclassify.errors import UsageError
from tfclassify.settings import DataSettings


def reading(rows: int = 1000, **data: str):
    return read_material(DataSettings(**data), None, rows=rows, shown=3, seed=0, display=SILENT)


def test_every_split_is_as_it_was_given(tmp_path: Path) -> None:
    splits = clean_rows()
    material = material_of(tmp_path, splits)
    for name, rows in splits.items():
        split = material.splits[name]
        assert split.texts == tuple(text for text, _ in rows)
        assert [label_of(material, key) for key in split.keys.tolist()] == [label for _, label in rows]
        assert_array_equal(split.numbers, np.arange(1, len(rows) + 1))
        assert len(np.unique(split.hashes)) == len(rows)
    assert {name: split.rows for name, split in material.statistics.splits.items()} == {
        name: len(rows) for name, rows in splits.items()
    }


def test_no_split_is_cut_out_of_another(tmp_path: Path) -> None:
    settings = write_splits(tmp_path, clean_rows())
    material = reading(train=settings["data.train"])
    assert list(material.splits) == ["train"]
    assert len(material.splits["train"]) == 800


def test_of_many_rows_a_sample_is_kept_and_all_are_counted(tmp_path: Path) -> None:
    splits = clean_rows()
    splits["train"] += splits["train"][:100]
    whole, part = material_of(tmp_path, splits), material_of(tmp_path, splits, rows=300)
    split = part.splits["train"]
    assert 75 <= len(split.texts) <= 300
    assert len(split) == 900
    assert part.statistics.splits["train"].duplicates == 100
    for place, text in zip(split.sample.tolist(), split.texts, strict=True):
        assert whole.splits["train"].texts[place] == text
    assert_array_equal(split.sample, material_of(tmp_path, splits, rows=300).splits["train"].sample)


def test_rows_with_several_labels_and_none(tmp_path: Path) -> None:
    place = write_rows(tmp_path / "many.csv", [("one", "b|a"), ("two", "a | b"), ("three", "")], ("text", "labels"))
    material = reading(train=place)
    assert material.label_sets == (("a", "b"), ())
    assert material.splits["train"].keys.tolist() == [0, 0, 1]
    assert label_of(material, 1) == "(none)"
    assert material.statistics.multilabel


def test_pairs_are_one_text(tmp_path: Path) -> None:
    rows = [("a b", "c", "x"), ("a", "b c", "y"), ("a b", "c", "x")]
    material = reading(train=write_rows(tmp_path / "pairs.csv", rows, ("text", "text_b", "label")))
    assert material.splits["train"].texts == ("a b\nc", "a\nb c", "a b\nc")
    assert material.statistics.splits["train"].duplicates == 1


def test_rows_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(b"text,label\none,x\ntwo\nthr\xe9e,x\nfour,\nfive,y\n  ,y\n")
    faults = reading(train=str(path)).splits["train"].faults
    assert (faults.unreadable, faults.empty, faults.last, faults.broken) == (3, 1, 6, False)
    assert faults.rows == (2, 3, 4)
    assert faults.first[0] == (
        f"{path}: row 2 has 1 field; expected 2; quote fields that hold a delimiter, or set data.bad_rows=skip"
    )
    assert f"data.label: column 'label' of {path} is empty in row 4" in faults.first[1]


def test_rows_in_front_of_an_error_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "open.csv"
    path.write_text('text,label\none,x\ntwo,y\n"three,x\nfour,y\n')
    split = reading(train=str(path)).splits["train"]
    assert split.texts == ("one", "two")
    assert split.faults.broken
    assert "opens a quote that is never closed" in split.faults.first[0]


def test_other_columns_are_kept_as_text(tmp_path: Path) -> None:
    rows = [("7", "one", "x", "1.5"), ("8", "two", "y", "")]
    material = reading(train=write_rows(tmp_path / "more.csv", rows, ("id", "text", "label", "price")))
    assert material.splits["train"].others == {"id": ("7", "8"), "price": ("1.5", "")}


def test_no_row_at_all(tmp_path: Path) -> None:
    (tmp_path / "none.csv").write_text("text,label\n")
    with pytest.raises(UsageError, match=r"none\.csv has no rows; expected at least one"):
        reading(train=str(tmp_path / "none.csv"))


def test_a_portion_keeps_to_rows_and_characters(tmp_path: Path) -> None:
    split = material_of(tmp_path, clean_rows()).splits["train"]
    assert_array_equal(portion(split, rows=800, characters=10**9, seed=0), np.arange(800))
    few = portion(split, rows=50, characters=10**9, seed=0)
    assert len(few) == 50
    assert (np.diff(few) > 0).all()
    short = portion(split, rows=800, characters=1000, seed=0)
    assert 1 <= len(short) < 50
    assert sum(len(split.texts[place]) for place in short) <= 1000
