"""Parquet files (.parquet, packed or not): columns with the types they were written with."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pyarrow as pa
import pyarrow.parquet as arrow_parquet

from tfclassify.data.sources.columns import BATCH_BYTES, BATCH_ROWS, Columns, Skipped, different, uncounted
from tfclassify.data.sources.files import file_path, reading
from tfclassify.data.sources.packed import open_raw


def read_parquet(location: str, columns: Columns, *, skipped: Skipped = uncounted) -> Iterator[pa.RecordBatch]:
    """Reads a Parquet file; ``data.encoding`` and ``data.bad_rows`` mean nothing here and no row is skipped.

    Raises:
        UsageError: no such file, no Parquet file, or a column twice.
    """
    with reading(location, None), _opened(location) as file, arrow_parquet.ParquetFile(file) as table:
        schema = table.schema_arrow
        different(schema.names, location=location)
        if not table.metadata.num_rows:
            yield pa.RecordBatch.from_pylist([], schema=schema)
        yield from table.iter_batches(batch_size=_batch_rows(table.metadata))


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
