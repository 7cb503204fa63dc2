"""Every source, every suffix; every message word for word."""

from __future__ import annotations

import builtins
import csv
import gzip
import importlib
import io
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as arrow_parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.data.sources import (
    SOURCES,
    Columns,
    column_names,
    find_source,
    fingerprint,
    passed_over,
    sample_splits,
)
from tfclassify.data.sources import columns as columns_module
from tfclassify.data.sources.columns import BATCH_ROWS
from tfclassify.data.sources.sample import sample_file
from tfclassify.errors import UsageError

PLAIN = Columns("text", label="label")
SKIP = replace(PLAIN, bad_rows="skip")
ROWS = [{"text": "a, b", "label": "x"}, {"text": "ünï\u2028\n", "label": "y"}]


def rows_of(path: Path | str, columns: Columns = PLAIN) -> list[dict[str, Any]]:
    batches = list(find_source(str(path))(str(path), columns))
    assert all(batch.num_rows <= BATCH_ROWS for batch in batches)
    return [row for batch in batches for row in batch.to_pylist()]


def skipped_of(path: Path, columns: Columns = SKIP) -> tuple[list[dict[str, Any]], list[int]]:
    """Returns the rows of a location, and the numbers of those that were left out."""
    skipped: list[int] = []
    batches = list(find_source(str(path))(str(path), columns, skipped=skipped.append))
    return [row for batch in batches for row in batch.to_pylist()], skipped


def message(path: Path | str, columns: Columns = PLAIN) -> str:
    with pytest.raises(UsageError) as caught:
        rows_of(path, columns)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(f"{path}", "FILE")


def written(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def delimited_text(rows: list[dict[str, str]], delimiter: str = ",") -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(rows[0])
    writer.writerows(row.values() for row in rows)
    return out.getvalue()


def parquet_bytes(table: pa.Table) -> bytes:
    out = io.BytesIO()
    arrow_parquet.write_table(table, out)
    return out.getvalue()


def in_format(name: str) -> bytes:
    made = {
        "csv": lambda: delimited_text(ROWS).encode(),
        "tsv": lambda: delimited_text(ROWS, "\t").encode(),
        "jsonl": lambda: "".join(json.dumps(row) + "\n" for row in ROWS).encode(),
        "json": lambda: json.dumps(ROWS, indent=1).encode(),
        "parquet": lambda: parquet_bytes(pa.Table.from_pylist(ROWS)),
    }
    return made[name.split(".")[1].lower()]()


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "json", "parquet", "CSV"])
@pytest.mark.parametrize("packing", ["", ".gz"])
def test_every_file_format(tmp_path: Path, suffix: str, packing: str) -> None:
    name = f"rows.{suffix}{packing}"
    path = written(tmp_path, name, in_format(name))
    assert rows_of(path) == ROWS
    assert column_names(str(path), PLAIN) == ("text", "label")


@pytest.mark.parametrize("kind", sorted(SOURCES))
def test_every_source_says_what_it_does(kind: str) -> None:
    assert SOURCES[kind].__doc__


# Delimited


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        pytest.param(b"\xef\xbb\xbftext,label\na,x\n", ["a"], id="L01 byte order mark"),
        pytest.param('text,label\n"a,""b""\nc",x\n', ['a,"b"\nc'], id="L09 quotes"),
        pytest.param('text,label\na "b" c,x\n', ['a "b" c'], id="L11 bare quote"),
        pytest.param("text,label\r\na,x\r\nb,x\r\n", ["a", "b"], id="L14 crlf"),
        pytest.param("text,label\ra,x\rb,x\r", ["a", "b"], id="L14 cr"),
        pytest.param("text,label\na\u2028b,x\n", ["a\u2028b"], id="L14 line separator"),
        pytest.param(" text ,label\n a ,x\n", [" a "], id="L18 header is stripped, fields are not"),
        pytest.param("text,label\nNA,x\nnull,x\nnan,x\n1,x\n", ["NA", "null", "nan", "1"], id="L21"),
        pytest.param("text,label\n,x\n", [""], id="L20 empty text"),
        pytest.param("text,label\n=cmd(),x\n", ["=cmd()"], id="L53"),
        pytest.param('\n\ntext,label\n\na,x\n\n"b",x', ["a", "b"], id="empty lines, no last line end"),
        pytest.param('"te\nxt",label,text\na,x,b\n', ["b"], id="a line end in the header"),
        pytest.param("text,label\n", [], id="L19 no rows"),
        pytest.param("text,label", [], id="L19 no rows and no line end"),
        pytest.param('text\n""\na\n', ["", "a"], id="one column"),
        pytest.param("1,text\na,b\n", ["b"], id="a name that is a place"),
        pytest.param(",text\n0,b\n", ["b"], id="a column without a name"),
    ],
)
def test_delimited(tmp_path: Path, content: str | bytes, texts: list[str]) -> None:
    path = written(tmp_path, "rows.csv", content)
    assert [row["text"] for row in rows_of(path)] == texts
    assert "text" in column_names(str(path), PLAIN)


