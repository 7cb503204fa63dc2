"""Random tables in every format, packed, encoded, quoted and damaged at random.

What comes back equals what was written; or rows are left out and counted; or one line says what is wrong. Nothing
else. ``FUZZED_FILES=5000 pytest tests/data/test_fuzzed_files.py`` tries as many of each kind.
"""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as arrow_parquet
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from packing import PACKINGS

from tfclassify.data.checks import Where, examples, resolve_columns, without_bad
from tfclassify.data.sources import column_names, find_source, numbered
from tfclassify.errors import UsageError
from tfclassify.settings import DataSettings

FILES = int(os.environ.get("FUZZED_FILES", "40"))
FUZZED = settings(max_examples=FILES, suppress_health_check=list(HealthCheck))

Row = tuple[str, str, str]
NAMES = ("text", "label", "id")

CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
AWKWARD = [
    '"',
    ",",
    "\t",
    "\r",
    "\n",
    "\r\n",
    '",\n"',
    "\ufeff",
    "NA",
    "nan",
    " ",
    "",
    "\u2028",
    "{",
    "\\",
    "'",
    "é" * 9,
]
TEXT = (
    st.text(CHARACTERS, max_size=10) | st.sampled_from(AWKWARD) | st.text(st.sampled_from('",\r\n\t a\\'), max_size=8)
)
# What is no label is another test's matter.
LABEL = TEXT.filter(
    lambda label: "\u200b" not in label and label.strip(" \t\r\n\v\f\ufeff\u200b\u200c\u200d\u2060") != ""
)
LABEL = LABEL.filter(lambda label: label not in ("nan", "NaN") and bool(label.strip()))
ROWS = st.lists(st.tuples(TEXT, LABEL | st.sampled_from(["a", "b"]), TEXT), min_size=1, max_size=6)

# The codec that is written, and what is asked for.
CODECS = {
    "utf-8": "utf-8",
    "utf-8-sig": "utf-8",
    "utf-16": "auto",
    "utf-32": "auto",
    "utf-16-le": "utf-16-le",
    "cp1252": "cp1252",
    "gb18030": "gb18030",
}


@dataclass(frozen=True)
class Written:
    """A file as it is written: its rows, the ending of its name, its bytes before and after packing, how to read it."""

    rows: Sequence[Row]
    suffix: str
    packing: str
    data: bytes
    asked: dict[str, Any] = field(default_factory=dict)

    @property
    def packed(self) -> bytes:
        return PACKINGS[self.packing](self.data, f"rows.{self.suffix}")


def delimited(rows: Sequence[Sequence[str]], *, delimiter: str, end: str, quoting: Any) -> str:
    out = io.StringIO(newline="")
    # Python quotes no CR where lines end in LF alone.
    writer = csv.writer(
        out, delimiter=delimiter, lineterminator=end, quoting=quoting if end == "\r\n" else csv.QUOTE_ALL
    )
    writer.writerows([NAMES, *rows])
    return out.getvalue()


def json_lines(rows: Sequence[Row], *, end: str, escaped: bool) -> str:
    objects = [dict(zip(NAMES, row, strict=True)) for row in rows]
    return "".join(json.dumps(each, ensure_ascii=escaped) + end for each in objects)


def json_array(rows: Sequence[Row], *, indent: int | None, escaped: bool) -> str:
    return json.dumps([dict(zip(NAMES, row, strict=True)) for row in rows], indent=indent, ensure_ascii=escaped)


def parquet(rows: Sequence[Row], kinds: Sequence[str]) -> bytes:
    out = io.BytesIO()
    types = {"string": pa.string(), "large": pa.large_string(), "dictionary": pa.dictionary(pa.int32(), pa.string())}
    columns = [
        pa.array(each, pa.string()).cast(types[kind]) for each, kind in zip(zip(*rows, strict=True), kinds, strict=True)
    ]
    arrow_parquet.write_table(pa.table(columns, names=NAMES), out)
    return out.getvalue()


