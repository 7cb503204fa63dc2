"""What is read block by block is what the parser makes of it: the same rows, those left out too, the same errors."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tfclassify.data.sources import Columns, ahead, blocks, delimited
from tfclassify.data.sources.ahead import Ahead, lines
from tfclassify.data.sources.blocks import Rows, likely_rows, text_of, whole_rows
from tfclassify.data.sources.delimited import read_ahead
from tfclassify.data.sources.files import UTF_8
from tfclassify.errors import UsageError

PLAIN = Columns("text")
PIECES = [
    b"a",
    b"bc",
    b'"',
    b'""',
    b",",
    b",",
    b"\n",
    b"\n",
    b"\r\n",
    b"\r",
    b"\xc3\xa9",
    b"\xff",
    b"\0",
    b"\xef\xbb\xbf",
]
# How many bytes Arrow looks at together; for 0 it is not asked.
ARROW_BYTES = [50, 1 << 18]


def rows_of(data: bytes) -> Rows:
    """Takes all of a text."""
    return Rows(data, 0, len(data))


def read(data: bytes, columns: Columns, *, block_bytes: int, arrow_bytes: int, waits: bool = False) -> tuple[Any, ...]:
    """Returns rows, the numbers of those left out, and the error."""
    skipped: list[int] = []
    rows: list[dict[str, str]] = []
    stream = io.BytesIO(data)
    fast = whole_rows if arrow_bytes else lambda *_: None
    with (
        patch.object(ahead, "BLOCK_BYTES", block_bytes),
        patch.object(delimited, "BLOCK_BYTES", block_bytes),
        patch.object(delimited, "whole_rows", fast),
        patch.object(blocks, "LOOKED_AT_BYTES", 7),
        patch.object(blocks, "ARROW_BYTES", arrow_bytes),
    ):
        try:
            for batch in read_ahead(Ahead(stream.read, waits), "rows", columns, skipped=skipped.append):
                batch.validate(full=True)
                rows += batch.to_pylist()
        except UsageError as error:
            return rows, skipped, str(error)
    return rows, skipped, None


@given(
    body=st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join),
    head=st.sampled_from([b"text\n", b"text,label\n", b"text,label,id\r\n"]),
    block_bytes=st.sampled_from([2, 7, 30, 1000]),
    arrow_bytes=st.sampled_from(ARROW_BYTES),
    waits=st.booleans(),
    bad_rows=st.sampled_from(["fail", "skip"]),
)
@example(b'a,"b\nc",d\n"",""\n', b"text,label\n", 1000, 1 << 18, False, "fail")
@example(b'"a""",b\n"""",c\nd,""""""\n', b"text,label\n", 1000, 1 << 18, False, "fail")
@example(b'a "b" c,d\ne",f\n', b"text,label\n", 1000, 1 << 18, False, "fail")
@settings(max_examples=300)
def test_any_bytes_are_read_as_the_parser_reads_them(
    body: bytes, head: bytes, block_bytes: int, arrow_bytes: int, waits: bool, bad_rows: Any
) -> None:
    columns = replace(PLAIN, bad_rows=bad_rows)
    expected = read(head + body, columns, block_bytes=1000, arrow_bytes=0)
    assert read(head + body, columns, block_bytes=block_bytes, arrow_bytes=arrow_bytes, waits=waits) == expected


def test_line_ends_within_quotes_stay_whole_wherever_a_block_ends() -> None:
    for before in range(60):
        data = b"text,label\r\n" + b"".join(b'"%s\r\nb","\r\n"\r\n' % (b"a" * (before + row)) for row in range(9))
        expected = read(data, PLAIN, block_bytes=1000, arrow_bytes=0)
        assert read(data, PLAIN, block_bytes=1000, arrow_bytes=50) == expected


FIELD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9) | st.sampled_from(
    ['"', ",", "\r", "\n", "\r\n", '""', "\ufeff", " "]
)


@given(
    rows=st.lists(st.tuples(FIELD, FIELD), min_size=1, max_size=30),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
    arrow_bytes=st.sampled_from(ARROW_BYTES),
    block_bytes=st.sampled_from([40, 1000]),
    spoilt=st.sampled_from([b"", b"\xff", b",", b'"x"y', b"\n"]),
    place=st.floats(0, 1),
)
@settings(max_examples=200)
def test_tables_are_read_as_the_parser_reads_them(
    rows: list[tuple[str, str]], quoting: Any, end: str, arrow_bytes: int, block_bytes: int, spoilt: bytes, place: float
) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, quoting=quoting, lineterminator=end).writerows([("text", "label"), *rows])
    data = out.getvalue().encode()
    cut = int(place * len(data))
    data = data[:cut] + spoilt + data[cut:]
    for bad_rows in ("fail", "skip"):
        columns = replace(PLAIN, bad_rows=bad_rows)
        expected = read(data, columns, block_bytes=1000, arrow_bytes=0)
        assert read(data, columns, block_bytes=block_bytes, arrow_bytes=arrow_bytes) == expected
    # Python writes a CR without quotes where lines end without one.
    if not spoilt and (quoting == csv.QUOTE_ALL or end == "\r\n"):
        assert [tuple(row.values()) for row in expected[0]] == rows


@pytest.mark.parametrize("arrow_bytes", [4096, 1 << 18])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_proper_table_does_not_go_through_the_parser(arrow_bytes: int, end: str) -> None:
    rows = [(f'{"a" * 90}, "{row}"{end}é', str(row)) for row in range(2000)]
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=end).writerows([("text", "label"), *rows])
    taken: list[int] = []
    parser = delimited._rows

    def counted(*given: Any, **named: Any) -> Iterator[Any]:
        for row in parser(*given, **named):
            taken.append(row[1])
            yield row

    with patch.object(delimited, "_rows", counted):
        found, _, error = read(out.getvalue().encode(), PLAIN, block_bytes=4096, arrow_bytes=arrow_bytes)
    assert error is None
    assert [tuple(row.values()) for row in found] == rows
    assert taken == []


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", b""),
        (b"a,b", b""),
        (b"a,b\nc", b"a,b\n"),
        (b'a,"b\nc', b""),
        (b'a,b\nc,"d\ne', b"a,b\n"),
        (b'a,"b\nc"\nd,"e\n\nf', b'a,"b\nc"\n'),
        (b'"a\n""\n', b""),
        (b'a"b\nc\n', b""),
        (b'a"b"\nc\n', b'a"b"\nc\n'),
    ],
)
def test_where_rows_are_likely_to_end(data: bytes, expected: bytes) -> None:
    assert text_of(likely_rows(data, 0)) == expected
    assert text_of(likely_rows(b'"\n' + data + b"x", 2)) == expected


@pytest.mark.parametrize(
    "data",
    [b"a\0,b\n", b"\xef\xbb\xbfa,b\n", b'a,"b"c\n', b'"a,b\n"c"\n', b"a,b,c\n", b"a\n", b"\xff,b\n", b"a,\xc3\nb,c\n"],
)
def test_what_the_parser_has_to_look_at(data: bytes) -> None:
    assert whole_rows(rows_of(data), ["text", "label"], ",") is None
    good = whole_rows(rows_of(b"a,b\n"), ["text", "label"], ",")
    assert good == pa.RecordBatch.from_pydict({"text": ["a"], "label": ["b"]})
    assert whole_rows(rows_of(b"a,b\n"), ["text", "label"], "¦") is None


@given(data=st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join), block_bytes=st.sampled_from([2, 5, 100]))
def test_lines_are_those_of_a_file(data: bytes, block_bytes: int) -> None:
    with patch.object(ahead, "BLOCK_BYTES", block_bytes):
        found = list(lines(ahead.without_mark(Ahead(io.BytesIO(data).read))))
    assert found == list(io.TextIOWrapper(io.BytesIO(data), UTF_8, "surrogateescape", newline=""))


def test_a_stream_that_waits_is_answered_as_it_comes() -> None:
    """No row waits for bytes that come after its line."""
    sent = [b"text,label\n", b"a,x\nb,", b'y\n"c\n', b'",z\nd"d,"e"\n', b"f,g"]
    told: list[str] = []

    def told_of(size: int) -> bytes:
        told.append("read")
        return sent.pop(0) if sent else b""

    for batch in read_ahead(Ahead(told_of, waits=True), "rows", PLAIN):
        told += batch.column(0).to_pylist()
    assert "".join(each[0] for each in told if each != "read") == "abcdf"
    assert told[:5] == ["read", "read", "a", "read", "b"]
