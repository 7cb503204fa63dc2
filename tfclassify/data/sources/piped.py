"""Delimited text from a pipe: read once, as it comes, in bounded memory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path

import pyarrow as pa

from tfclassify.data.sources.ahead import Ahead, fill, held
from tfclassify.data.sources.columns import Columns, Skipped, uncounted
from tfclassify.data.sources.delimited import read_ahead, read_delimited
from tfclassify.data.sources.files import UTF_8, codec_of, reading
from tfclassify.errors import UsageError

LONGEST_MARK = 4


def read_piped(
    stream: BufferedIOBase, columns: Columns, *, name: str, skipped: Skipped = uncounted
) -> Iterator[pa.RecordBatch]:
    """Reads a stream as :func:`read_delimited` reads a .csv file; no row waits for what comes after its line.

    Other encodings than UTF-8 are read from a copy on disk, once all of it has come.

    Args:
        stream: bytes.
        columns: of which only the format counts.
        name: of the stream, for messages.
        skipped: is told of each row that is left out.

    Raises:
        UsageError: as :func:`read_delimited` does.
    """
    ahead = Ahead(stream.read1, waits=True)
    with reading(name, columns.encoding):
        fill(ahead, LONGEST_MARK)
        if codec_of(held(ahead)[:LONGEST_MARK], columns.encoding, location=name) == UTF_8:
            yield from read_ahead(ahead, name, columns, skipped=skipped)
            return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        with open(path, "wb") as file:
            file.write(held(ahead))
            shutil.copyfileobj(stream, file)
        try:
            yield from read_delimited(str(path), columns, skipped=skipped)
        except UsageError as error:
            raise UsageError(str(error).replace(str(path), name)) from error