@st.composite
def written(draw: st.DrawFn, suffixes: Sequence[str] = ("csv", "tsv", "jsonl", "json", "parquet")) -> Written:
    rows = draw(ROWS)
    suffix, packing = draw(st.sampled_from(suffixes)), draw(st.sampled_from(sorted(PACKINGS)))
    if suffix == "parquet":
        kinds = draw(st.tuples(*[st.sampled_from(["string", "large", "dictionary"])] * 3))
        return Written(rows, suffix, packing, parquet(rows, kinds))
    if suffix == "jsonl":
        text = json_lines(rows, end=draw(st.sampled_from(["\n", "\r\n", "\n\n"])), escaped=draw(st.booleans()))
    elif suffix == "json":
        text = json_array(rows, indent=draw(st.sampled_from([None, 1])), escaped=draw(st.booleans()))
    else:
        delimiter = "\t" if suffix == "tsv" else draw(st.sampled_from(",;|\t"))
        quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]))
        text = delimited(rows, delimiter=delimiter, end=draw(st.sampled_from(["\n", "\r\n", "\r"])), quoting=quoting)
    codec = draw(st.sampled_from(sorted(CODECS)))
    try:
        data = text.encode(codec)
    except UnicodeEncodeError:
        codec, data = "utf-8", text.encode()
    asked = {"encoding": CODECS[codec], **({} if suffix in ("jsonl", "json") else {"delimiter": delimiter})}
    return Written(rows, suffix, packing, data, asked)


def read(made: Written, data: bytes, **asked: Any) -> tuple[list[Row], int]:
    """Reads a file with these bytes as the corpus does: its rows, and how many were left out as bad."""
    told = DataSettings(**{**made.asked, "text": "text", "label": "label", "id": "id", "empty": "keep", **asked})
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, f"rows.{made.suffix}{made.packing}"))
        Path(path).write_bytes(data)
        columns, _ = resolve_columns(column_names(path, told), told, location=path)
        rows: list[Row] = []
        seen: list[int] = []
        skipped: list[int] = []
        for batch, numbers in numbered(find_source(path)(path, columns, skipped=skipped.append), skipped):
            seen += numbers.tolist()
            where = Where(path, numbers)
            kept, _ = without_bad(examples(batch, columns, where=where), where)
            rows += zip(
                kept.text.to_pylist(), [label for (label,) in kept.labels.to_pylist()], kept.id.to_pylist(), strict=True
            )  # type: ignore[union-attr]
    # Every row has a number, those left out too, and each number is that of one row.
    assert sorted([*seen, *skipped]) == list(range(1, len(seen) + len(skipped) + 1))
    return rows, len(seen) + len(skipped) - len(rows)


def read_or_refused(made: Written, data: bytes, **asked: Any) -> tuple[list[Row], int] | None:
    """Reads a file, or None where it is refused in one line."""
    try:
        return read(made, data, **asked)
    except UsageError as error:
        assert "\n" not in str(error)  # noqa: PT017
        assert len(str(error)) > 20  # noqa: PT017
        return None


@FUZZED
@given(made=written())
def test_what_is_written_comes_back(made: Written) -> None:
    assert read(made, made.packed) == (list(made.rows), 0)


# Damage to a row

SPOILERS = {
    "csv": ['"a"b{d}x{d}y', "one field only", "a{d}b{d}c{d}d", "nul\0{d}a{d}1", "no label{d}{d}1", "nan{d}nan{d}1"],
    "jsonl": ['{{"text": "a"', "[]", "null", '{{"text": 3, "label": "a"}}', '{{"text": "\\ud800", "label": "a"}}'],
}


