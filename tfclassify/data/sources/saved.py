"""Folders that Hugging Face ``datasets`` has saved: Arrow files that are read without that library.

Format: ``state.json`` lists the Arrow stream files, ``dataset_info.json`` has the features; a folder of several
splits has ``dataset_dict.json`` (``datasets`` 2 to 4, ``Dataset.save_to_disk``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa

from tfclassify.data.sources.columns import BATCH_ROWS, Columns, Skipped, different, uncounted
from tfclassify.data.sources.files import local, reading
from tfclassify.errors import UsageError

STATE, INFO, SPLITS = "state.json", "dataset_info.json", "dataset_dict.json"


def is_saved(location: str) -> bool:
    """Says whether a folder is one that ``datasets`` has saved."""
    folder = local(location)
    return (folder / SPLITS).is_file() or ((folder / STATE).is_file() and (folder / INFO).is_file())


def read_saved(location: str, columns: Columns, *, skipped: Skipped = uncounted) -> Iterator[pa.RecordBatch]:
    """Reads one saved split; class numbers become class names, and null where there is none (-1). No row is skipped.

    Raises:
        UsageError: the folder holds several splits, its rows are chosen by an index, or it cannot be read.
    """
    files = saved_files(location)
    features = _read(local(location) / INFO, location).get("features") or {}
    with reading(location, None):
        for file in files[2:]:
            with pa.memory_map(str(file)) as source, pa.ipc.open_stream(source) as stream:
                different(stream.schema.names, location=location)
                yield _named(pa.RecordBatch.from_pylist([], schema=stream.schema), features)
                for batch in stream:
                    for start in range(0, batch.num_rows, BATCH_ROWS):
                        yield _named(batch.slice(start, BATCH_ROWS), features)


def saved_files(location: str) -> list[Path]:
    """Returns the files of a saved split: its state, its features, and its rows in order.

    Raises:
        UsageError: it holds several splits, its rows are chosen by an index, or what it names is not there.
    """
    folder = local(location)
    if (folder / SPLITS).is_file():
        found = ", ".join(
            f"{location.rstrip('/')}/{name}" for name in _read(folder / SPLITS, location).get("splits", [])
        )
        raise UsageError(f"{location} holds several splits; name one: {found}")
    state = _read(folder / STATE, location)
    if state.get("_indices_data_files"):
        raise UsageError(f"{location}: rows are chosen by an index; save it again after flatten_indices()")
    names = [str(entry["filename"]) for entry in state.get("_data_files", [])]
    for name in names:
        if PurePosixPath(name).name != name or not (folder / name).is_file():
            raise UsageError(f"{location}: {STATE} names {name!r}, which is not there; expected a whole saved data set")
    if not names:
        raise UsageError(f"{location}: {STATE} names no files; expected a saved data set with rows")
    return [folder / STATE, folder / INFO, *(folder / name for name in names)]


def _read(path: Path, location: str) -> dict[str, Any]:
    with reading(location, None):
        text = path.read_text(encoding="utf-8")
    try:
        found = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{location}: {path.name} is not JSON; expected what datasets has saved") from error
    return found if isinstance(found, dict) else {}


def _named(batch: pa.RecordBatch, features: dict[str, Any]) -> pa.RecordBatch:
    columns = [_column(batch.column(name), features.get(name)) for name in batch.schema.names]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _column(column: pa.Array, feature: Any) -> pa.Array:
    """Gives the names of classes for their numbers, in lists too."""
    if isinstance(feature, list) and len(feature) == 1:
        feature = {"_type": "Sequence", "feature": feature[0]}
    kind = feature.get("_type") if isinstance(feature, dict) else None
    if kind == "ClassLabel" and feature.get("names"):
        numbers = column.to_numpy(zero_copy_only=False)
        known = np.isin(numbers, np.arange(len(feature["names"])))
        places = np.where(known, numbers, 0).astype(np.int64)
        return pa.array(feature["names"], pa.string()).take(pa.array(places, mask=~known))
    if kind in ("Sequence", "List", "LargeList") and (
        pa.types.is_list(column.type) or pa.types.is_large_list(column.type)
    ):
        values = _column(column.flatten(), feature.get("feature"))
        lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), values, mask=column.is_null())
    return column
