"""Sinks: what is written is read back by the source of the same kind; whole, or not there."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as arrow_parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.data.sinks import SINKS, open_sink
from tfclassify.data.sources import Columns, find_source
from tfclassify.errors import UsageError

KINDS = ["rows.csv", "rows.tsv", "rows.jsonl", "rows.parquet", "rows.csv.gz", "rows.tsv.gz", "rows.jsonl.gz"]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    [
        "",
        '"',
        ",",
        "\t",
        "\n",
        "\r",
        "\r\n",
        "a\rb",
        '",\n"',
        "NA",
        " x ",
        "é",
        "日本",
        "😀",
        "\u2028",
        "=1+1",
        "\ufeff",
    ]
)
SCHEMA = pa.schema(
    [
        ("text", pa.string()),
        ("number", pa.int64()),
        ("score", pa.float32()),
        ("right", pa.bool_()),
        ("labels", pa.list_(pa.string())),
    ]
)
ROW = st.fixed_dictionaries(
    {
        "text": TEXT,
        "number": st.integers(-(2**63), 2**63 - 1),
        "score": st.floats(width=32, allow_nan=False, allow_infinity=False),
        "right": st.booleans(),
        "labels": st.lists(st.sampled_from(["a", "b c", "é", "d,e"]), max_size=3),
    }
)


def batch(rows: list[dict[str, Any]], schema: pa.Schema = SCHEMA) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, schema=schema)


def write(location: str, *batches: pa.RecordBatch, **options: Any) -> None:
    with open_sink(location, **options) as put:
        for each in batches:
            put(each)


def read(location: str, *, labels: str | None = None) -> list[dict[str, Any]]:
    columns = Columns("" if labels is None else "text", labels=labels)
    return [row for part in find_source(location)(location, columns) for row in part.to_pylist()]


def as_text(row: dict[str, Any]) -> dict[str, str]:
    """A row as a delimited file has it."""
    labels = "|".join(row["labels"])
    return {**{name: str(value) for name, value in row.items()}, "labels": labels}


def chunks(rows: list[dict[str, Any]], size: int) -> list[pa.RecordBatch]:
    return [batch(rows[start : start + size]) for start in range(0, len(rows), size)] or [batch([])]


@pytest.mark.parametrize("name", KINDS)
@given(rows=st.lists(ROW, max_size=5), size=st.integers(1, 5))
def test_rows_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, name: str, rows: list[dict[str, Any]], size: int
) -> None:
    folder = tmp_path_factory.mktemp("sink")
    location = str(folder / name)
    write(location, *chunks(rows, size))
    assert os.listdir(folder) == [name]
    if "jsonl" in name and not rows:
        # A file without lines is a JSON lines file without rows, which the source refuses.
        content = Path(location).read_bytes()
        assert (gzip.decompress(content) if name.endswith(".gz") else content) == b""
        return
    delimited = name.split(".")[1] in ("csv", "tsv")
    assert read(location) == ([as_text(row) for row in rows] if delimited else rows)


def test_every_sink_is_held_by_a_test() -> None:
    assert {name.split(".")[1] for name in KINDS} == set(SINKS)


NESTED = pa.schema(
    [
        ("text", pa.string()),
        ("number", pa.float64()),
        ("scores", pa.struct([("a", pa.float64()), ("b", pa.float64())])),
        ("days", pa.list_(pa.date32())),
    ]
)
NULLS = {"text": None, "number": None, "scores": None, "days": None}
FULL = {"text": "x", "number": 0.5, "scores": {"a": 0.25, "b": 1.0}, "days": [date(2024, 1, 5)]}


@pytest.mark.parametrize(
    ("name", "nulls", "full"),
    [
        ("rows.parquet", NULLS, FULL),
        ("rows.jsonl", NULLS, {**FULL, "days": ["2024-01-05"]}),
        (
            "rows.csv",
            dict.fromkeys(NULLS, ""),
            {"text": "x", "number": "0.5", "scores": '{"a": 0.25, "b": 1.0}', "days": '["2024-01-05"]'},
        ),
    ],
)
def test_nothing_and_values_within_values(
    tmp_path: Path, name: str, nulls: dict[str, Any], full: dict[str, Any]
) -> None:
    location = str(tmp_path / name)
    write(location, batch([NULLS, FULL], NESTED))
    if name.endswith("jsonl"):
        assert [json.loads(line) for line in Path(location).read_text("utf-8").splitlines()] == [nulls, full]
    else:
        assert read(location) == [nulls, full]


def test_lists_are_read_back_as_labels(tmp_path: Path) -> None:
    rows = [{"text": "p", "labels": ["a", "b"]}, {"text": "q", "labels": []}]
    schema = pa.schema([("text", pa.string()), ("labels", pa.list_(pa.string()))])
    for name in ("rows.jsonl", "rows.parquet"):
        write(str(tmp_path / name), batch(rows, schema))
        assert read(str(tmp_path / name), labels="labels") == rows
    write(str(tmp_path / "rows.csv"), batch(rows, schema), separator=";")
    assert (tmp_path / "rows.csv").read_bytes() == b"text,labels\np,a;b\nq,\n"


def test_lines_of_a_delimited_file(tmp_path: Path) -> None:
    schema = pa.schema([("text", pa.string()), ("b\n", pa.string())])
    rows = [{"text": "é, ", "b\n": "\r"}, {"text": '"', "b\n": None}]
    write(str(tmp_path / "rows.csv"), batch(rows, schema))
    assert (tmp_path / "rows.csv").read_bytes() == 'text,"b\n"\n"é, ","\r"\n"""",\n'.encode()