def test_delimited_keeps_every_column_as_text(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.csv", "text,n,d,label\na,01,2020-01-01,true\nb,,x,\n")
    assert rows_of(path) == [
        {"text": "a", "n": "01", "d": "2020-01-01", "label": "true"},
        {"text": "b", "n": "", "d": "x", "label": ""},
    ]


def test_delimiter_as_asked(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.csv", "text;label\na,b;x\n")
    columns = replace(PLAIN, delimiter=";")
    assert rows_of(path, columns) == [{"text": "a,b", "label": "x"}]
    assert column_names(str(path), columns) == ("text", "label")


ALPHABET = st.characters(exclude_categories=["Cs"])
FIELD = st.text(ALPHABET, max_size=12) | st.sampled_from(['"', ",", "\r", "\n", "\r\n", '",\n"', "\ufeff", "NA", " "])


@given(
    rows=st.lists(st.tuples(FIELD, FIELD, FIELD), max_size=8),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    delimiter=st.sampled_from(",;\t|"),
    mark=st.booleans(),
)
def test_delimited_reads_what_python_writes(
    rows: list[tuple[str, str, str]], quoting: Any, delimiter: str, mark: bool
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=quoting, delimiter=delimiter)
    writer.writerows([("text", "label", "id"), *rows])
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), "rows.csv", out.getvalue().encode("utf-8-sig" if mark else "utf-8"))
        found = [tuple(row.values()) for row in rows_of(path, replace(PLAIN, delimiter=delimiter))]
    assert found == rows


def test_batches_are_small_and_in_order(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.csv", "text,label\n" + "".join(f"{i},x\n" for i in range(20_000)))
    batches = list(find_source(str(path))(str(path), PLAIN))
    assert [batch.num_rows for batch in batches] == [8192, 8192, 20_000 - 2 * 8192]
    assert [row["text"] for row in rows_of(path)] == [str(i) for i in range(20_000)]


def test_batches_end_where_rows_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns_module, "BATCH_ROWS", 2)
    path = written(tmp_path, "rows.csv", "text,label\n" + "a,x\n" * 4)
    assert [batch.num_rows for batch in find_source(str(path))(str(path), PLAIN)] == [2, 2]


def test_batches_are_small_in_bytes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns_module, "BATCH_BYTES", 64)
    rows = [{"text": "a" * 40, "label": "x"}] * 4
    for name, content in {
        "rows.csv": delimited_text(rows),
        "rows.jsonl": "".join(json.dumps(row) + "\n" for row in rows),
        "folder/x/1": "a" * 40,
        "folder/x/2": "a" * 40,
        "folder/x/3": "a" * 40,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        written(tmp_path, name, content)
    sizes = {
        name: [batch.num_rows for batch in find_source(str(tmp_path / name))(str(tmp_path / name), PLAIN)]
        for name in ("rows.csv", "rows.jsonl", "folder")
    }
    assert sizes == {"rows.csv": [2, 2], "rows.jsonl": [1, 1, 1, 1], "folder": [2, 1]}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "FILE is empty; expected a header and at least one row"),
        ("\n\n", "FILE is empty; expected a header and at least one row"),
        ("text,label,text\na,b,c\n", "FILE: the column 'text' is there twice; expected different column names"),
        (
            'text,label\na,x\n"b\nc",x\nd,x,y\n',
            "FILE: row 3 has 3 fields; expected 2; quote fields that hold a delimiter, or set data.bad_rows=skip",
        ),
        (
            'text,label\na,x\n\n"b"c,x\nd,y\n',
            "FILE: row 2 has text behind a closing quote; double quotes within quotes where they are text, "
            "or set data.bad_rows=skip",
        ),
        (
            # What is left open ends at the next quote, far from where the mistake is.
            'text,label\na,x\n"b,x\nc,x\n"d",x\n',
            "FILE: row 2 has text behind a closing quote; double quotes within quotes where they are text, "
            "or set data.bad_rows=skip",
        ),
        (
            'text,label\na,x\nb,"x\nc,x\nd,x\n',
            "FILE: row 2 opens a quote that is never closed; close it, or double it within quotes where it is text",
        ),
        (
            'text,"label\na,x\n',
            "FILE: the header opens a quote that is never closed; close it, "
            "or double it within quotes where it is text",
        ),
        (
            "\ntext,label\na\n",
            "FILE: row 1 has 1 field; expected 2; quote fields that hold a delimiter, or set data.bad_rows=skip",
        ),
        (
            b"text,label\na,x\nb\xe9,x\n",
            "FILE: row 2 is not UTF-8: 0xe9 at byte 16; set data.encoding to what it was written in, such as cp1252",
        ),
        (
            b"text,label\xff\na,x\n",
            "FILE: the header is not UTF-8: 0xff at byte 10; set data.encoding to what it was written in, "
            "such as cp1252",
        ),
        (
            "text,label\na,x\n".encode("utf-16"),
            "FILE begins with a UTF-16 byte order mark; set data.encoding=utf-16",
        ),
    ],
)
def test_delimited_refuses(tmp_path: Path, content: str | bytes, expected: str) -> None:
    path = written(tmp_path, "rows.csv", content)
    assert message(path, replace(PLAIN, encoding="utf-8")) == expected


TOO_LONG = "is longer than 8 MiB; expected shorter ones: look for a quote that is never closed"


