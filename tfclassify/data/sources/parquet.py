"""Parquet files (.parquet, packed or not): columns with the types they were written with."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as arrow_parquet
from numpy.typing import NDArray

from tfclassify.data.sources.columns import BATCH_BYTES, BATCH_ROWS, Columns, Skipped, different, uncounted
from tfclassify.data.sources.files import file_path, reading
from tfclassify.data.sources.packed import open_raw


def read_parquet(location: str, columns: Columns, *, skipped: Skipped = uncounted) -> Iterator[pa.RecordBatch]:
    """Reads a Parquet file; ``data.encoding`` and ``data.bad_rows`` mean nothing here and no row is skipped.

    Raises:
        UsageError: no such file, no Parquet file, or a column twice.
    """
    with reading(location, None), _opened(location) as file:
        schema = arrow_parquet.read_schema(file)
        different(schema.names, location=location)
        file.seek(0)
        # A text that is there many times is kept once in the file: a few bytes may be a great many when written out.
        with arrow_parquet.ParquetFile(file, read_dictionary=_texts(schema)) as table:
            if not table.metadata.num_rows:
                yield pa.RecordBatch.from_pylist([], schema=schema)
            for batch in table.iter_batches(batch_size=_batch_rows(table.metadata)):
                yield from _written_out(batch, schema)


@contextmanager
def _opened(location: str) -> Iterator[IO[bytes] | io.BufferedIOBase]:
    """Opens a file that can be read from its end, as Parquet is and packed files are not."""
    path = file_path(location)
    with open_raw(path) as stream, tempfile.TemporaryFile() as copy:
        if path.suffix.lower() == ".parquet":
            yield stream
            return
        shutil.copyfileobj(stream, copy)
        yield copy


def _batch_rows(metadata: arrow_parquet.FileMetaData) -> int:
    """Returns how many rows of the file's mean size make a batch."""
    size = sum(metadata.row_group(place).total_byte_size for place in range(metadata.num_row_groups))
    return max(1, min(BATCH_ROWS, BATCH_BYTES * metadata.num_rows // max(size, 1)))


def _texts(schema: pa.Schema) -> list[str]:
    return [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)]


def _written_out(batch: pa.RecordBatch, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Cuts a batch so that no part takes much more than 8 MiB with its texts written out, and writes them out."""
    ends = np.cumsum(sum((_text_bytes(column) for column in batch.columns), np.zeros(batch.num_rows, np.int64)))
    starts = np.flatnonzero(np.diff(ends // BATCH_BYTES, prepend=-1)).tolist()
    for start, end in pairwise([*starts, batch.num_rows]):
        yield batch.slice(start, end - start).cast(schema)


def _text_bytes(column: pa.Array) -> NDArray[np.int64]:
    """Returns the bytes of each text of a dictionary column; of other columns none."""
    if not pa.types.is_dictionary(column.type) or column.type.value_type not in (pa.string(), pa.large_string()):
        return np.zeros(len(column), np.int64)
    sizes = pc.binary_length(column.dictionary).cast(pa.int64())
    return sizes.take(column.indices).fill_null(0).to_numpy(zero_copy_only=False)
