"""Parquet files (.parquet, also .gz): columns with the types they were written with."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as arrow_parquet

from tfclassify.data.sources.columns import BATCH_ROWS, Columns, Skipped, different, uncounted
from tfclassify.data.sources.files import file_path, open_raw, reading


def read_parquet(location: str, columns: Columns, *, skipped: Skipped = uncounted) -> Iterator[pa.RecordBatch]:
    """Reads a Parquet file; ``data.encoding`` and ``data.bad_rows`` mean nothing here and no row is skipped.

    Raises:
        UsageError: no such file, no Parquet file, or a column twice.
    """
    with reading(location, None), _table(location) as table:
        schema = table.schema_arrow
        different(schema.names, location=location)
        if not table.metadata.num_rows:
            yield pa.RecordBatch.from_pylist([], schema=schema)
        yield from table.iter_batches(batch_size=BATCH_ROWS)


@contextmanager
def _table(location: str) -> Iterator[arrow_parquet.ParquetFile]:
    path = file_path(location)
    if path.suffix.lower() != ".gz":
        with arrow_parquet.ParquetFile(str(path)) as table:
            yield table
        return
    # Parquet is read from its end, and gzip only from its beginning.
    with tempfile.TemporaryFile() as copy:
        with open_raw(path) as stream:
            shutil.copyfileobj(stream, copy)
        with arrow_parquet.ParquetFile(copy) as table:
            yield table
