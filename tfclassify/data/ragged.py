"""Rows of different lengths on disk: all values in one memory-mapped file, and where each row ends in another."""

from __future__ import annotations

import mmap
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import DTypeLike, NDArray


@dataclass(frozen=True)
class Ragged:
    """``rows`` slices of one array: row i is ``values[offsets[i]:offsets[i + 1]]``; offsets are int64[N + 1]."""

    values: NDArray
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> NDArray:
        return self.values[self.offsets[row] : self.offsets[row + 1]]


@dataclass(frozen=True)
class RaggedFiles:
    """Two files open for appending rows."""

    values: BinaryIO
    offsets: BinaryIO
    dtype: np.dtype


def create(stack: ExitStack, folder: Path, name: str, dtype: DTypeLike) -> RaggedFiles:
    """Opens ``folder/name.values`` and ``folder/name.offsets`` for appending; closed with the stack."""
    values = stack.enter_context((folder / f"{name}.values").open("wb"))
    offsets = stack.enter_context((folder / f"{name}.offsets").open("wb"))
    offsets.write(np.zeros(1, np.int64).tobytes())
    return RaggedFiles(values, offsets, np.dtype(dtype))


def append(files: RaggedFiles, values: NDArray, lengths: NDArray) -> None:
    """Appends rows given as flat values and their lengths."""
    start = files.values.tell() // files.dtype.itemsize
    files.values.write(np.ascontiguousarray(values, files.dtype).tobytes())
    files.offsets.write((start + np.cumsum(lengths, dtype=np.int64)).tobytes())


def append_texts(files: RaggedFiles, texts: pa.Array) -> None:
    """Appends texts, an Arrow array without nulls, as rows of UTF-8."""
    column = texts.cast(pa.large_binary())
    _, offsets, data = column.buffers()
    bounds = np.frombuffer(offsets, np.int64)[column.offset : column.offset + len(column) + 1]
    values = np.frombuffer(data, np.uint8)[bounds[0] : bounds[-1]] if len(column) else np.zeros(0, np.uint8)
    append(files, values, np.diff(bounds))


def open_ragged(folder: Path, name: str, dtype: DTypeLike) -> Ragged:
    """Maps a pair of files written by :func:`append` into memory, read only."""
    return Ragged(
        values=open_values(folder / f"{name}.values", dtype),
        offsets=open_values(folder / f"{name}.offsets", np.int64),
    )


def open_values(path: Path, dtype: DTypeLike) -> NDArray:
    """Maps a file of plain values into memory, read only."""
    # An empty file cannot be mapped.
    if path.stat().st_size == 0:
        return np.zeros(0, dtype)
    return np.memmap(path, dtype=dtype, mode="r")


def let_go(*mapped: NDArray) -> None:
    """Gives back the memory that mapped files take, where the system can; they are read again where they are needed."""
    for values in mapped:
        if isinstance(values.base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            values.base.madvise(mmap.MADV_DONTNEED)


def lengths(ragged: Ragged) -> NDArray[np.int32]:
    """Returns the length of every row, int32[N]."""
    return np.diff(ragged.offsets).astype(np.int32)


def decode(ragged: Ragged, row: int) -> str:
    """Returns a row of UTF-8 bytes as a string."""
    return ragged[row].tobytes().decode("utf-8")