@pytest.mark.parametrize("bad_rows", ["fail", "skip"])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(
            'text,label\na,x\nb,"x\n' + f"{'c' * 96},x\n" * 85_000, f"FILE: row 2 {TOO_LONG}", id="open quote"
        ),
        pytest.param(f"text,label\na,x\n{'b' * 9_000_000},x\nc,x\n", f"FILE: row 2 {TOO_LONG}", id="L34 field"),
        pytest.param("text,label\n" + "é" * 4_200_000 + ",x", f"FILE: row 1 {TOO_LONG}", id="bytes, not characters"),
        pytest.param("b," * 4_200_000, f"FILE: the header {TOO_LONG}", id="header"),
    ],
)
def test_a_row_that_is_too_long(tmp_path: Path, content: str, expected: str, bad_rows: Any) -> None:
    assert message(written(tmp_path, "rows.csv", content), replace(PLAIN, bad_rows=bad_rows)) == expected


def test_a_quote_that_is_never_closed_is_not_skipped(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.csv", 'text,label\na,x\nb,"x\nc,x\n')
    assert message(path, SKIP).startswith("FILE: row 2 opens a quote that is never closed;")


def test_a_row_that_is_as_long_as_can_be(tmp_path: Path) -> None:
    size = 8 * 2**20 - len("x,\n")
    path = written(tmp_path, "rows.csv", f"label,text\nx,{'a' * size}\n")
    assert len(rows_of(path)[0]["text"]) == size


@pytest.mark.parametrize("delimiter", ['"', "\n", "\r"])
def test_a_delimiter_that_is_none(tmp_path: Path, delimiter: str) -> None:
    path = written(tmp_path, "rows.csv", "text,label\na,x\n")
    assert message(path, replace(PLAIN, delimiter=delimiter)) == (
        f"data.delimiter is {delimiter!r}; expected no quote and no line end, such as ';'"
    )


def test_a_nul_is_a_character(tmp_path: Path) -> None:
    assert rows_of(written(tmp_path, "rows.csv", "text,label\na\0b,x\n")) == [{"text": "a\0b", "label": "x"}]


def test_a_text_of_a_million_characters(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.csv", f"text,label\n{'ab ' * 400_000},x\n")
    assert len(rows_of(path)[0]["text"]) == 1_200_000


def test_bad_rows_are_skipped_and_numbered(tmp_path: Path) -> None:
    content = b'text,label\na,x\nb\n\nc\xff,x\nd,x,y\ne,\xff\n"f"f,x\n\xe9\ng,x\nh\n'
    path = written(tmp_path, "rows.csv", content)
    assert skipped_of(path) == ([{"text": "a", "label": "x"}, {"text": "g", "label": "x"}], [2, 3, 4, 5, 6, 7, 9])


def test_all_rows_bad(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.csv", "text,label\na\nb\n")
    assert skipped_of(path) == ([], [1, 2])


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_skipped_row_is_told_before_the_rows_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(columns_module, "BATCH_ROWS", 2)
    good, head = {"csv": ("a,x\n", "text,label\n"), "jsonl": ('{"text": "a", "label": "x"}\n', "")}[suffix]
    path = written(tmp_path, f"rows.{suffix}", head + "".join(good if row == "." else "b\n" for row in ".b.bb..b.b"))
    told: list[Any] = []
    for batch in find_source(str(path))(str(path), SKIP, skipped=told.append):
        told.append(f"{batch.num_rows} rows")
    assert told == [2, "2 rows", 4, 5, "2 rows", 8, 10, "1 rows"]


@pytest.mark.shared
def test_real_files_are_read_as_python_reads_them(shared: Path) -> None:
    paths = sorted((shared / "data").glob("*/*.csv"))
    assert paths
    for path in paths:
        with open(path, encoding="utf-8", newline="") as file:
            expected = list(csv.DictReader(file))
        assert rows_of(path, Columns("text")) == expected


# Encodings and files


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
@pytest.mark.parametrize(
    ("codec", "asked"),
    [
        ("utf-8-sig", None),
        ("utf-8-sig", "utf-8"),
        ("utf-16", None),
        ("utf-16", "auto"),
        ("utf-32", "auto"),
        ("utf-16-be", "utf-16-be"),
        ("utf-16", "utf-16-le"),
        ("cp1252", "cp1252"),
        ("latin-1", "latin1"),
    ],
)
def test_encodings(tmp_path: Path, suffix: str, codec: str, asked: str | None) -> None:
    content = {"csv": "text,label\né,x\n", "jsonl": '{"text": "é", "label": "x"}\n'}[suffix]
    path = written(tmp_path, f"rows.{suffix}", content.encode(codec))
    assert rows_of(path, replace(PLAIN, encoding=asked)) == [{"text": "é", "label": "x"}]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (
            "latn-1",
            "data.encoding: no encoding 'latn-1'; expected one that Python knows, such as cp1252"
            "; did you mean 'latin1'?",
        ),
        (
            "base64",
            "data.encoding: no encoding 'base64'; expected one that Python knows, such as cp1252",
        ),
        (
            "undefined",
            "data.encoding: no encoding 'undefined'; expected one that Python knows, such as cp1252",
        ),
        (
            "ascii",
            "FILE: row 1 is not ascii: 0xc3 at byte 11; set data.encoding to what it was written in, such as cp1252",
        ),
        (
            "utf-16",
            "FILE is not utf-16: UTF-16 stream does not start with BOM; set data.encoding to what it was written in",
        ),
    ],
)
def test_encoding_refused(tmp_path: Path, asked: str, expected: str) -> None:
    path = written(tmp_path, "rows.csv", "text,label\né,x\n")
    assert message(path, replace(PLAIN, encoding=asked)) == expected


def test_wrong_byte_is_found_past_the_first_block(tmp_path: Path) -> None:
    # A character is cut in two by the end of the first block of 2**20 bytes.
    head = b"text,label\n".ljust(2**20 - 4, b"a") + b",x\n"
    path = written(tmp_path, "rows.csv", head + "éé,x\n".encode() + b"\xe9\n")
    assert message(path) == (
        f"FILE: row 3 is not UTF-8: 0xe9 at byte {len(head) + 7}; "
        "set data.encoding to what it was written in, such as cp1252"
    )
    path = written(tmp_path, "last.csv", head + "éé,x\n".encode() + b"b,\xe9")
    assert f"0xe9 at byte {len(head) + 9}" in message(path)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_truncated_gzip(tmp_path: Path, suffix: str) -> None:
    name = f"rows.{suffix}.gz"
    data = written(tmp_path, name, in_format(name)).read_bytes()
    for length in (0, 1):
        (tmp_path / name).write_bytes(data[:length])
        assert message(tmp_path / name) == "FILE is not gzip; give it the name of what it is"
    for length in range(2, len(data)):
        (tmp_path / name).write_bytes(data[:length])
        assert message(tmp_path / name).startswith("FILE cannot be read: ")
    assert message(tmp_path / name) == (
        "FILE cannot be read: Compressed file ended before the end-of-stream marker was reached"
    )


def test_damaged_gzip(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.csv.gz", "text,label\n" + "".join(f"{i},x\n" for i in range(99)))
    data = path.read_bytes()
    for place in range(10, len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
        # Whatever a changed byte does, it is found out: at the latest by the sum at the end.
        assert message(path).startswith("FILE")


def test_no_gzip(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(b"text,label\na,x\n")
    assert message(path) == "FILE is not gzip; give it the name of what it is"


def test_places_without_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, "train.csv", "text\na\n")
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    expected = {
        "trian.csv": "FILE does not exist; expected a file; did you mean 'train.csv'?",
        "none/train.csv": "FILE does not exist, nor does its folder; expected a file",
        "folder.csv": "FILE is a folder; expected a file",
        "pipe.csv": "FILE is not a regular file; expected one: write it to disk first",
    }
    assert {name: message(tmp_path / name) for name in expected} == expected
    monkeypatch.setenv("HOME", str(tmp_path))
    assert rows_of("~/train.csv", Columns("text")) == [{"text": "a"}]
    assert message("~nobody-of-this-name/rows.csv") == "FILE: there is no such user here; expected a path"
    assert message("a" * 999) == "FILE cannot be read: File name too long"
    assert message("a" * 999 + ".csv") == "FILE cannot be read: File name too long"


def test_a_file_with_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    for suffix in ("csv", "jsonl", "parquet"):
        path = written(tmp_path, f"caf\udce9.{suffix}", in_format(f"rows.{suffix}"))
        assert rows_of(path) == ROWS
        assert fingerprint(str(path)) is not None


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("file:///data/rows.csv", "is an address; expected a path: leave out 'file://'"),
        ("gs://bucket/rows.csv.gz", "is an address; expected a local path: download it first"),
        ("rows-*.csv", "does not exist, and patterns are not expanded; expected the path of one file"),
        ("data/*", "does not exist, and patterns are not expanded; expected the path of one file"),
        ("rows[1].csv", "does not exist, and patterns are not expanded; expected the path of one file"),
    ],
)
def test_addresses_and_patterns(location: str, expected: str) -> None:
    assert message(location) == f"FILE {expected}"


def test_a_file_that_is_called_like_a_pattern(tmp_path: Path) -> None:
    assert rows_of(written(tmp_path, "rows[1]*.csv", "text,label\na,x\n")) == [{"text": "a", "label": "x"}]


def test_utf16_without_a_mark(tmp_path: Path) -> None:
    for codec in ("utf-16-le", "utf-16-be"):
        path = written(tmp_path, "rows.csv", "text,label\na,x\n".encode(codec))
        assert message(path) == f"FILE looks like UTF-16 without a byte order mark; set data.encoding={codec}"
        assert rows_of(path, replace(PLAIN, encoding=codec)) == [{"text": "a", "label": "x"}]


def test_a_byte_that_an_encoding_does_not_have(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.csv", b"text,label\na,x\n\xe9\x81,x\nb,x\n")
    columns = replace(SKIP, encoding="cp1252")
    assert message(path, replace(PLAIN, encoding="cp1252")) == (
        "FILE: row 2 is not cp1252: 0x81 at byte 16; set data.encoding to what it was written in, such as cp1252"
    )
    assert [row["text"] for row in skipped_of(path, columns)[0]] == ["a", "b"]


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "rows.csv", "text\na\n")

    def refused(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(builtins, "open", refused)
    assert message(path) == "FILE cannot be read: Permission denied"


FORMS = (
    "expected a .csv, .tsv, .jsonl, .json or .parquet file (each also .gz, .bz2, .xz, .zip or .tar), a folder, "
    "tfds:NAME or sample:NAME"
)


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("nowhere", f"nowhere does not exist; {FORMS}"),
        (
            "https://example.org/rows.csv",
            "https://example.org/rows.csv is an address; expected a local path: download it first",
        ),
        ("s3://bucket/rows", "s3://bucket/rows is an address; expected a local path: download it first"),
    ],
)
def test_locations_refused(location: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        list(find_source(location)(location, PLAIN))
    assert str(caught.value) == expected


def test_other_files_are_refused(tmp_path: Path) -> None:
    code = "such files can run code when they are opened"
    for suffix, hint in {
        "pkl": f"; {code}",
        "npy": f"; {code}",
        "xlsx": "; save it as .csv",
        "txt": "; put its texts into a column of a table",
        "docx": "",
    }.items():
        path = written(tmp_path, f"rows.{suffix}", "[]")
        assert message(path) == f"FILE is a '.{suffix}' file; {FORMS}{hint}"
    assert message(written(tmp_path, "rows", "")) == f"FILE is a file without a suffix; {FORMS}"


# JSON lines


def json_file(folder: Path, *lines: str) -> Path:
    return written(folder, "rows.jsonl", "\n".join(lines))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"text": "a"', "is not JSON: Expecting ',' delimiter at character 13"),
        ('{"text": "a",}', "is not JSON: Illegal trailing comma before end of object at character 13"),
        ('{"text": "a", "label": "x"} {}', "is not JSON: Extra data at character 29"),
        ('["a"]', "holds a list; expected one object a line"),
        ("3", "holds an integer; expected one object a line"),
        ('{"text": null, "label": "x"}', "has null in 'text'; expected text"),
        ('{"text": ["a"], "label": "x"}', "has a list in 'text'; expected text"),
        ('{"text": {}, "label": "x"}', "has an object in 'text'; expected text"),
        ('{"text": 3, "label": "x"}', "has an integer in 'text'; expected text"),
        ('{"text": true, "label": "x"}', "has true or false in 'text'; expected text"),
        ('{"txt": "a", "label": "x"}', "has no 'text'; expected text; did you mean 'txt'?"),
        ('{"text": "a"}', "has no 'label'; expected text or an integer"),
        ('{"text": "a", "label": null}', "has null in 'label'; expected text or an integer"),
        ('{"text": "a", "label": 1.0}', "has a number with a fraction in 'label'; expected text or an integer"),
        ('{"text": "\\ud800", "label": "x"}', "holds half a surrogate pair, \\ud800"),
        ("[" * 200_000, "is nested too deeply"),
        ('{"n": ' + "1" * 5000 + "}", "holds an integer of too many digits"),
    ],
)
def test_json_lines_refuse(tmp_path: Path, line: str, expected: str) -> None:
    good = '{"text": "a", "label": "x"}'
    path = json_file(tmp_path, good, "", line, good)
    # Python 3.13 words a trailing comma differently.
    found = message(path).replace(
        "Expecting property name enclosed in double quotes at character 14",
        "Illegal trailing comma before end of object at character 13",
    )
    assert found == f"FILE: line 3 {expected}; correct it, or set data.bad_rows=skip"
    assert skipped_of(path) == ([{"text": "a", "label": "x"}] * 2, [2])


