"""What comes through a pipe is read as a file is, as it comes."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tfclassify.data.sources import Columns, read_piped
from tfclassify.errors import UsageError

CONTENT = 'text,label\na,x\n"b\n,",y\nc "d",é\n'
ROWS = [("a", "x"), ("b\n,", "y"), ('c "d"', "é")]


def read(data: bytes, **format_: Any) -> list[tuple[str, ...]]:
    batches = read_piped(io.BytesIO(data), Columns("", **format_), name="standard input")
    return [tuple(row.values()) for batch in batches for row in batch.to_pylist()]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_every_mark_is_known(encoding: str) -> None:
    assert read(CONTENT.encode(encoding)) == ROWS


def test_an_encoding_that_is_asked_for() -> None:
    assert read(CONTENT.encode("latin-1"), encoding="latin-1") == ROWS
    with pytest.raises(UsageError, match=r"^standard input: row 3 is not UTF-8: 0xe9 at byte 29; set data\.encoding"):
        read(CONTENT.encode("latin-1"))
    with pytest.raises(UsageError, match=r"^standard input: row 1 has 1 field; expected 2;"):
        read("text,label\na\n".encode("utf-16"), encoding="utf-16")


def test_rows_are_there_before_the_pipe_ends() -> None:
    out, into = os.pipe()
    with open(out, "rb") as stream, open(into, "wb", buffering=0) as pipe:
        batches: Iterator[Any] = read_piped(stream, Columns(""), name="standard input")
        pipe.write(b"text\na\n")
        assert next(batches).to_pylist() == [{"text": "a"}]
        pipe.write(b"b\nc\n")
        assert next(batches).to_pylist() == [{"text": "b"}, {"text": "c"}]
        later = threading.Timer(0.05, lambda: pipe.write(b"ill\n"))
        pipe.write(b"d st")
        later.start()
        assert next(batches).to_pylist() == [{"text": "d still"}]
        later.join()
        pipe.close()
        assert list(batches) == []
