"""Bytes of a stream that were read and nobody took yet: line by line for one reader, many lines at once for another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tfclassify.data.sources.columns import LONGEST_ROW_BYTES

BLOCK_BYTES = 1 << 21
UTF_8_MARK = b"\xef\xbb\xbf"


@dataclass
class Ahead:
    """A stream of UTF-8 text.

    Attributes:
        read: gives at most so many of the next bytes, none at the end.
        waits: whether it may be long until there are more bytes.
        data: what was read last; what comes before ``place`` was taken.
        start: where in the stream ``data`` begins.
        undecodable: the last byte that is not UTF-8, with its place in the stream; empty where there was none.
    """

    read: Callable[[int], bytes]
    waits: bool = False
    data: bytes = b""
    place: int = 0
    start: int = 0
    undecodable: str = ""

    @property
    def position(self) -> int:
        """How many bytes were taken."""
        return self.start + self.place

    @property
    def held(self) -> int:
        """How many bytes were read and not taken."""
        return len(self.data) - self.place


def fill(ahead: Ahead, least: int = 1) -> bool:
    """Reads until so many bytes are held; says whether there are as many."""
    while ahead.held < least:
        read = ahead.read(max(BLOCK_BYTES - ahead.held, BLOCK_BYTES // 2))
        ahead.start, ahead.data, ahead.place = ahead.position, held(ahead) + read, 0
        if not read:
            return False
    return True


def held(ahead: Ahead) -> bytes:
    """Returns the bytes that were read and not taken."""
    return ahead.data[ahead.place :]


def without_mark(ahead: Ahead) -> Ahead:
    """Takes the byte order mark, if there is one."""
    fill(ahead, len(UTF_8_MARK))
    if ahead.position == 0 and ahead.data.startswith(UTF_8_MARK):
        ahead.place = len(UTF_8_MARK)
    return ahead


def take(ahead: Ahead, size: int) -> None:
    """Takes so many bytes, which must be held."""
    ahead.place += size


def give_back(ahead: Ahead, taken: bytes) -> None:
    """Undoes the last takings, of these bytes together."""
    ahead.start, ahead.data, ahead.place = ahead.position - len(taken), taken + held(ahead), 0


def lines(ahead: Ahead) -> Iterator[str]:
    """Takes one line after the other, each when it is asked for; they end in LF, CR LF or CR.

    Bytes that are not UTF-8 become lone surrogates. A line of more than 8 MiB comes in parts.
    """
    while size := _line_bytes(ahead):
        start = ahead.position
        line = ahead.data[ahead.place : ahead.place + size]
        take(ahead, size)
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            ahead.undecodable = f"0x{line[error.start]:02x} at byte {start + error.start}"
            yield line.decode(errors="surrogateescape")


def _line_bytes(ahead: Ahead) -> int:
    """Returns the bytes of the next line, 0 at the end."""
    held = 0
    while fill(ahead, held + 1) and held <= LONGEST_ROW_BYTES:
        end = _line_end(ahead.data, ahead.place)
        if end:
            return end - ahead.place
        held = ahead.held
    return min(ahead.held, LONGEST_ROW_BYTES + 1)


def _line_end(data: bytes, place: int) -> int:
    """Returns where the line ends that begins here, 0 where more of it must be seen to know."""
    feed = data.find(b"\n", place)
    carriage = data.find(b"\r", place, feed if feed >= 0 else len(data))
    if carriage < 0 or carriage + 1 == feed:
        return feed + 1
    return carriage + 1 if carriage + 1 < len(data) else 0
