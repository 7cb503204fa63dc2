"""TensorFlow Datasets: ``tfds:NAME[/CONFIG][:SPLIT]``, without SPLIT the split ``train``."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pyarrow as pa

from tfclassify.data.sources.columns import Columns, Skipped, uncounted
from tfclassify.errors import UsageError, nearest

# Fewer than elsewhere: how many bytes they take is known only afterwards.
ROWS = 1024

Column = Callable[[Any], pa.Array]


def read_tfds(
    location: str, columns: Columns, *, skipped: Skipped = uncounted, data_dir: Path | None = None
) -> Iterator[pa.RecordBatch]:
    """Reads a split, prepared (and downloaded) first where it is not; class numbers become class names.

    Features other than texts, class labels, numbers and lists of these are left out; a row without a class
    (number -1) has null. SPLIT may be a slice, such as ``train[:80%]``. No row is skipped.

    Args:
        location: ``tfds:NAME[/CONFIG][:SPLIT]``.
        columns: not looked at.
        skipped: never called.
        data_dir: where prepared data sets are; by default where TensorFlow Datasets keeps them.

    Raises:
        UsageError: tensorflow-datasets is not installed, or has no such data set or split, or cannot get it.
    """
    builder, split = prepared(location, data_dir=data_dir)
    made = {name: column for name, feature in builder.info.features.items() if (column := _column(feature))}
    try:
        dataset = builder.as_dataset(split=split, shuffle_files=False)
    except ValueError as error:
        raise UsageError(f"{location} cannot be read: {_one_line(error)}") from error
    dataset = dataset.map(lambda example: {name: example[name] for name in made}).ragged_batch(ROWS)
    batch = None
    for batch in dataset:
        yield pa.RecordBatch.from_arrays([made[name](batch[name]) for name in made], names=list(made))
    if batch is None:
        yield pa.RecordBatch.from_pydict({name: pa.array([], pa.string()) for name in made})


def prepared(location: str, *, data_dir: Path | None = None) -> tuple[Any, str]:
    """Returns the builder of a data set whose files are there, and the split asked for.

    Raises:
        UsageError: tensorflow-datasets is not installed, or has no such data set or split, or cannot get it.
    """
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise UsageError(f"{location} needs tensorflow-datasets; type: pip install tensorflow-datasets") from error
    _, name, *rest = location.split(":", 2)
    split = rest[0] if rest else "train"
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except (tfds.core.DatasetNotFoundError, ValueError) as error:
        known = nearest(name, tfds.list_builders(with_community_datasets=False))
        raise UsageError(f"{location}: TensorFlow Datasets has no data set '{name}'{known}") from error
    try:
        # It prints what it does; standard output is for results.
        with redirect_stdout(sys.stderr):
            builder.download_and_prepare()
    except Exception as error:
        # The data set's own code, which raises what it likes, the network and the disk all have a part in this.
        reason = _one_line(error)
        raise UsageError(f"{location} cannot be downloaded; prepare it where it can be: {reason}") from error
    _check_split(location, split, list(builder.info.splits))
    return builder, split


def _check_split(location: str, split: str, known: list[str]) -> None:
    for part in split.split("+"):
        name = re.sub(r"\[.*\]$", "", part)
        if name not in known:
            listed = ", ".join(known)
            raise UsageError(f"{location}: no split '{name}'; expected one of: {listed}{nearest(name, known)}")


def _column(feature: Any) -> Column | None:
    """Returns what makes an Arrow column of a batch of this feature; None where it is left out."""
    import tensorflow_datasets as tfds

    if isinstance(feature, tfds.features.Sequence):
        # A list of fixed length is a vector of measurements rather than labels, and is batched in another way.
        item = _column(feature.feature) if feature.shape == (None,) else None
        return None if item is None else lambda batch: _lists(batch, item)
    if isinstance(feature, tfds.features.ClassLabel):
        names = pa.array([feature.int2str(place) for place in range(feature.num_classes)], pa.string())
        return lambda batch: names.take(pa.array(batch.numpy(), mask=batch.numpy() < 0))
    if isinstance(feature, tfds.features.Tensor) and feature.shape == ():
        return _scalars
    return None


def _scalars(batch: Any) -> pa.Array:
    column = pa.array(batch.numpy())
    try:
        return column.cast(pa.string()) if pa.types.is_binary(column.type) else column
    except pa.ArrowInvalid:
        # Features of bytes look like texts.
        return column


def _lists(batch: Any, item: Column) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(batch.row_splits.numpy(), pa.int32()), item(batch.values))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
