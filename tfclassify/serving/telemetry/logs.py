"""Log lines: one JSON object each, written by another thread, and never with the text that was classified.

Every character outside of ASCII and every control character is escaped, so that nothing a client sends can begin a
line of its own or reach a terminal.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import queue
import re
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from logging.handlers import QueueHandler, QueueListener
from typing import Any, TextIO

NAME = "tfclassify.serving.telemetry"
FIELDS = "fields"
MOST_WAITING_LINES = 10_000
MOST_CHARACTERS = 512
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

# Made once: json.dumps would make one for every line.
ENCODER = json.JSONEncoder(default=str, separators=(",", ":"))

Log = Callable[[int, str, Mapping[str, Any]], None]


@dataclass(frozen=True)
class Logs:
    """Where lines go: ``log(level, event, fields)``, and ``close``, which writes what waits."""

    log: Log
    close: Callable[[], None]


def open_logs(*, level: int = logging.INFO, stream: TextIO | None = None) -> Logs:
    """Opens the log.

    Writing never holds a request up: lines wait in a queue for a thread that writes them, and those that find it full
    are dropped and counted; the next line that is written says how many.

    Args:
        level: below which nothing is written.
        stream: to write to; by default standard error.
    """
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    writer = logging.StreamHandler(stream if stream is not None else sys.stderr)
    writer.setFormatter(_Lines())
    listener = QueueListener(waiting, writer)
    entry = _Entry(waiting)
    logger = logging.getLogger(NAME)
    logger.setLevel(level)
    logger.propagate = False
    logger.addHandler(entry)
    listener.start()

    def log(at: int, event: str, fields: Mapping[str, Any]) -> None:
        if logger.isEnabledFor(at):
            logger.handle(_record(at, event, fields))

    def close() -> None:
        if entry in logger.handlers:
            logger.removeHandler(entry)
            listener.stop()

    return Logs(log, close)


def request_id_of(given: str | None) -> str:
    """Returns the id that a client gave a request where it is one, and else a new one."""
    return given if given and REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def traceparent_of(given: str | None) -> str | None:
    """Returns a trace's position where it is of the form of W3C Trace Context."""
    return given if given and TRACEPARENT.fullmatch(given) else None


def hashed(value: str | bytes, key: bytes) -> str:
    """Returns 16 hexadecimal digits that stand for a value, and can be told from it only with the key."""
    content = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    return hmac.digest(key, content, hashlib.sha256).hex()[:16]


def about_texts(texts: Sequence[str | bytes], key: bytes) -> dict[str, Any]:
    """Returns what may be logged of texts: their lengths in characters or bytes, and their keyed hashes."""
    return {"text_lengths": [len(text) for text in texts], "text_hmacs": [hashed(text, key) for text in texts]}


def line(level: str, event: str, fields: Mapping[str, Any], *, at_seconds: float) -> str:
    """Writes one line, without its end.

    Args:
        level: of severity, in lower case.
        event: what happened.
        fields: what else is said of it; those that are None are left out.
        at_seconds: since 1970.
    """
    at = datetime.fromtimestamp(at_seconds, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
    first = {"ts": at, "level": level, "event": event}
    said = {name: _short(value) for name, value in fields.items() if value is not None and name not in first}
    return ENCODER.encode({**first, **said})


def _short(value: Any) -> Any:
    return f"{value[:MOST_CHARACTERS]}..." if isinstance(value, str) and len(value) > MOST_CHARACTERS else value


def _record(level: int, event: str, fields: Mapping[str, Any]) -> logging.LogRecord:
    # Finding the line of source that logs takes longer than all the rest, and says nothing here.
    record = logging.LogRecord(NAME, level, "", 0, event, None, None)
    setattr(record, FIELDS, fields)
    return record


class _Lines(logging.Formatter):
    """A record as a line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, FIELDS, {})
        return line(record.levelname.lower(), record.getMessage(), fields, at_seconds=record.created)


class _Entry(QueueHandler):
    """Puts records in the queue as they are, to be made lines of by who writes them."""

    def __init__(self, waiting: queue.SimpleQueue[Any]) -> None:
        super().__init__(waiting)
        self.waiting = waiting
        self.dropped = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        if self.waiting.qsize() >= MOST_WAITING_LINES:
            self.dropped += 1
            return
        if self.dropped:
            setattr(record, FIELDS, {**getattr(record, FIELDS, {}), "dropped_lines": self.dropped})
            self.dropped = 0
        self.waiting.put(record)
