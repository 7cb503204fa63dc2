"""Local files as streams: decompressed, decoded, with every failure put into one line."""

from __future__ import annotations

import codecs
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from encodings.aliases import aliases
from functools import partial
from pathlib import Path

import pyarrow as pa

from tfclassify.data.sources.columns import LONGEST_ROW_BYTES
from tfclassify.data.sources.packed import CHUNK_BYTES, open_raw
from tfclassify.errors import UsageError, nearest

# With or without a byte order mark.
UTF_8 = "utf-8-sig"
# UTF-32 before UTF-16: its little-endian mark begins with the other's.
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Which of the first four bytes are not zero, in texts of Latin letters.
UNMARKED = {bytes((1, 0, 1, 0)): "utf-16-le", bytes((0, 1, 0, 1)): "utf-16-be"}
PATTERN = frozenset("*?[")


def file_path(location: str) -> Path:
    """Returns the path of a regular file.

    Raises:
        UsageError: there is none at the location.
    """
    path = local(location)
    if path.is_file():
        return path
    check_local(location)
    if path.is_dir():
        raise UsageError(f"{location} is a folder; expected a file")
    if path.exists():
        # Opening a named pipe that nobody writes to would wait forever.
        raise UsageError(f"{location} is not a regular file; expected one: write it to disk first")
    if not path.parent.is_dir():
        raise UsageError(f"{location} does not exist, nor does its folder; expected a file")
    names = [entry.name for entry in path.parent.iterdir()]
    raise UsageError(f"{location} does not exist; expected a file{nearest(path.name, names)}")


def check_local(location: str) -> None:
    """Refuses addresses and patterns, which would be looked for as files of that name."""
    if location.startswith("file://"):
        raise UsageError(f"{location} is an address; expected a path: leave out 'file://'")
    if "://" in location:
        raise UsageError(f"{location} is an address; expected a local path: download it first")
    if PATTERN.intersection(location):
        raise UsageError(f"{location} does not exist, and patterns are not expanded; expected the path of one file")


def local(location: str) -> Path:
    """Returns the path of a location, ``~`` replaced by the home folder."""
    try:
        return Path(location).expanduser()
    except RuntimeError as error:
        raise UsageError(f"{location}: there is no such user here; expected a path") from error


@contextmanager
def open_lines(location: str, encoding: str | None) -> Iterator[Iterator[str]]:
    """Opens a file of text as its lines, which end in LF, CR LF or CR.

    Bytes that cannot be decoded become lone surrogates, so that the row can be named or left out: see
    :func:`measured`. A line of more than 8 MiB comes in parts.

    Raises:
        UsageError: there is no such file or no such encoding, or a byte order mark says otherwise.
    """
    path = file_path(location)
    with open_raw(path) as head:
        codec = codec_of(head.read(4), encoding, location=location)
    with (
        open_raw(path) as raw,
        io.TextIOWrapper(io.BufferedReader(raw, CHUNK_BYTES), codec, "surrogateescape", newline="") as stream,
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


def named(encoding: str | None) -> str:
    """Returns what to call an encoding in a message."""
    return "UTF-8" if encoding is None or encoding.lower() in ("auto", "utf-8", "utf8") else encoding


def codec_of(head: bytes, encoding: str | None, *, location: str) -> str:
    """Returns the codec of bytes that begin so: as asked, else by the byte order mark, else UTF-8 ("utf-8-sig")."""
    marked = next((codec for mark, codec in MARKS if head.startswith(mark)), UTF_8)
    unmarked = UNMARKED.get(bytes(map(bool, head)))
    if unmarked and marked == UTF_8 and (encoding or "auto").lower() in ("auto", "utf-8", "utf8"):
        raise UsageError(f"{location} looks like UTF-16 without a byte order mark; set data.encoding={unmarked}")
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
    except UnicodeError as error:
        # Such as UTF-16 without a byte order mark where one is asked for.
        raise UsageError(
            f"{location} is not {encoding}: {error}; set data.encoding to what it was written in"
        ) from error
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        raise UsageError(f"{location} cannot be read: {_one_line(error)}") from error


def undecodable(location: str, encoding: str | None) -> str:
    """Describes the first byte of a file that cannot be decoded, with its offset in the (unpacked) file."""
    path = file_path(location)
    with open_raw(path) as stream:
        head = stream.read(4)
        decoder = codecs.getincrementaldecoder(codec_of(head, encoding, location=location))()
        read, chunk = len(head), head
        while chunk:
            try:
                decoder.decode(chunk)
                chunk = stream.read(CHUNK_BYTES)
                read += len(chunk)
                if not chunk:
                    decoder.decode(b"", final=True)
            except UnicodeDecodeError as error:
                # What is left of earlier chunks is in front; the end of both is that of what was read.
                return f"{_hexadecimal(error.object[error.start])} at byte {read - len(error.object) + error.start}"
    return "no byte"


def _hexadecimal(byte: int) -> str:
    return f"0x{byte:02x}"


def _one_line(error: BaseException) -> str:
    reason = getattr(error, "strerror", None) or str(error)
    return " ".join(reason.split())