def test_json_lines_not_utf8(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.jsonl", b'{"text": "a", "label": "x"}\n{"text": "\xe9", "label": "x"}\n')
    assert message(path) == (
        "FILE: line 2 is not UTF-8 (0xe9 at byte 38, see data.encoding); correct it, or set data.bad_rows=skip"
    )
    assert skipped_of(path) == ([{"text": "a", "label": "x"}], [2])


def test_json_lines_without_a_line(tmp_path: Path) -> None:
    assert message(json_file(tmp_path, "", " ")) == "FILE is empty; expected one JSON object a line"


def test_json_line_too_long(tmp_path: Path) -> None:
    path = json_file(tmp_path, '{"text": "b"}', json.dumps({"text": "a" * (8 << 20)}))
    assert message(path, Columns("text")) == "FILE: line 2 is longer than 8 MiB; expected one object a line"
    size = (8 << 20) - len('{"text": ""}')
    path = json_file(tmp_path, json.dumps({"text": "a" * size}))
    assert len(rows_of(path, Columns("text"))[0]["text"]) == size


def test_json_nested_about_as_deep_as_python_can(tmp_path: Path) -> None:
    """Whatever is read can be written again: no depth passes the one and breaks the other."""
    for depth in range(800, 1000):
        path = json_file(tmp_path, '{"text": "a", "deep": ' + '{"a":' * depth + "1" + "}" * (depth + 1))
        rows, skipped = skipped_of(path, Columns("text", bad_rows="skip"))
        assert (len(rows), skipped) in (((1, [])), (0, [1]))


def test_json_lines_keep_types_and_keys(tmp_path: Path) -> None:
    path = json_file(
        tmp_path,
        '{"text": "a", "text": "b", "n": 1, "mixed": 1, "list": ["p"], "big": 123456789012345678901}',
        '{"text": "c", "mixed": "two", "object": {"k": "é"}, "none": null, "flag": true}',
    )
    assert rows_of(path, Columns("text")) == [
        {
            "text": "b",
            "n": 1,
            "mixed": "1",
            "list": ["p"],
            "big": "123456789012345678901",
            "object": None,
            "none": None,
            "flag": None,
        },
        {
            "text": "c",
            "n": None,
            "mixed": "two",
            "list": None,
            "big": None,
            "object": '{"k": "é"}',
            "none": None,
            "flag": True,
        },
    ]


def test_json_lines_with_a_late_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns_module, "BATCH_ROWS", 2)
    path = json_file(tmp_path, *['{"text": "a"}'] * 2, '{"text": "b", "k": 1}', '{"text": "b"}', '{"text": "c"}')
    batches = list(find_source(str(path))(str(path), Columns("text")))
    assert [batch.schema.names for batch in batches] == [["text"], ["text", "k"], ["text", "k"]]
    assert batches[2].to_pylist() == [{"text": "c", "k": None}]


