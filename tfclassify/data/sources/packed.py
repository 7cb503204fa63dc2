"""Packed files: compressed ones, and the one file that an archive holds, as streams that cannot run over.

What is refused: a name that says otherwise than the bytes, more bytes than honest data would give, archives of
several files or of archives, members outside the archive, links and devices.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, Any, NamedTuple, Protocol

from tfclassify.errors import UsageError

CHUNK_BYTES = 1 << 20
# Text of people's own packs to a tenth or so; rows that repeat without end come near the thousand that gzip can do.
MOST_RATIO = 1000
ALWAYS_BYTES = 64 << 20

MAGIC: Mapping[str, re.Pattern[bytes]] = {
    "gz": re.compile(rb"\x1f\x8b"),
    "bz2": re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"),
    "xz": re.compile(rb"\xfd7zXZ\x00"),
    "zip": re.compile(rb"PK(\x03\x04|\x05\x06)"),
}
OPENERS: Mapping[str, Callable[[Path], Any]] = {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}
KINDS = {"gz": "gzip", "bz2": "bzip2", "xz": "xz", "zip": "a zip archive"}
# What a name ends in that is short for two endings.
SHORT = {".tgz": ".tar.gz", ".tbz2": ".tar.bz2", ".txz": ".tar.xz"}
TAR = re.compile(r"\.tar(\.(gz|bz2|xz))?$")
ERRORS = (lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError, NotImplementedError)


class Closing(Protocol):
    """What can be closed."""

    def close(self) -> None:
        """Closes it."""
        ...


class Member(NamedTuple):
    """What an archive holds under a name: a file's text to read, or what else it is."""

    name: str
    kind: str


def data_name(location: str) -> str:
    """Returns the name, in lower case, whose suffix says the format: what is left without packing, or the member's.

    Raises:
        UsageError: an archive that is there does not hold one file of data.
    """
    name = _long(location)
    if not _is_archive(name):
        return re.sub(r"\.(gz|bz2|xz)$", "", name)
    path = Path(location).expanduser()
    if not path.is_file():
        return re.sub(r"(\.zip|\.tar(\.\w+)?)$", "", name)
    return _member(path).lower()


def format_of(location: str) -> str:
    """Returns the suffix of the data at a location, such as ``csv``; empty where there is none."""
    return PurePath(data_name(location)).suffix.removeprefix(".")


def open_raw(path: Path) -> io.BufferedIOBase:
    """Opens a file for reading its bytes from the beginning, unpacked where it is packed.

    Raises:
        UsageError: the name says otherwise than the bytes, an archive does not hold one file of data; and while it
            is read: there is more than can be unpacked safely.
    """
    name = _long(path.name)
    if name.endswith(".zip"):
        return _open_zipped(path)
    if TAR.search(name):
        return _open_tarred(path)
    _check_magic(path, name)
    return _decompressed(path)


def _long(name: str) -> str:
    name = name.lower()
    return next((name.removesuffix(short) + long for short, long in SHORT.items() if name.endswith(short)), name)


def _is_archive(name: str) -> bool:
    return name.endswith(".zip") or TAR.search(name) is not None


def _check_magic(path: Path, name: str) -> None:
    named = next((kind for kind in MAGIC if name.endswith(f".{kind}")), None)
    with open(path, "rb") as file:
        head = file.read(16)
    found = next((kind for kind, magic in MAGIC.items() if magic.match(head)), None)
    if named == found:
        return
    if named is None:
        raise UsageError(f"{path} is {KINDS[str(found)]}, though its name does not say so; name it {path.name}.{found}")
    other = "" if found is None else f" but {KINDS[found]}"
    raise UsageError(f"{path} is not {KINDS[named]}{other}; give it the name of what it is")


def _decompressed(path: Path) -> io.BufferedIOBase:
    kind = _long(path.name).rpartition(".")[2]
    if kind not in OPENERS:
        return open(path, "rb")
    return io.BufferedReader(_Unpacked(OPENERS[kind](path), path, path.stat().st_size), CHUNK_BYTES)