def test_one_column_without_a_text_is_a_row(tmp_path: Path) -> None:
    schema = pa.schema([("text", pa.string())])
    write(str(tmp_path / "rows.csv"), batch([{"text": None}, {"text": ""}, {"text": "a"}], schema))
    assert read(str(tmp_path / "rows.csv")) == [{"text": ""}, {"text": ""}, {"text": "a"}]


def test_json_lines_have_null_for_what_is_no_number(tmp_path: Path) -> None:
    kind = pa.schema([("x", pa.float64()), ("xs", pa.list_(pa.float32())), ("y", pa.struct([("z", pa.float64())]))])
    row = {"x": float("nan"), "xs": [1.0, float("inf")], "y": {"z": float("-inf")}}
    write(str(tmp_path / "rows.jsonl"), batch([row], kind))
    assert (tmp_path / "rows.jsonl").read_text("utf-8") == '{"x": null, "xs": [1.0, null], "y": {"z": null}}\n'


def test_json_lines_keep_letters(tmp_path: Path) -> None:
    write(str(tmp_path / "rows.jsonl"), batch([{"text": "é😀"}], pa.schema([("text", pa.string())])))
    assert (tmp_path / "rows.jsonl").read_text("utf-8") == '{"text": "é😀"}\n'


def test_the_ending_may_be_in_capitals(tmp_path: Path) -> None:
    schema = pa.schema([("text", pa.string())])
    write(str(tmp_path / "ROWS.TSV.GZ"), batch([{"text": "a\tb"}], schema))
    assert gzip.decompress((tmp_path / "ROWS.TSV.GZ").read_bytes()) == b'text\n"a\tb"\n'


def test_folders_are_made(tmp_path: Path) -> None:
    location = tmp_path / "new" / "er" / "rows.csv"
    write(str(location), batch([]))
    assert location.read_text() == "text,number,score,right,labels\n"


# Whole or not at all


def fail(location: str, error: BaseException) -> None:
    with open_sink(location) as put:
        put(batch([{"text": "a"}]))
        raise error


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("error", [ValueError("mine"), OSError(5, "mine"), KeyboardInterrupt("mine")])
def test_an_error_leaves_nothing_and_is_passed_on(tmp_path: Path, name: str, error: BaseException) -> None:
    (tmp_path / name).write_text("before")
    with pytest.raises(type(error)) as caught:
        fail(str(tmp_path / name), error)
    # It is the caller's own, and says nothing of the file.
    assert caught.value is error
    assert os.listdir(tmp_path) == [name]
    assert (tmp_path / name).read_text() == "before"


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.parquet", "rows.csv.gz"])
def test_a_full_disk(tmp_path: Path, name: str) -> None:
    code = f"""
import resource, signal, sys
import pyarrow as pa
from tfclassify.data.sinks import open_sink
from tfclassify.errors import UsageError
import random
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
texts = pa.array([str(random.random()) for _ in range(20_000)])
try:
    with open_sink({name!r}) as put:
        put(pa.RecordBatch.from_arrays([texts], names=["text"]))
except UsageError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.stdout, done.stderr) == (f"{name} cannot be written: File too large\n", "")
    assert os.listdir(tmp_path) == []


# Standard output

STANDARD_OUTPUT = """
import sys
import pyarrow as pa
from tfclassify.data.sinks import open_sink
schema = pa.schema([("text", pa.string()), ("labels", pa.list_(pa.string()))])
try:
    with open_sink("-", separator=";") as put:
        put(pa.RecordBatch.from_pylist([{"text": "é\\n", "labels": ["a", "b"]}], schema=schema))
        put(pa.RecordBatch.from_pylist([{"text": None, "labels": []}] * REPEATED, schema=schema))
        if FAILING:
            raise ValueError("mine")
