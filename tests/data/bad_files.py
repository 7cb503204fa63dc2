"""Bad files: L45 to L51 (packed, not there, changing), L57 (Parquet) and L58."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as arrow_parquet
from bad_cases import GOOD, OR_SKIP, Case, delimited, file, place, write
from bad_lines import FORMS
from packing import packed, tarred, zipped

CSV = delimited(GOOD).encode()


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


def bomb(folder: Path) -> None:
    row = b" " * (1 << 20) + b",a\n"
    write(folder / "rows.csv.bz2", bz2.compress(b"text,label\n") + bz2.compress(row * 8) * 10)


def append_a_row(folder: Path) -> None:
    with open(folder / "rows.csv", "ab") as out:
        out.write(b"late,a\n")


def a_number_too_large() -> bytes:
    labels = pa.array([2**64 - 1, 7] * (len(GOOD) // 2), pa.uint64())
    return parquet(label=labels, n=pa.array([2**64 - 1] * len(GOOD), pa.uint64()))


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
        error=f"rows.pkl is a '.pkl' file; {FORMS}; such files can run code when they are opened",
    ),
    Case(
        "L58",
        "NumPy's `.npy`",
        "refused by its name",
        file(np.array([1]).tobytes(), name="rows.npy"),
        error=f"rows.npy is a '.npy' file; {FORMS}; such files can run code when they are opened",
    ),
)

CASES = (*PACKED, *PLACES, *TYPED)
