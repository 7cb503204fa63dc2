"""Bad files: L01 to L19 (encodings, quotes, headers), L31 to L34 (JSON lines), L45 to L51, L57 and L58."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as arrow_parquet
from bad_cases import GOOD, OR_SKIP, Case, among, delimited, file, place, write
from packing import packed, tarred, zipped

from tfclassify.data.corpus import Corpus
from tfclassify.data.labelling import texts_of

CSV = delimited(GOOD).encode()
FORMS = (
    "expected a .csv, .tsv, .jsonl or .parquet file (each also .gz, .bz2, .xz, .zip or .tar), a folder, tfds:NAME or "
    "sample:NAME"
)
ENCODING = "set data.encoding to what it was written in, such as cp1252"


def lines(*more: str) -> str:
    """A file of JSON lines whose 21st to so many are these."""
    good = [json.dumps({"text": text, "label": label}) for text, label in GOOD]
    return "\n".join([*good[:20], *more, *good[20:]]) + "\n"


def parquet(**columns: Any) -> bytes:
    """A Parquet file of the good rows, with some columns in their place."""
    texts, labels = zip(*GOOD, strict=True)
    out = io.BytesIO()
    arrow_parquet.write_table(pa.table({"text": list(texts), "label": list(labels), **columns}), out)
    return out.getvalue()


def link() -> bytes:
    info = tarfile.TarInfo("rows.csv")
    info.type, info.linkname = tarfile.SYMTYPE, "elsewhere"
    return tarred((info, b""))


def device() -> bytes:
    info = tarfile.TarInfo("rows.csv")
    info.type = tarfile.CHRTYPE
    return tarred((info, b""))


def nested(folder: Path) -> None:
    write(folder / "rows.zip", zipped(("rows.csv.gz", gzip.compress(CSV))))


def bomb(folder: Path) -> None:
    row = b" " * (1 << 20) + b",a\n"
    write(folder / "rows.csv.bz2", bz2.compress(b"text,label\n") + bz2.compress(row * 8) * 10)


def last_label_is_the_last_key(corpus: Corpus) -> None:
    split = corpus.splits["train"]
    assert {name: texts_of(each) for name, each in corpus.splits.items()}
    assert "lost" not in {text for each in corpus.splits.values() for text in texts_of(each)}
    assert split.store.account.kept == len(GOOD) + 1


def append_a_row(folder: Path) -> None:
    with open(folder / "rows.csv", "ab") as out:
        out.write(b"late,a\n")


def a_number_too_large() -> bytes:
    labels = pa.array([2**64 - 1, 7] * (len(GOOD) // 2), pa.uint64())
    return parquet(label=labels, n=pa.array([2**64 - 1] * len(GOOD), pa.uint64()))


ENCODINGS = (
    Case(
        "L01",
        "UTF-8 with a byte order mark",
        "the mark is dropped; the first column's name is clean",
        file(delimited(GOOD).encode("utf-8-sig")),
        texts=["quick 0"],
    ),
    Case(
        "L02",
        "UTF-16 with a byte order mark",
        "stops and names the encoding",
        file(delimited(GOOD).encode("utf-16")),
        error="rows.csv begins with a UTF-16 byte order mark; set data.encoding=utf-16",
    ),
    Case(
        "L02",
        "the same, `data.encoding=auto`",
        "read by its mark",
        file(delimited([*GOOD, ("é", "a")]).encode("utf-16"), encoding="auto"),
        texts=["é", "quick 0"],
    ),
    Case(
        "L02",
        "UTF-16 without a mark",
        "stops and names the encoding",
        file(delimited(GOOD).encode("utf-16-le")),
        error="rows.csv looks like UTF-16 without a byte order mark; set data.encoding=utf-16-le",
    ),
    Case(
        "L03",
        "Latin-1 bytes",
        "stops with row and byte; never read as other letters",
        file(delimited(among(("caf\u00e9", "a"))).encode("latin-1")),
        error=f"rows.csv: row 21 is not UTF-8: 0xe9 at byte 212; {ENCODING}",
    ),
    Case(
        "L03",
        "the same, `data.encoding=cp1252`",
        "read as asked",
        file(delimited(among(("café", "a"))).encode("cp1252"), encoding="cp1252"),
        texts=["café"],
    ),
    Case(
        "L03",
        "a byte that the encoding asked for does not have",
        "stops with row and byte",
        file(delimited(among(("caf\x81", "a"))).encode("latin-1"), encoding="cp1252"),
        error=f"rows.csv: row 21 is not cp1252: 0x81 at byte 212; {ENCODING}",
    ),
    Case(
        "L03",
        "Latin-1 bytes in JSON lines",
        "stops with line and byte",
        file(lines('{"text": "café", "label": "a"}').encode("latin-1"), name="rows.jsonl"),
        error=f"rows.jsonl: line 21 is not UTF-8 (0xe9 at byte 691, see data.encoding); correct it{OR_SKIP}",
    ),
    Case(
        "L04",
        "rows in two encodings",
        "stops at the first row that is not in the encoding asked for",
        file(delimited(among(("café", "a"))).encode() + b"caf\xe9,b\n"),
        error=f"rows.csv: row 32 is not UTF-8: 0xe9 at byte 322; {ENCODING}",
    ),
    Case(
        "L04",
        "the same, `data.bad_rows=skip`",
        "skipped and counted",
        file(delimited(among(("café", "a"))).encode() + b"caf\xe9,b\n", bad_rows="skip"),
        note="train: row 32 cannot be read or used; set data.bad_rows=fail to see why",
        dropped={"bad": 1},
        texts=["café"],
    ),
    Case(
        "L05",
        "a NUL in a text",
        "stops; never cut at the NUL",
        file(among(("be\0hind", "a"))),
        error="data.text: column 'text' of rows.csv holds a NUL character in row 21; expected text without any"
        + OR_SKIP,
    ),
    Case(
        "L05",
        "the same, `data.bad_rows=skip`",
        "skipped and counted",
        file(among(("be\0hind", "a")), bad_rows="skip"),
        note="train: row 21 cannot be read or used; set data.bad_rows=fail to see why",
        dropped={"bad": 1},
    ),
    Case(
        "L06",
        "half a surrogate pair in JSON lines",
        "stops: no text that can be encoded",
        file(lines('{"text": "\\ud800", "label": "a"}'), name="rows.jsonl"),
        error=f"rows.jsonl: line 21 holds half a surrogate pair, \\ud800; correct it{OR_SKIP}",
    ),
    Case(
        "L07",
        "control characters, marks of direction",
        "kept as they are",
        file(among(("a\x07b\x1b[0m", "a"), ("\u202eabc\u202c", "b"))),
        texts=["a\x07b\x1b[0m", "\u202eabc\u202c"],
    ),
    Case(
        "L07",
        "nothing but characters without width",
        "an empty text",
        file(among(("\u200b\u200d\ufeff", "a"))),
        note="dropped: 1 row (empty)",
        dropped={"empty": 1},
    ),
)

QUOTES = (
    Case(
        "L09",
        "a field in quotes with comma, quote and line end",
        "one field, after RFC 4180",
        file('text,label\n"x, ""y""\nz",a\n' + delimited(GOOD).partition("\n")[2]),
        texts=['x, "y"\nz'],
    ),
    Case(
        "L10",
        "a quote that is never closed",
        "stops at the row that opens it; no giant row",
        file(delimited(among()) + '"open,a\n' + "more,b\n" * 9),
        error=(
            "rows.csv: row 31 opens a quote that is never closed; close it, or double it within quotes where it is text"
        ),
    ),
    Case(
        "L10",
        "a quote that another row closes",
        "stops at the row that opens it",
        file(delimited(among()) + '"open,a\n"more",b\n'),
        error=(
            "rows.csv: row 31 has text behind a closing quote; double quotes within quotes where they are text"
            + OR_SKIP
        ),
    ),
    Case(
        "L11",
        "a quote within a field without quotes",
        "a character like others; columns stay where they are",
        file(delimited(among()) + 'a 5" nail,a\n'),
        texts=['a 5" nail'],
    ),
    Case(
        "L12",
        "a row with too many fields",
        "stops with both counts",
        file(among(("x", "y", "a"))),
        error=f"rows.csv: row 21 has 3 fields; expected 2; quote fields that hold a delimiter{OR_SKIP}",
    ),
    Case(
        "L12",
        "a row with too few fields",
        "stops with both counts",
        file(among(("x",))),
        error=f"rows.csv: row 21 has 1 field; expected 2; quote fields that hold a delimiter{OR_SKIP}",
    ),
    Case(
        "L12",
        "more than 1 % of such rows, `data.bad_rows=skip`",
        "stops: the file is read wrongly",
        file(among(*[("x",)] * 6), bad_rows="skip"),
        error=(
            "rows.csv: 6 of 36 rows cannot be read or used (rows 21, 22, 23, 24, 25 and 1 more), more than "
            "data.bad_rows_limit=0.01 of them; "
            "set data.bad_rows=fail to see what is wrong with the first, or raise the limit"
        ),
    ),
    Case(
        "L13",
        "`;` between fields",
        "stops with the header seen and the setting",
        file(delimited(GOOD, delimiter=";")),
        error=(
            "data.text: column 'text' is not in rows.csv; columns are: text;label; the header has ';' in it: "
            "set data.delimiter=';'"
        ),
    ),
    Case(
        "L13",
        "the same, `data.delimiter=';'`",
        "read as asked",
        file(delimited(GOOD, delimiter=";"), delimiter=";"),
        texts=["quick 0"],
    ),
    Case(
        "L13",
        "tabs between fields",
        "stops with the header seen and the setting",
        file(delimited(GOOD, delimiter="\t")),
        error=(
            "data.text: column 'text' is not in rows.csv; columns are: text\tlabel; the header has tabs in it: "
            "set data.delimiter='\"\\t\"'"
        ),
    ),
    Case("L14", "lines that end in CR LF", "line ends", file(delimited(GOOD, end="\r\n")), texts=["quick 0"]),
    Case("L14", "lines that end in CR", "line ends", file(delimited(GOOD, end="\r")), texts=["quick 0"]),
    Case("L14", "U+2028 in a text", "data, no line end", file(among(("x\u2028y", "a"))), texts=["x\u2028y"]),
)

HEADERS = (
    Case(
        "L15",
        "two columns of one name",
        "stops",
        file(delimited(GOOD, head="text,text")),
        error="rows.csv: the column 'text' is there twice; expected different column names",
    ),
    Case(
        "L16",
        "no column of the text",
        "stops with the columns there are",
        file(delimited(GOOD, head="review_text,label")),
        error="data.text: column 'text' is not in rows.csv; columns are: review_text, label",
    ),
    Case(
        "L16",
        "no column of the label",
        "stops with the columns there are, and the nearest",
        file(delimited(GOOD, head="text,labell")),
        error="data.label: column 'label' is not in rows.csv; columns are: text, labell; did you mean 'labell'?",
    ),
    Case(
        "L17",
        "no header",
        "stops: the first row looks like data",
        file(delimited(GOOD, head="it broke after a week,a")),
        error=(
            "data.text: column 'text' is not in rows.csv; columns are: it broke after a week, a; the first row looks "
            "like data: put one with the names of the columns above it, such as text,label"
        ),
    ),
    Case(
        "L18",
        "spaces about the names of columns",
        "taken off once",
        file(delimited(GOOD, head=" text , label ")),
        texts=["quick 0"],
    ),
    Case(
        "L18",
        "names in another case",
        "stops with the nearest; not guessed",
        file(delimited(GOOD, head="Text,label")),
        error="data.text: column 'text' is not in rows.csv; columns are: Text, label; did you mean 'Text'?",
    ),
    Case("L19", "an empty file", "stops", file(""), error="rows.csv is empty; expected a header and at least one row"),
    Case(
        "L19",
        "nothing but a header",
        "stops",
        file("text,label\n"),
        error="rows.csv has no rows; expected at least one",
    ),
)

WRONG_LINES = tuple(
    Case(
        number,
        given,
        "stops with the number of the line",
        file(lines(line), name="rows.jsonl"),
        error=f"rows.jsonl: line 21 {said}; correct it{OR_SKIP}",
    )
    for number, given, line, said in (
        (
            "L31",
            "JSON lines: a list for a text",
            '{"text": ["x"], "label": "a"}',
            "has a list in 'text'; expected text",
        ),
        ("L31", "an object for a text", '{"text": {}, "label": "a"}', "has an object in 'text'; expected text"),
        ("L31", "null for a text", '{"text": null, "label": "a"}', "has null in 'text'; expected text"),
        ("L32", "a line that is cut short", '{"text": "x"', "is not JSON: Expecting ',' delimiter at character 13"),
        ("L32", "two objects in a line", '{"text": "x", "label": "a"} {}', "is not JSON: Extra data at character 29"),
        ("L32", "a list of objects in a line", '[{"text": "x"}]', "holds a list; expected one object a line"),
    )
)
JSON = (
    *WRONG_LINES,
    Case(
        "L32",
        "an array in a `.json` file",
        "refused by its name",
        file("[]", name="rows.json"),
        error=f"rows.json is a '.json' file; {FORMS}: write one object a line, as .jsonl",
    ),
    Case(
        "L33",
        "a key twice in an object",
        "the last value counts",
        file(lines('{"text": "lost", "text": "kept", "label": "a"}'), name="rows.jsonl"),
        texts=["kept"],
        check=last_label_is_the_last_key,
    ),
    Case(
        "L34",
        "a row of more than 8 MiB",
        "stops before it is all in memory; more than 128 KiB in a field is no matter",
        file(among(("x" * (9 << 20), "a"))),
        error="rows.csv: row 21 is longer than 8 MiB; expected shorter ones: look for a quote that is never closed",
    ),
)


def archive_case(number: str, given: str, data: bytes, said: str, name: str = "rows.zip") -> Case:
    """A packed file that is refused."""
    return Case(number, given, "refused", file(data, name=name), error=f"{name} {said}")


ONE_FILE = "expected one file of data"
PACKED = (
    *(
        Case(
            "L45",
            f"`rows.csv{packing}`",
            "read as a stream",
            place(f"rows.csv{packing}", lambda folder, packing=packing: packed(folder, "rows.csv", CSV, packing)),  # type: ignore[misc]
            texts=["quick 0"],
        )
        for packing in (".gz", ".bz2", ".xz", ".zip", ".tar", ".tar.gz")
    ),
    archive_case(
        "L45",
        "gzip in a file named `rows.csv`",
        gzip.compress(CSV, mtime=0),
        "is gzip, though its name does not say so; name it rows.csv.gz",
        "rows.csv",
    ),
    archive_case(
        "L45",
        "no gzip in a file named `rows.csv.gz`",
        CSV,
        "is not gzip; give it the name of what it is",
        "rows.csv.gz",
    ),
    Case(
        "L46",
        "a bomb: 80 MB in a few kB",
        "stops after 64 MiB, or after 1000 times the packed size if that is more",
        place("rows.csv.bz2", bomb, duplicates="drop"),
        error="rows.csv.bz2 holds more than 1000 times its size, as no honest table does; if it is one, unpack it",
    ),
    archive_case(
        "L46",
        "an archive in an archive",
        zipped(("rows.csv.gz", gzip.compress(CSV, mtime=0))),
        "holds 'rows.csv.gz', which is packed again; unpack it",
    ),
    archive_case(
        "L46",
        "an archive of several files",
        zipped(("a.csv", CSV), ("b.csv", CSV)),
        f"holds 2 files ('a.csv', 'b.csv'); {ONE_FILE}: unpack it",
    ),
    archive_case(
        "L47",
        "a member `../../x.csv`",
        zipped(("../../x.csv", CSV)),
        f"holds '../../x.csv', a path out of the archive; {ONE_FILE}",
    ),
    archive_case(
        "L47",
        "a member `/etc/x.csv`",
        tarred(("/etc/x.csv", CSV)),
        f"holds '/etc/x.csv', a path out of the archive; {ONE_FILE}",
        "rows.tar",
    ),
    archive_case("L47", "a member that is a link", link(), f"holds 'rows.csv', a link; {ONE_FILE}", "rows.tar"),
    archive_case("L47", "a member that is a device", device(), f"holds 'rows.csv', a device; {ONE_FILE}", "rows.tar"),
    archive_case(
        "L48",
        "gzip that is cut short",
        gzip.compress(CSV, mtime=0)[:-9],
        "cannot be read: Compressed file ended before the end-of-stream marker was reached",
        "rows.csv.gz",
    ),
)

PLACES = (
    Case(
        "L49",
        "a folder named like a file",
        "stops",
        place("rows.csv", lambda folder: (folder / "rows.csv").mkdir()),
        error="rows.csv is a folder; expected a file",
    ),
    Case(
        "L49",
        "a named pipe",
        "stops; does not wait for a writer",
        place("rows.csv", lambda folder: os.mkfifo(folder / "rows.csv")),
        error="rows.csv is not a regular file; expected one: write it to disk first",
    ),
    Case(
        "L49",
        "a name that is not there",
        "stops with the nearest",
        place("rosw.csv", lambda folder: write(folder / "rows.csv", GOOD)),
        error="rosw.csv does not exist; expected a file; did you mean 'rows.csv'?",
    ),
    Case(
        "L49",
        "a name that is not UTF-8",
        "read",
        place("caf\udce9.csv", lambda folder: write(folder / "caf\udce9.csv", GOOD)),
        texts=["quick 0"],
    ),
    Case(
        "L50",
        "`https://...`",
        "refused",
        place("https://example.org/rows.csv"),
        error="https://example.org/rows.csv is an address; expected a local path: download it first",
    ),
    Case(
        "L50",
        "`file://...`",
        "refused",
        place("file:///data/rows.csv"),
        error="file:///data/rows.csv is an address; expected a path: leave out 'file://'",
    ),
    Case(
        "L50",
        "a pattern",
        "refused, unless a file has that very name",
        place("*.csv"),
        error="*.csv does not exist, and patterns are not expanded; expected the path of one file",
    ),
    Case(
        "L51",
        "a file that changes while it is read",
        "stops; between runs, it is read again",
        file(GOOD),
        error="rows.csv changed while it was read; start again once nothing writes to it",
        meanwhile=append_a_row,
    ),
)

TYPED = (
    Case(
        "L57",
        "Parquet: dictionaries, nulls",
        "as other texts; a null text is an empty one",
        file(
            parquet(
                text=pa.array([None, *(text for text, _ in GOOD[1:])]).dictionary_encode(),
                label=pa.array([label for _, label in GOOD]).dictionary_encode(),
            ),
            name="rows.parquet",
        ),
        note="dropped: 1 row (empty)",
        dropped={"empty": 1},
        texts=["brown 1"],
    ),
    Case(
        "L57",
        "a null label",
        "stops with the row",
        file(parquet(label=["a", None, *"ab" * 14]), name="rows.parquet"),
        error=f"data.label: column 'label' of rows.parquet is empty in row 2; expected a label in every row{OR_SKIP}",
    ),
    Case(
        "L57",
        "labels with a fraction",
        "stops with the type",
        file(parquet(label=[0.0, 1.0] * 15), name="rows.parquet"),
        error=(
            "data.label: column 'label' of rows.parquet holds double; expected text or integers, "
            "because 1 and 1.0 would be two labels"
        ),
    ),
    Case(
        "L57",
        "lists for texts",
        "stops with the type",
        file(parquet(text=[["x"]] * 30), name="rows.parquet"),
        error="data.text: column 'text' of rows.parquet holds list<element: string>; expected text",
    ),
    Case(
        "L57",
        "whole numbers beyond 64 bits with a sign",
        "kept, digit by digit",
        file(a_number_too_large(), name="rows.parquet"),
        labels=["18446744073709551615", "7"],
    ),
    Case(
        "L58",
        "a pickle",
        "refused by its name: it could run what it likes",
        file(b"\x80\x04.", name="rows.pkl"),
        error=f"rows.pkl is a '.pkl' file; {FORMS}: such files can run code when they are opened",
    ),
    Case(
        "L58",
        "NumPy's `.npy`",
        "refused by its name",
        file(np.array([1]).tobytes(), name="rows.npy"),
        error=f"rows.npy is a '.npy' file; {FORMS}: such files can run code when they are opened",
    ),
)

CASES = (*ENCODINGS, *QUOTES, *HEADERS, *JSON, *PACKED, *PLACES, *TYPED)