except ValueError as error:
    print(error)
print("after")
"""


def piped(*, repeated: int = 1, failing: bool = False) -> subprocess.CompletedProcess[bytes]:
    code = STANDARD_OUTPUT.replace("REPEATED", str(repeated)).replace("FAILING", str(failing))
    return subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)


def test_a_pipe_gets_csv_and_stays_open() -> None:
    done = piped()
    assert done.stderr == b""
    assert done.stdout.decode() == 'text,labels\n"é\n",a;b\n,\nafter\n'


def test_standard_output_outlives_an_error() -> None:
    done = piped(failing=True)
    assert done.stderr == b""
    assert done.stdout.decode() == 'text,labels\n"é\n",a;b\n,\nmine\nafter\n'


# What cannot be


def refused(location: str, *batches: pa.RecordBatch) -> str:
    with pytest.raises(UsageError) as caught:
        write(location, *batches)
    return str(caught.value)


EXPECTED = "expected a .csv, .tsv or .jsonl file (each also .gz), a .parquet file, or - for standard output"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("rows.cvs", "; did you mean 'csv'?"),
        ("rows.json", "; did you mean 'jsonl'?"),
        ("rows", ""),
        ("rows.gz", ""),
        ("rows.parquet.gz", "; did you mean 'parquet'?"),
    ],
)
def test_no_way_to_write_it(tmp_path: Path, name: str, hint: str) -> None:
    location = str(tmp_path / name)
    assert refused(location) == f"{location}: no way to write it; {EXPECTED}{hint}"
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv", "rows.parquet"])
@pytest.mark.parametrize("more", [["text", "extra"], ["text"], ["other", "label"]])
def test_other_columns_than_in_the_first_rows(tmp_path: Path, name: str, more: list[str]) -> None:
    first, second = (
        pa.RecordBatch.from_arrays([pa.array(["a"])] * len(names), names=names) for names in (["text", "label"], more)
    )
    different = ", ".join(sorted({"text", "label"} ^ set(more)))
    assert refused(str(tmp_path / name), first, second) == (
        f"the columns {different} are not in all rows; write a .jsonl file, whose rows may differ"
    )
    assert os.listdir(tmp_path) == []


def test_rows_of_json_lines_may_differ(tmp_path: Path) -> None:
    first, second = (pa.RecordBatch.from_pylist([row]) for row in ({"text": "a"}, {"text": "b", "more": 1}))
    write(str(tmp_path / "rows.jsonl"), first, second)
    assert (tmp_path / "rows.jsonl").read_text() == '{"text": "a"}\n{"text": "b", "more": 1}\n'


def test_other_types_than_in_the_first_rows(tmp_path: Path) -> None:
    location = str(tmp_path / "rows.parquet")
    first, same, other = (pa.RecordBatch.from_pylist([{"value": value}]) for value in (1.5, 2, "x"))
    message = refused(location, first, same, other)
    assert message.startswith("a column has other values than in the first rows (")
    assert message.endswith("); write a .jsonl file instead")
    write(location, first, same)
    assert arrow_parquet.read_table(location).to_pylist() == [{"value": 1.5}, {"value": 2.0}]


def not_a_folder(folder: Path) -> str:
    (folder / "file").write_text("")
    return str(folder / "file" / "rows.csv")


def a_folder(folder: Path) -> str:
    (folder / "rows.csv").mkdir()
    return str(folder / "rows.csv")


def too_long(folder: Path) -> str:
    return str(folder / ("x" * 300 + ".csv"))


@pytest.mark.parametrize(
    ("made", "why"),
    [(not_a_folder, "File exists"), (a_folder, "Is a directory"), (too_long, "File name too long")],
)
def test_a_place_that_cannot_be_written_to(tmp_path: Path, made: Callable[[Path], str], why: str) -> None:
    location = made(tmp_path)
    assert refused(location, batch([])) == f"{location} cannot be written: {why}"
    assert not list(tmp_path.glob(".*"))
