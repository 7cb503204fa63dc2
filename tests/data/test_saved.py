"""Folders as Hugging Face datasets writes them; made here by Arrow alone, and by that library where it is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tfclassify.data.sources import Columns, column_names, find_source, fingerprint
from tfclassify.errors import UsageError

COLUMNS = Columns("text", label="label")
CLASSES = {"names": ["neg", "pos"], "_type": "ClassLabel"}
VALUE = {"dtype": "string", "_type": "Value"}
FEATURES: dict[str, Any] = {
    "text": VALUE,
    "label": CLASSES,
    "tags": {"feature": {"names": ["a", "b"], "_type": "ClassLabel"}, "_type": "List"},
    "n": {"dtype": "int64", "_type": "Value"},
}
SCHEMA = pa.schema([("text", pa.string()), ("label", pa.int64()), ("tags", pa.list_(pa.int64())), ("n", pa.int64())])
ROWS = [
    {"text": "é", "label": 0, "tags": [0, 1], "n": 1},
    {"text": "b", "label": 1, "tags": [], "n": None},
    {"text": None, "label": -1, "tags": None, "n": 3},
    {"text": "d", "label": None, "tags": [-1], "n": 4},
]
READ = [
    {"text": "é", "label": "neg", "tags": ["a", "b"], "n": 1},
    {"text": "b", "label": "pos", "tags": [], "n": None},
    {"text": None, "label": None, "tags": None, "n": 3},
    {"text": "d", "label": None, "tags": [None], "n": 4},
]


def saved(folder: Path, *parts: list[dict[str, Any]], features: Any = None, **state: Any) -> Path:
    """Writes a saved split with a file for each part of its rows."""
    folder.mkdir(parents=True)
    names = [f"data-{place:05}-of-{len(parts):05}.arrow" for place in range(len(parts))]
    for name, rows in zip(names, parts, strict=True):
        with pa.OSFile(str(folder / name), "wb") as sink, pa.ipc.new_stream(sink, SCHEMA) as writer:
            writer.write_batch(pa.RecordBatch.from_pylist(rows, schema=SCHEMA))
    told = {"_data_files": [{"filename": name} for name in names], **state}
    (folder / "state.json").write_text(json.dumps(told))
    (folder / "dataset_info.json").write_text(json.dumps({"features": FEATURES if features is None else features}))
    return folder


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [row for batch in find_source(str(folder))(str(folder), COLUMNS) for row in batch.to_pylist()]


def message(folder: Path) -> str:
    with pytest.raises(UsageError) as caught:
        rows_of(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(str(folder), "FOLDER")


@pytest.mark.parametrize("cuts", [(4,), (2, 4), (0, 1, 4)])
def test_rows_of_every_file_in_order(tmp_path: Path, cuts: tuple[int, ...]) -> None:
    parts = [ROWS[start:end] for start, end in zip((0, *cuts), cuts, strict=False)]
    folder = saved(tmp_path / "saved", *parts)
    assert rows_of(folder) == READ
    assert column_names(str(folder), COLUMNS) == ("text", "label", "tags", "n")


@pytest.mark.parametrize(
    "tags",
    [
        {"feature": {"names": ["a", "b"], "_type": "ClassLabel"}, "_type": "Sequence", "length": -1},
        [{"names": ["a", "b"], "_type": "ClassLabel"}],
    ],
    ids=["of version 2", "of version 1"],
)
def test_lists_as_older_versions_describe_them(tmp_path: Path, tags: Any) -> None:
    assert rows_of(saved(tmp_path / "saved", ROWS, features={**FEATURES, "tags": tags})) == READ


def test_numbers_without_names_stay_numbers(tmp_path: Path) -> None:
    found = rows_of(saved(tmp_path / "saved", ROWS, features={"text": VALUE, "label": {"_type": "ClassLabel"}}))
    assert [row["label"] for row in found] == [0, 1, -1, None]


def test_batches_are_small(tmp_path: Path) -> None:
    many = [{"text": str(row), "label": row % 2, "tags": [], "n": row} for row in range(20_000)]
    folder = saved(tmp_path / "saved", many)
    batches = list(find_source(str(folder))(str(folder), COLUMNS))
    assert max(batch.num_rows for batch in batches) == 8192
    assert [row["n"] for batch in batches for row in batch.to_pylist()] == list(range(20_000))


def test_a_fingerprint(tmp_path: Path) -> None:
    first = fingerprint(str(saved(tmp_path / "one", ROWS)))
    assert first == fingerprint(str(saved(tmp_path / "same", ROWS)))
    assert first != fingerprint(str(saved(tmp_path / "fewer", ROWS[:1])))
    assert first != fingerprint(str(saved(tmp_path / "features", ROWS, features={})))


def test_several_splits(tmp_path: Path) -> None:
    saved(tmp_path / "train", ROWS)
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    assert message(tmp_path) == "FOLDER holds several splits; name one: FOLDER/train, FOLDER/test"
    assert rows_of(tmp_path / "train") == READ


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (
            {"_indices_data_files": [{"filename": "indices.arrow"}]},
            "FOLDER: rows are chosen by an index; save it again after flatten_indices()",
        ),
        ({"_data_files": []}, "FOLDER: state.json names no files; expected a saved data set with rows"),
        (
            {"_data_files": [{"filename": "../train/data-00000-of-00001.arrow"}]},
            "FOLDER: state.json names '../train/data-00000-of-00001.arrow', which is not there; "
            "expected a whole saved data set",
        ),
        (
            {"_data_files": [{"filename": "none.arrow"}]},
            "FOLDER: state.json names 'none.arrow', which is not there; expected a whole saved data set",
        ),
    ],
)
def test_refused(tmp_path: Path, state: dict[str, Any], expected: str) -> None:
    saved(tmp_path / "train", ROWS)
    assert message(saved(tmp_path / "saved", ROWS, **state)) == expected


def test_damaged(tmp_path: Path) -> None:
    folder = saved(tmp_path / "saved", ROWS)
    data = folder / "data-00000-of-00001.arrow"
    whole = data.read_bytes()
    for length in (0, 4, len(whole) // 2):
        data.write_bytes(whole[:length])
        assert message(folder).startswith("FOLDER cannot be read: ")
    data.write_bytes(whole)
    (folder / "state.json").write_text("{")
    assert message(folder) == "FOLDER: state.json is not JSON; expected what datasets has saved"


def test_what_the_library_itself_writes(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["neg", "pos"]),
            "tags": datasets.Sequence(datasets.ClassLabel(names=["a", "b"])),
            "n": datasets.Value("int64"),
        }
    )
    made = datasets.Dataset.from_list(ROWS, features=features)
    made.save_to_disk(str(tmp_path / "saved"))
    assert rows_of(tmp_path / "saved") == READ
    datasets.DatasetDict({"train": made}).save_to_disk(str(tmp_path / "splits"))
    assert message(tmp_path / "splits") == "FOLDER holds several splits; name one: FOLDER/train"