def test_json_lines_of_several_labels(tmp_path: Path) -> None:
    columns = Columns("text", labels="labels")
    path = json_file(
        tmp_path,
        '{"text": "a", "labels": ["x", 2]}',
        '{"text": "b", "labels": "x|y"}',
        '{"text": "c", "labels": []}',
    )
    assert [row["labels"] for row in rows_of(path, columns)] == [["x", "2"], ["x", "y"], []]
    bad = json_file(tmp_path, '{"text": "a", "labels": ["x", null]}')
    assert message(bad, columns) == (
        "FILE: line 1 has null in 'labels'; expected a list of texts; correct it, or set data.bad_rows=skip"
    )


def test_json_weights_are_numbers(tmp_path: Path) -> None:
    columns = Columns("text", weight="w")
    assert rows_of(json_file(tmp_path, '{"text": "a", "w": 1}', '{"text": "a"}'), columns)[0]["w"] == 1
    assert message(json_file(tmp_path, '{"text": "a", "w": "1"}'), columns) == (
        "FILE: line 1 has text in 'w'; expected a number; correct it, or set data.bad_rows=skip"
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | FIELD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELD, inner, max_size=3),
    max_leaves=5,
)


@given(rows=st.lists(st.fixed_dictionaries({"text": FIELD}, optional={"k": JSON, "m": JSON}), min_size=1, max_size=6))
def test_json_lines_read_what_python_writes(rows: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = json_file(Path(folder), *map(json.dumps, rows))
        found = rows_of(path, Columns("text"))
    assert [row["text"] for row in found] == [row["text"] for row in rows]
    for name in ("k", "m"):
        kinds = {type(row.get(name)) for row in rows}
        if len(kinds) == 1 and kinds < {str, bool, float}:
            assert [row[name] for row in found] == [row[name] for row in rows]


# Parquet


def test_parquet_keeps_types(tmp_path: Path) -> None:
    table = pa.table(
        {"text": ["a", None], "label": pa.array(["x", "y"]).dictionary_encode(), "n": [1, 2], "l": [["p"], []]}
    )
    path = written(tmp_path, "rows.parquet", parquet_bytes(table))
    (batch,) = find_source(str(path))(str(path), PLAIN)
    assert batch.schema.types[2:] == [pa.int64(), pa.list_(pa.string())]
    assert batch.to_pylist() == table.to_pylist()


def test_parquet_batches(tmp_path: Path) -> None:
    table = pa.table({"text": [str(i) for i in range(20_000)]})
    path = written(tmp_path, "rows.parquet", parquet_bytes(table))
    assert [row["text"] for row in rows_of(path, Columns("text"))] == table.column("text").to_pylist()
    empty = written(tmp_path, "empty.parquet", parquet_bytes(table.slice(0, 0)))
    assert column_names(str(empty), PLAIN) == ("text",)


def test_parquet_batches_are_small_in_bytes_too(tmp_path: Path) -> None:
    text = [f"{i:05}" * 200_000 for i in range(24)]
    path = written(tmp_path, "rows.parquet", parquet_bytes(pa.table({"text": text})))
    batches = list(find_source(str(path))(str(path), Columns("text")))
    assert [batch.num_rows for batch in batches] == [8, 8, 8]
    assert [row["text"] for batch in batches for row in batch.to_pylist()] == text


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_parquet_of_one_long_text_many_times_is_written_out_bit_by_bit(tmp_path: Path, kind: pa.DataType) -> None:
    long = "a" * (1 << 16)
    column = pa.DictionaryArray.from_arrays(pa.array([0, None, 1] * 700, pa.int32()), pa.array([long, "b"]))
    table = pa.table({"text": column.cast(kind), "n": range(2100)})
    path = written(tmp_path, "rows.parquet", parquet_bytes(table))
    assert path.stat().st_size < 1 << 18
    lengths: list[int | None] = []
    for batch in find_source(str(path))(str(path), Columns("text")):
        assert batch.schema.types == [kind, pa.int64()]
        assert batch.num_rows <= 3 * 129
        lengths += [None if text is None else len(text) for text in batch.column("text").to_pylist()]
    assert lengths == [1 << 16, None, 1] * 700


def test_parquet_without_rows_keeps_types(tmp_path: Path) -> None:
    table = pa.table({"text": ["a"], "label": pa.array(["x"]).dictionary_encode(), "l": [["p"]]}).slice(0, 0)
    path = written(tmp_path, "rows.parquet", parquet_bytes(table))
    (batch,) = find_source(str(path))(str(path), PLAIN)
    assert batch.schema.types == [pa.string(), pa.dictionary(pa.int32(), pa.string()), pa.list_(pa.string())]


def test_parquet_refused(tmp_path: Path) -> None:
    assert message(written(tmp_path, "rows.parquet", "text,label\na,x\n")).startswith(
        "FILE cannot be read: Parquet magic bytes not found in footer."
    )
    assert message(written(tmp_path, "none.parquet", "")).startswith("FILE cannot be read: Parquet file size is 0 ")
    twice = pa.table([["a"], ["b"]], names=["text", "text"])
    assert message(written(tmp_path, "twice.parquet", parquet_bytes(twice))) == (
        "FILE: the column 'text' is there twice; expected different column names"
    )


# Folders


def make_folder(folder: Path) -> Path:
    for name, data in {
        "neg/1.txt": b"bad\n",
        "neg/deep/2.txt": "\ufeffworse é".encode(),
        "pos/0.txt": b"good",
        "pos/.hidden": b"",
        ".git/x": b"",
        "readme.md": b"",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def test_folder(tmp_path: Path) -> None:
    assert rows_of(make_folder(tmp_path)) == [
        {"text": "bad\n", "label": "neg", "id": "neg/1.txt"},
        {"text": "worse é", "label": "neg", "id": "neg/deep/2.txt"},
        {"text": "good", "label": "pos", "id": "pos/0.txt"},
    ]
    assert column_names(f"{tmp_path}/", PLAIN) == ("text", "label", "id")


def test_folder_without_labels(tmp_path: Path) -> None:
    assert message(tmp_path) == ("FILE has no sub-folder; expected one sub-folder per label with text files in it")


def test_folder_with_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    (folder / "neg" / "1.txt").write_bytes(b"\xe9")
    assert message(folder) == (
        "FILE/neg/1.txt is not utf-8: 0xe9 cannot be decoded; set data.encoding to what the file was written in"
    )
    rows, skipped = skipped_of(folder)
    assert ([row["id"] for row in rows], skipped) == (["neg/deep/2.txt", "pos/0.txt"], [1])
    assert rows_of(folder, replace(PLAIN, encoding="latin-1"))[0]["text"] == "é"


def test_folder_with_what_is_no_text(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    os.mkfifo(folder / "neg" / "0.txt")
    assert message(folder) == "FILE/neg/0.txt is not a regular file; expected one: write it to disk first"
    (folder / "pos" / "1.txt").write_bytes(b"a" * (8 << 20) + b"b")
    (folder / "pos" / "2.txt").symlink_to(folder / "nowhere")
    rows, skipped = skipped_of(folder)
    assert ([row["id"] for row in rows], skipped) == (["neg/1.txt", "neg/deep/2.txt", "pos/0.txt"], [1, 5, 6])
    (folder / "neg" / "0.txt").unlink()
    assert message(folder) == "FILE/pos/1.txt is longer than 8 MiB; expected a text a file"


@pytest.mark.parametrize("name", ["neg/caf\udce9.txt", "caf\udce9/1.txt"])
def test_folder_with_a_name_that_is_not_utf8(tmp_path: Path, name: str) -> None:
    folder = make_folder(tmp_path)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"a")
    assert message(folder) == "'FILE/" + repr(name)[1:] + " has a name that is not UTF-8; give it another"
    rows, skipped = skipped_of(folder)
    assert (len(rows), len(skipped)) == (3, 1)
    assert fingerprint(str(folder)) is not None


def test_folder_with_a_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_folder(tmp_path)
    scandir = os.scandir

    def refusing(place: Any) -> Any:
        if Path(place).name == "deep":
            raise PermissionError(13, "Permission denied", str(place))
        return scandir(place)

    monkeypatch.setattr(os, "scandir", refusing)
    assert message(folder) == "FILE/neg/deep cannot be read: Permission denied"


def test_a_folder_in_the_form_of_aclimdb(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "train")
    for name in ("unsup/0.txt", "unsup/1.txt", "urls.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("none")
    assert [row["label"] for row in rows_of(folder)] == ["neg", "neg", "pos"]
    assert passed_over(str(folder)) == {"unsup": 2, "": 2}
    make_folder(tmp_path / "test")
    assert (
        message(tmp_path) == "FILE holds splits rather than labels; set data.train=FILE/train and data.test=FILE/test"
    )


def test_labels_that_are_called_like_splits(tmp_path: Path) -> None:
    for name in ("train", "bus"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.txt").write_text(name)
    assert [row["label"] for row in rows_of(tmp_path)] == ["bus", "train"]
    assert passed_over(str(tmp_path)) == {}


def test_folder_without_files(tmp_path: Path) -> None:
    (tmp_path / "neg").mkdir()
    assert rows_of(tmp_path) == []
    assert column_names(str(tmp_path), PLAIN) == ("text", "label", "id")


# Samples


def make_sample(folder: Path) -> Path:
    for split in ("train", "test"):
        path = folder / "support" / f"{split}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"text,label\n{split},x\n", encoding="utf-8")
    return folder


def test_samples(tmp_path: Path) -> None:
    folder = make_sample(tmp_path)
    assert sample_splits("support", folder=folder) == {
        "train": f"{folder}/support/train.csv",
        "test": f"{folder}/support/test.csv",
    }
    assert sample_file("sample:support", folder=folder) == f"{folder}/support/train.csv"
    assert sample_file("sample:support:test", folder=folder) == f"{folder}/support/test.csv"


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("sample:suport", "no sample 'suport'; expected one of: support; did you mean 'support'?"),
        ("sample:../x", "no sample '../x'; expected one of: support"),
        (
            "sample:support:tst",
            "sample:support:tst: no split 'tst'; expected one of: train, test; did you mean 'test'?",
        ),
    ],
)
def test_samples_refused(tmp_path: Path, location: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        sample_file(location, folder=make_sample(tmp_path))
    assert str(caught.value) == expected


def test_sample_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_sample(tmp_path)
    monkeypatch.setattr(sample_file, "__kwdefaults__", {"folder": tmp_path})
    assert rows_of("sample:support:test") == [{"text": "test", "label": "x"}]
    assert fingerprint("sample:support") == fingerprint(str(tmp_path / "support" / "train.csv"))


# Sources of one's own


def own(location: str, columns: Columns) -> Iterator[pa.RecordBatch]:
    yield pa.RecordBatch.from_pydict({columns.text or "text": [location]})


def test_own_source_by_module() -> None:
    location = f"{__name__}:own:table 1"
    importlib.import_module(__name__)
    assert rows_of(location) == [{"text": location}]
    assert column_names(location, PLAIN) == ("text",)
    assert fingerprint(location) is None


def test_own_source_of_a_file_with_a_known_suffix(tmp_path: Path) -> None:
    importlib.import_module(__name__)
    location = f"{__name__}:own:logs.csv"
    assert rows_of(location) == [{"text": location}]
    # A file that is there is a file.
    path = written(tmp_path, "a:own:b.csv", "text\nx\n")
    assert rows_of(str(path)) == [{"text": "x"}]


def test_only_the_last_suffix_says_how_a_file_is_delimited(tmp_path: Path) -> None:
    assert rows_of(str(written(tmp_path, "rows.tsv.csv", "text,label\na,b\n"))) == [{"text": "a", "label": "b"}]


def own_gives(*batches: Any) -> Any:
    return lambda location, columns: iter(batches)


gives_a_table = own_gives(pa.table({"text": ["a"]}))
gives_nothing = own_gives()
gives_a_column_twice = own_gives(pa.RecordBatch.from_arrays([["a"], ["b"]], names=["text", "text"]))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gives_a_table", "the source 'OWN' gave a Table; expected a pyarrow.RecordBatch"),
        ("gives_nothing", "the source 'OWN' gave nothing; expected at least one batch, if without rows"),
        ("gives_a_column_twice", "OWN: the column 'text' is there twice; expected different column names"),
    ],
)
def test_own_source_that_gives_something_else(name: str, expected: str) -> None:
    location = f"{__name__}:{name}"
    assert message(location).replace("FILE", location) == expected.replace("OWN", location)


def test_own_source_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = metadata.EntryPoint("warehouse", f"{__name__}:own", "tfclassify.sources")

    def entry_points(*, group: str, name: str) -> tuple[metadata.EntryPoint, ...]:
        return (entry,) if (group, name) == (entry.group, entry.name) else ()

    monkeypatch.setattr(metadata, "entry_points", entry_points)
    assert rows_of("warehouse:table") == [{"text": "warehouse:table"}]


def test_own_source_that_is_not_there() -> None:
    with pytest.raises(UsageError) as caught:
        find_source("tdfs:ag_news")
    assert str(caught.value) == ("'tdfs:ag_news' cannot be imported: No module named 'tdfs'; did you mean 'tfds'?")


# Fingerprints


def test_fingerprints_follow_the_bytes(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.csv", "text\na\n")
    first = fingerprint(str(path))
    assert first == fingerprint(str(written(tmp_path, "copy.csv", "text\na\n")))
    assert first != fingerprint(str(written(tmp_path, "rows.csv", "text\nb\n")))


def test_fingerprints_of_folders(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    first = fingerprint(str(folder))
    (folder / "pos" / "0.txt").rename(folder / "neg" / "0.txt")
    assert first != fingerprint(str(folder))
    (folder / "neg" / "0.txt").rename(folder / "pos" / "0.txt")
    (folder / "readme.md").write_text("changed")
    assert first == fingerprint(str(folder))


def test_fingerprint_of_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        fingerprint(str(tmp_path / "rows.csv"))