@FUZZED
@given(made=written(("csv", "tsv", "jsonl")), place=st.integers(0, 6), chosen=st.integers(0, 5), data=st.data())
def test_one_bad_row_is_left_out_and_counted(made: Written, place: int, chosen: int, data: st.DataObject) -> None:
    kind = "jsonl" if made.suffix == "jsonl" else "csv"
    spoilers = SPOILERS[kind]
    text = spoilers[chosen % len(spoilers)].format(d=made.asked.get("delimiter", ","))
    place = min(place, len(made.rows))
    codec = data.draw(st.sampled_from(["utf-8", "utf-16"]))
    parts = (
        [json_lines([row], end="\n", escaped=False) for row in made.rows]
        if kind == "jsonl"
        else delimited(made.rows, delimiter=made.asked["delimiter"], end="\r\n", quoting=csv.QUOTE_ALL)
    )
    if isinstance(parts, str):
        one = [
            delimited([row], delimiter=made.asked["delimiter"], end="\r\n", quoting=csv.QUOTE_ALL) for row in made.rows
        ]
        head = delimited([], delimiter=made.asked["delimiter"], end="\r\n", quoting=csv.QUOTE_ALL)
        parts = [head, *(each.removeprefix(head) for each in one)]
        place += 1
    spoilt = "".join([*parts[:place], text + "\n", *parts[place:]]).encode(codec)
    packed = PACKINGS[made.packing](spoilt, f"rows.{made.suffix}")
    asked = {"encoding": "auto"}
    assert read(made, packed, bad_rows="skip", **asked) == (list(made.rows), 1)
    assert read_or_refused(made, packed, **asked) is None


# Files that are read as something else

OTHERS = [
    "utf-8",
    "auto",
    "ascii",
    "utf-7",
    "utf-16",
    "utf-16-le",
    "utf-32",
    "cp1252",
    "shift_jis",
    "iso2022_jp",
    "idna",
]


@FUZZED
@given(
    made=written(("csv", "tsv", "jsonl", "json")),
    encoding=st.sampled_from(OTHERS),
    bad_rows=st.sampled_from(["fail", "skip"]),
)
@example(Written([("é", "a", "1")], "csv", "", "text,label,id\né,a,1\n".encode()), "utf-16", "fail")
def test_a_wrong_encoding_is_survived(made: Written, encoding: str, bad_rows: str) -> None:
    read_or_refused(made, made.packed, encoding=encoding, bad_rows=bad_rows)


# Damage anywhere


def damaged(data: bytes, kind: str, place: float, size: int, junk: bytes) -> bytes:
    at = int(place * len(data))
    kinds = {
        "cut": data[:at],
        "flip": data[:at] + bytes(byte ^ 0xFF for byte in data[at : at + 1]) + data[at + 1 :],
        "insert": data[:at] + junk + data[at:],
        "delete": data[:at] + data[at + size :],
        "double": data[: at + size] + data[at:],
        "zeros": data[:at] + bytes(size) + data[at + size :],
    }
    return kinds[kind]


JUNK = st.sampled_from(
    [b'"', b"\0", b"\xff", b"\n", b"\r", b",", b"{", b"}", b"\\", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"]" * 9]
)


@FUZZED
@given(
    made=written(),
    kind=st.sampled_from(["cut", "flip", "insert", "delete", "double", "zeros"]),
    place=st.floats(0, 1),
    size=st.integers(1, 12),
    junk=JUNK,
    outside=st.booleans(),
    bad_rows=st.sampled_from(["fail", "skip"]),
)
def test_damage_is_survived(
    made: Written, kind: str, place: float, size: int, junk: bytes, outside: bool, bad_rows: str
) -> None:
    if outside:
        data = damaged(made.packed, kind, place, size, junk)
    else:
        data = PACKINGS[made.packing](damaged(made.data, kind, place, size, junk), f"rows.{made.suffix}")
    read_or_refused(made, data, bad_rows=bad_rows)


@FUZZED
@given(made=written(), place=st.floats(0, 1, exclude_max=True))
def test_a_packed_file_that_is_cut_short_is_never_fewer_rows(made: Written, place: float) -> None:
    assume(made.packing not in ("", ".tar"))
    data = made.packed
    found = read_or_refused(made, data[: int(place * len(data))])
    assert found in (None, (list(made.rows), 0))


@FUZZED
@given(
    data=st.binary(max_size=200),
    suffix=st.sampled_from(["csv", "tsv", "jsonl", "parquet"]),
    packing=st.sampled_from(sorted(PACKINGS)),
    encoding=st.sampled_from(OTHERS),
)
def test_any_bytes_are_survived(data: bytes, suffix: str, packing: str, encoding: str) -> None:
    made = Written([], suffix, packing, data, {"encoding": encoding})
    for each in (data, made.packed):
        for bad_rows in ("fail", "skip"):
            read_or_refused(made, each, bad_rows=bad_rows)
