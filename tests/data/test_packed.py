"""Compressed files and archives: what is read, and every trap that is not walked into."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as arrow_parquet
import pytest
from packing import PACKINGS, packed, tarred, zipped

from tfclassify.data.sources import Columns, column_names, find_source, fingerprint
from tfclassify.data.sources import packed as packed_module
from tfclassify.data.sources.packed import data_name, format_of, open_raw
from tfclassify.errors import UsageError

COLUMNS = Columns("text", label="label")
ROWS = [{"text": "é", "label": "x"}, {"text": "b", "label": "y"}]
CSV = "text,label\né,x\nb,y\n".encode()
JSON = b'{"text": "\xc3\xa9", "label": "x"}\n{"text": "b", "label": "y"}\n'


def parquet() -> bytes:
    out = io.BytesIO()
    arrow_parquet.write_table(pa.Table.from_pylist(ROWS), out)
    return out.getvalue()


FORMATS = {"csv": CSV, "tsv": CSV.replace(b",", b"\t"), "jsonl": JSON, "parquet": parquet()}


def rows_of(path: Path | str) -> list[dict[str, Any]]:
    return [row for batch in find_source(str(path))(str(path), COLUMNS) for row in batch.to_pylist()]


def message(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        rows_of(path)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(str(path), "FILE")


def written(folder: Path, name: str, data: bytes) -> Path:
    (folder / name).write_bytes(data)
    return folder / name


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("suffix", FORMATS)
def test_every_packing_of_every_format(tmp_path: Path, suffix: str, packing: str) -> None:
    path = packed(tmp_path, f"Rows.{suffix.upper()}", FORMATS[suffix], packing)
    assert rows_of(path) == ROWS
    assert column_names(str(path), COLUMNS) == ("text", "label")
    assert format_of(str(path)) == suffix
    assert fingerprint(str(path)) is not None


@pytest.mark.parametrize("packing", [".zip", ".tar", ".tar.gz"])
def test_the_member_of_an_archive_says_its_format(tmp_path: Path, packing: str) -> None:
    path = written(tmp_path, f"archive{packing}", PACKINGS[packing](JSON, "deep/er/rows.jsonl"))
    assert data_name(str(path)) == "deep/er/rows.jsonl"
    assert rows_of(path) == ROWS
    assert data_name(str(tmp_path / f"none.csv{packing}")) == str(tmp_path / "none.csv").lower()


def test_what_systems_put_beside_a_file_is_passed_over(tmp_path: Path) -> None:
    members = [("__MACOSX/._rows.csv", b"\0"), (".DS_Store", b"\0"), ("folder/rows.csv", CSV)]
    assert rows_of(written(tmp_path, "rows.zip", zipped(("folder/", b""), *members))) == ROWS
    assert rows_of(written(tmp_path, "rows.tar.gz", tarred(*members, mode="w:gz"))) == ROWS


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_parts_one_after_another(tmp_path: Path, compress: Any) -> None:
    suffix = {gzip.compress: "gz", bz2.compress: "bz2", lzma.compress: "xz"}[compress]
    assert rows_of(written(tmp_path, f"rows.csv.{suffix}", compress(CSV[:12]) + compress(CSV[12:]))) == ROWS


@pytest.mark.parametrize("packing", [packing for packing in PACKINGS if packing != ""])
@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_cut_short(tmp_path: Path, suffix: str, packing: str) -> None:
    path = packed(tmp_path, f"rows.{suffix}", FORMATS[suffix] * 20 if suffix == "jsonl" else FORMATS[suffix], packing)
    data = path.read_bytes()
    # A plain tar archive ends in zeros that are not missed, after its last block of data.
    end = 1024 if packing == ".tar" else len(data)
    for length in {*range(0, end, 7), end - 1}:
        path.write_bytes(data[:length])
        assert message(path).startswith("FILE")


@pytest.mark.parametrize("packing", [".bz2", ".xz", ".zip", ".tar.gz"])
def test_damaged(tmp_path: Path, packing: str) -> None:
    path = packed(tmp_path, "rows.csv", CSV + b"".join(b"%d,x\n" % row for row in range(400)), packing)
    data, whole = path.read_bytes(), rows_of(path)
    for place in range(0, len(data), 3):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
        try:
            # Bytes that say when, or on what system, a file was packed may be any.
            assert rows_of(path) == whole
        except UsageError as error:
            assert "\n" not in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("rows.csv.gz", CSV, "FILE is not gzip; give it the name of what it is"),
        ("rows.csv.gz", bz2.compress(CSV), "FILE is not gzip but bzip2; give it the name of what it is"),
        ("rows.csv.xz", gzip.compress(CSV), "FILE is not xz but gzip; give it the name of what it is"),
        ("rows.zip", CSV, "FILE is not a zip archive; give it the name of what it is"),
        ("rows.zip", b"PK\x03\x04", "FILE cannot be read: File is not a zip file"),
        ("rows.tar", CSV, "FILE cannot be read: truncated header"),
        (
            "rows.csv",
            gzip.compress(CSV),
            "FILE is gzip, though its name does not say so; name it rows.csv.gz",
        ),
        (
            "rows.csv",
            zipped(("xl/workbook.xml", b"")),
            "FILE is a zip archive, though its name does not say so; name it rows.csv.zip",
        ),
        ("rows.jsonl", lzma.compress(JSON), "FILE is xz, though its name does not say so; name it rows.jsonl.xz"),
    ],
    # Packed bytes hold the time, and the tests of two processes would have other names.
    ids=lambda given: given if isinstance(given, str) else "data",
)
def test_a_name_that_says_otherwise(tmp_path: Path, name: str, data: bytes, expected: str) -> None:
    assert message(written(tmp_path, name, data)) == expected


# Bombs


@pytest.mark.parametrize("packing", [".gz", ".bz2", ".xz", ".zip", ".tar.bz2"])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_bombs_are_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packing: str, suffix: str) -> None:
    monkeypatch.setattr(packed_module, "ALWAYS_BYTES", 1 << 16)
    monkeypatch.setattr(packed_module, "MOST_RATIO", 10)
    path = packed(tmp_path, f"rows.{suffix}", b"text,label\n" + b"a,x\n" * 100_000, packing)
    assert message(path) == ("FILE holds more than 10 times its size, as no honest table does; if it is one, unpack it")


def test_little_may_come_of_nearly_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = packed(tmp_path, "rows.csv", b"text,label\n" + b"a,x\n" * 2_000_000, ".bz2")
    assert path.stat().st_size < 2000
    with open_raw(path) as stream:
        assert len(stream.read()) == 8_000_011
    monkeypatch.setattr(packed_module, "ALWAYS_BYTES", 8_000_010)
    monkeypatch.setattr(packed_module, "MOST_RATIO", 10)
    with open_raw(path) as stream, pytest.raises(UsageError, match="holds more than 10 times its size"):
        stream.read()


# Archives that could do harm


def zip_info(name: str, mode: int = stat.S_IFREG, *, flags: int = 0) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr, info.flag_bits = 3, mode << 16, flags
    return info


def tar_info(name: str, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "elsewhere"
    return info


EXPECTED = "expected one file of data"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (zipped(), f"FILE holds no file; {EXPECTED}: unpack it"),
        (zipped(("a/", b"")), f"FILE holds no file; {EXPECTED}: unpack it"),
        (
            zipped(("a.csv", CSV), ("b.csv", CSV)),
            f"FILE holds 2 files ('a.csv', 'b.csv'); {EXPECTED}: unpack it",
        ),
        (
            zipped(*[(f"{place}.csv", CSV) for place in range(4)]),
            f"FILE holds 4 files ('0.csv', '1.csv', '2.csv', ...); {EXPECTED}: unpack it",
        ),
        (zipped(("../x.csv", CSV)), f"FILE holds '../x.csv', a path out of the archive; {EXPECTED}"),
        (zipped(("a/../x.csv", CSV)), f"FILE holds 'a/../x.csv', a path out of the archive; {EXPECTED}"),
        (zipped(("/etc/x.csv", CSV)), f"FILE holds '/etc/x.csv', a path out of the archive; {EXPECTED}"),
        (zipped(("..\\x.csv", CSV)), f"FILE holds '..\\\\x.csv', a path out of the archive; {EXPECTED}"),
        (zipped(("C:\\x.csv", CSV)), f"FILE holds 'C:\\\\x.csv', a path out of the archive; {EXPECTED}"),
        (zipped((zip_info("x.csv", stat.S_IFLNK), b"y")), f"FILE holds 'x.csv', a link; {EXPECTED}"),
        (zipped((zip_info("x.csv", stat.S_IFIFO), b"")), f"FILE holds 'x.csv', a device; {EXPECTED}"),
        (zipped(("rows.csv.gz", gzip.compress(CSV))), "FILE holds 'rows.csv.gz', which is packed again; unpack it"),
        (zipped(("in.zip", zipped(("x.csv", CSV)))), "FILE holds 'in.zip', which is packed again; unpack it"),
        (zipped(("in.tgz", b"")), "FILE holds 'in.tgz', which is packed again; unpack it"),
    ],
)
def test_zip_archives_refused(tmp_path: Path, data: bytes, expected: str) -> None:
    assert message(written(tmp_path, "rows.zip", data)) == expected


def test_an_encrypted_zip_archive(tmp_path: Path) -> None:
    data = bytearray(zipped(("x.csv", CSV)))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert message(written(tmp_path, "rows.zip", bytes(data))) == (
        f"FILE holds 'x.csv', which is encrypted; {EXPECTED}"
    )


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        (tar_info("../x.csv"), f"FILE holds '../x.csv', a path out of the archive; {EXPECTED}"),
        (tar_info("/x.csv"), f"FILE holds '/x.csv', a path out of the archive; {EXPECTED}"),
        (tar_info("x.csv", tarfile.SYMTYPE), f"FILE holds 'x.csv', a link; {EXPECTED}"),
        (tar_info("x.csv", tarfile.LNKTYPE), f"FILE holds 'x.csv', a link; {EXPECTED}"),
        (tar_info("x.csv", tarfile.CHRTYPE), f"FILE holds 'x.csv', a device; {EXPECTED}"),
        (tar_info("x.csv", tarfile.FIFOTYPE), f"FILE holds 'x.csv', a device; {EXPECTED}"),
        (tar_info("folder", tarfile.DIRTYPE), f"FILE holds no file; {EXPECTED}: unpack it"),
        (tar_info("x.tar"), "FILE holds 'x.tar', which is packed again; unpack it"),
    ],
)
def test_tar_archives_refused(tmp_path: Path, member: tarfile.TarInfo, expected: str) -> None:
    assert message(written(tmp_path, "rows.tar", tarred((member, b"")))) == expected
    assert message(written(tmp_path, "rows.tar.gz", tarred((member, b""), mode="w:gz"))) == expected


def test_a_link_beside_the_data_is_refused_too(tmp_path: Path) -> None:
    data = tarred(("rows.csv", CSV), (tar_info("y", tarfile.SYMTYPE), b""))
    assert message(written(tmp_path, "rows.tar", data)) == f"FILE holds 'y', a link; {EXPECTED}"