class _Unpacked(io.RawIOBase):
    """Unpacked bytes, up to as many as can honestly come of the packed ones; closes what it is read from."""

    def __init__(self, stream: IO[bytes], path: Path, packed_bytes: int, *, within: Sequence[Closing] = ()) -> None:
        super().__init__()
        self._stream, self._path, self._within = stream, path, within
        self._left = max(ALWAYS_BYTES, MOST_RATIO * packed_bytes)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        with _archive_errors():
            data = self._stream.read(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            raise UsageError(
                f"{self._path} holds more than {MOST_RATIO} times its size, as no honest table does; "
                "if it is one, unpack it"
            )
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        for each in (self._stream, *self._within):
            each.close()
        super().close()


# Archives


def _member(path: Path) -> str:
    """Returns the name of the one file of data in an archive, and refuses any that could do harm."""
    _check_magic(path, _long(path.name))
    members = _zip_members(path) if path.name.lower().endswith(".zip") else _tar_members(path)
    files = []
    for name, kind in members:
        place = PurePosixPath(name.replace("\\", "/"))
        if place.is_absolute() or ".." in place.parts or re.match(r"[A-Za-z]:", name):
            raise UsageError(f"{path} holds {name!r}, a path out of the archive; expected one file of data")
        if kind not in ("file", "folder"):
            raise UsageError(f"{path} holds {name!r}, {kind}; expected one file of data")
        if kind == "file" and not place.name.startswith(".") and "__MACOSX" not in place.parts:
            files.append(name)
    if len(files) != 1:
        shown = ", ".join(map(repr, files[:3])) + ", ..." * (len(files) > 3)
        held = f"{len(files)} files ({shown})" if files else "no file"
        raise UsageError(f"{path} holds {held}; expected one file of data: unpack it")
    name = _long(files[0])
    if _is_archive(name) or data_name(name) != name:
        raise UsageError(f"{path} holds {files[0]!r}, which is packed again; unpack it")
    return files[0]


def _zip_members(path: Path) -> Iterator[Member]:
    with _archive_errors(), zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            yield Member(info.filename, _zip_kind(info))


def _zip_kind(info: zipfile.ZipInfo) -> str:
    # The upper half holds the mode where the archive was made on Unix, and nothing elsewhere.
    kind = stat.S_IFMT(info.external_attr >> 16)
    if info.flag_bits & 1:
        return "which is encrypted"
    if kind == stat.S_IFLNK:
        return "a link"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "a device"
    return "folder" if info.is_dir() else "file"


def _open_zipped(path: Path) -> io.BufferedIOBase:
    name = _member(path)
    with _archive_errors(), zipfile.ZipFile(path) as archive:
        # The file stays open for as long as the member is.
        packed = archive.getinfo(name).compress_size
        return io.BufferedReader(_Unpacked(archive.open(name), path, packed), CHUNK_BYTES)


def _tar_members(path: Path) -> Iterator[Member]:
    with _archive_errors(), _decompressed(path) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        for info in archive:
            yield Member(info.name, _tar_kind(info))
        # Only at its end does a compressed file say whether it is whole.
        while stream.read(CHUNK_BYTES):
            pass


def _tar_kind(info: tarfile.TarInfo) -> str:
    if info.issym() or info.islnk():
        return "a link"
    if info.isdir():
        return "folder"
    return "file" if info.isreg() else "a device"


def _open_tarred(path: Path) -> io.BufferedIOBase:
    name, stream = _member(path), _decompressed(path)
    archive = tarfile.open(fileobj=stream, mode="r|")  # noqa: SIM115 (closed with the member)
    found = next(archive.extractfile(info) for info in archive if info.name == name)
    member = io.BytesIO() if found is None else found
    return io.BufferedReader(_Unpacked(member, path, path.stat().st_size, within=[archive, stream]), CHUNK_BYTES)


@contextmanager
def _archive_errors() -> Iterator[None]:
    """Gives the errors of archives as those of files, which every source puts into words."""
    try:
        yield
    except ERRORS as error:
        raise OSError(str(error) or type(error).__name__) from error
