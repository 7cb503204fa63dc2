"""Log lines: JSON, one a line whatever clients send, and no request waits for them."""

from __future__ import annotations

import io
import json
import logging
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from logging.handlers import QueueHandler
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.serving.telemetry import logs as module
from tfclassify.serving.telemetry.logs import Logs, about_texts, hashed, line, open_logs, request_id_of, traceparent_of

KEY = b"0123456789abcdef"


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def opened(stream: io.StringIO) -> Iterator[Logs]:
    made = open_logs(stream=stream)
    yield made
    made.close()


def written(stream: io.StringIO, opened: Logs) -> list[dict[str, Any]]:
    opened.close()
    return [json.loads(each) for each in stream.getvalue().splitlines()]


def test_a_line(stream: io.StringIO, opened: Logs) -> None:
    before = time.time()
    opened.log(logging.INFO, "request", {"status": 200, "error_code": None, "model": "m"})
    (said,) = written(stream, opened)
    at = datetime.fromisoformat(said.pop("ts"))
    assert said == {"level": "info", "event": "request", "status": 200, "model": "m"}
    assert abs(at.timestamp() - before) < 5


def test_times_are_of_rfc_3339() -> None:
    assert json.loads(line("info", "x", {}, at_seconds=1_800_000_000.1239))["ts"] == "2027-01-15T08:00:00.123Z"
    assert json.loads(line("info", "x", {}, at_seconds=1_800_000_000))["ts"] == "2027-01-15T08:00:00.000Z"


@given(
    st.text(), st.dictionaries(st.text(), st.text() | st.integers() | st.floats() | st.binary() | st.lists(st.text()))
)
def test_one_line_whatever_is_in_it(event: str, fields: dict[str, Any]) -> None:
    made = line("info", event, fields, at_seconds=0.0)
    assert made.isascii()
    assert made.isprintable()
    assert json.loads(made)["event"] == event
    assert json.loads(made)["level"] == "info"


def test_what_is_long_is_cut() -> None:
    said = json.loads(line("info", "x", {"a": "y" * 10_000}, at_seconds=0.0))
    assert said["a"] == "y" * 512 + "..."


def test_levels(stream: io.StringIO) -> None:
    opened = open_logs(level=logging.WARNING, stream=stream)
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        opened.log(level, "x", {})
    assert [said["level"] for said in written(stream, opened)] == ["warning", "error"]


def test_closing_writes_what_waits_and_may_be_done_twice(stream: io.StringIO, opened: Logs) -> None:
    for number in range(5000):
        opened.log(logging.INFO, "x", {"number": number})
    assert [said["number"] for said in written(stream, opened)] == list(range(5000))
    opened.close()
    opened.log(logging.INFO, "late", {})
    assert "late" not in stream.getvalue()
    assert not [each for each in logging.getLogger(module.NAME).handlers if isinstance(each, QueueHandler)]


class Stuck(io.StringIO):
    """A stream that takes nothing until it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.free = threading.Event()

    def write(self, text: str) -> int:
        self.free.wait(10)
        return super().write(text)


def test_nobody_waits_for_a_stream_that_is_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING_LINES", 10)
    stream = Stuck()
    opened = open_logs(stream=stream)
    started = time.perf_counter()
    for number in range(100):
        opened.log(logging.INFO, "x", {"number": number})
    assert time.perf_counter() - started < 2
    stream.free.set()
    deadline = time.monotonic() + 5
    while stream.getvalue().count("\n") < 10 and time.monotonic() < deadline:
        time.sleep(0.01)
    opened.log(logging.INFO, "after", {})
    said = written(stream, opened)
    assert said[-1]["event"] == "after"
    assert said[-1]["dropped_lines"] + len(said) - 1 == 100


def test_a_line_costs_little(stream: io.StringIO, opened: Logs) -> None:
    fields = {"request_id": "x" * 32, "status": 200, "duration_ms": 1.0, "model": "m", "version": 1, "bytes_in": 10}
    # The caller's own processor time: what a busy machine lets it wait for is not what a line costs.
    started = time.thread_time()
    for _ in range(5000):
        opened.log(logging.INFO, "request", fields)
    # Twenty microseconds are wanted and less than ten are seen.
    assert (time.thread_time() - started) / 5000 < 100e-6


@pytest.mark.parametrize("given_id", ["a", "A-b_c.9", "x" * 128])
def test_ids_of_clients_are_kept(given_id: str) -> None:
    assert request_id_of(given_id) == given_id


@pytest.mark.parametrize("given_id", [None, "", "a b", "a\n", "a\r\nX: y", "x" * 129, "x" * 10_240, "é", "<script>"])
def test_what_is_no_id_is_replaced(given_id: str | None) -> None:
    made = request_id_of(given_id)
    assert made != given_id
    assert len(made) == 32
    assert made != request_id_of(given_id)


def test_traces() -> None:
    good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert traceparent_of(good) == good
    for bad in (
        None,
        "",
        good + "\n",
        good.upper(),
        "ff" + good[2:],
        good.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32),
    ):
        assert traceparent_of(bad) is None


def test_texts_are_told_by_length_and_keyed_hash() -> None:
    said = about_texts(["a secret", b"a secret", "\udc80"], KEY)
    assert said["text_lengths"] == [8, 8, 1]
    assert said["text_hmacs"][0] == said["text_hmacs"][1] == hashed("a secret", KEY)
    assert hashed("a secret", KEY) != hashed("a secret", KEY[::-1])
    assert "secret" not in json.dumps(said)
