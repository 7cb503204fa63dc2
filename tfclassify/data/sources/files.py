"""Local files as streams: decompressed, decoded, with every failure put into one line."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from encodings.aliases import aliases
from functools import partial
from pathlib import Path

import pyarrow as pa

from tfclassify.data.sources.columns import LONGEST_ROW_BYTES
from tfclassify.errors import UsageError, nearest

CHUNK_BYTES = 1 << 20
# With or without a byte order mark.
UTF_8 = "utf-8-sig"
# UTF-32 before UTF-16: its little-endian mark begins with the other's.
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def file_path(location: str) -> Path:
    """Returns the path of a regular file.

    Raises:
        UsageError: there is none at the location.
    """
    path = local(location)
    if path.is_file():
        return path
    if "://" in location:
        raise UsageError(f"{location} is an address; expected a local path: download it first")
    if path.is_dir():
        raise UsageError(f"{location} is a folder; expected a file")
    if path.exists():
        # Opening a named pipe that nobody writes to would wait forever.
        raise UsageError(f"{location} is not a regular file; expected one: write it to disk first")
    if not path.parent.is_dir():
        raise UsageError(f"{location} does not exist, nor does its folder; expected a file")
    names = [entry.name for entry in path.parent.iterdir()]
    raise UsageError(f"{location} does not exist; expected a file{nearest(path.name, names)}")


def local(location: str) -> Path:
    """Returns the path of a location, ``~`` replaced by the home folder."""
    try:
        return Path(location).expanduser()
    except RuntimeError as error:
        raise UsageError(f"{location}: there is no such user here; expected a path") from error


def open_raw(path: Path) -> io.BufferedIOBase:
    """Opens a file for reading its bytes from the beginning, decompressed where its name ends in .gz."""
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else open(path, "rb")


@contextmanager
def open_lines(location: str, encoding: str | None) -> Iterator[Iterator[str]]:
    """Opens a file of text as its lines, which end in LF, CR LF or CR.

    Bytes of a UTF-8 file that are not UTF-8 become lone surrogates, so that the row can be named or left out:
    see :func:`measured`. A line of more than 8 MiB comes in parts.

    Raises:
        UsageError: there is no such file or no such encoding, or a byte order mark says otherwise.
    """
    path = file_path(location)
    with open_raw(path) as head:
        codec = codec_of(head.read(4), encoding, location=location)
    errors = "surrogateescape" if codec == UTF_8 else "strict"
    with (
        open_raw(path) as raw,
        io.TextIOWrapper(io.BufferedReader(raw, CHUNK_BYTES), codec, errors, newline="") as stream,
    ):
        yield iter(partial(stream.readline, LONGEST_ROW_BYTES + 1), "")


def measured(line: str) -> tuple[int, bool]:
    """Returns the bytes that a line takes in UTF-8, and whether all of it could be decoded."""
    if line.isascii():
        return len(line), True
    try:
        return len(line.encode()), True
    except UnicodeEncodeError:
        return len(line.encode("utf-8", "surrogateescape")), False


def codec_of(head: bytes, encoding: str | None, *, location: str) -> str:
    """Returns the codec of bytes that begin so: as asked, else by the byte order mark, else UTF-8 ("utf-8-sig")."""
    marked = next((codec for mark, codec in MARKS if head.startswith(mark)), UTF_8)
    if encoding in (None, "auto"):
        return marked
    codec = _canonical(encoding)
    if codec == UTF_8 != marked:
        raise UsageError(f"{location} begins with a {marked.upper()} byte order mark; set data.encoding={marked}")
    # The codecs that name a byte order would keep the mark as a character of the first row.
    return marked if codec.startswith(marked) else codec


def _canonical(encoding: str) -> str:
    if not _is_for_text(encoding):
        known = nearest(encoding.lower(), filter(_is_for_text, [*aliases, *aliases.values()]))
        raise UsageError(
            f"data.encoding: no encoding '{encoding}'; expected one that Python knows, such as cp1252{known}"
        )
    name = codecs.lookup(encoding).name
    return UTF_8 if name == "utf-8" else name


def _is_for_text(encoding: str) -> bool:
    try:
        # Unlike codecs.lookup this refuses codecs of bytes, such as base64.
        "a".encode(encoding)
    except (LookupError, ValueError):
        return False
    return True


@contextmanager
def reading(location: str, encoding: str | None) -> Iterator[None]:
    """Turns what goes wrong between disk and decoder into a UsageError."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{location} is not {encoding or error.encoding}: {_hexadecimal(error.object[error.start])} "
            f"cannot be decoded; set data.encoding to what the file was written in"
        ) from error
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        raise UsageError(f"{location} cannot be read: {_one_line(error)}") from error


def undecodable(location: str) -> str:
    """Describes the first byte of a file that is not UTF-8, with its offset in the (decompressed) file."""
    offset, tail = 0, b""
    with open_raw(file_path(location)) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            block = tail + chunk
            bad = _first_bad(block)
            # A character of up to four bytes may be cut in two by the end of the block.
            if bad < len(block) - 3:
                return f"{_hexadecimal(block[bad])} at byte {offset + bad}"
            offset, tail = offset + bad, block[bad:]
    return f"{_hexadecimal(tail[0])} at byte {offset}" if tail else "no byte"


def _first_bad(block: bytes) -> int:
    try:
        block.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return len(block)


def _hexadecimal(byte: int) -> str:
    return f"0x{byte:02x}"


def _one_line(error: BaseException) -> str:
    reason = getattr(error, "strerror", None) or str(error)
    return " ".join(reason.split())
