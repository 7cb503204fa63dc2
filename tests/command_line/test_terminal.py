"""Progress: bars for a person at a terminal, plain lines now and then for a file or a pipe; never standard output."""

from __future__ import annotations

import os
import pty
import re
import sys
from collections.abc import Callable
from contextlib import suppress

import pytest

from tfclassify.command_line import terminal
from tfclassify.command_line.terminal import terminal_display


def at_a_terminal(work: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> str:
    """Runs something whose standard error is a terminal, and returns what the terminal was sent."""
    master, slave = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    with open(slave, "w", encoding="utf-8") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        work()
    sent = b""
    # It ends with an error when the other side is closed and everything has been read.
    with suppress(OSError):
        while part := os.read(master, 1 << 16):
            sent += part
    os.close(master)
    return sent.decode()


def test_a_bar_at_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        with terminal_display() as display:
            display.start("reading a.csv", 0)
            display.say("epoch 1/2  [bold]loss[/bold] 0.5")
            # What is printed meanwhile is a result, and no line above the bar.
            sys.stdout.write("a result\n")
            display.start("epoch 2/2", 3)
            display.advance(2, "loss 0.4")

    sent = at_a_terminal(work, monkeypatch)
    seen = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", sent)
    assert "reading a.csv ━━━━━━━━━━" in seen
    assert "epoch 1/2  [bold]loss[/bold] 0.5\r\n" in seen
    assert re.search("epoch 2/2 [━╸]+ 2/3 .* loss 0.4", seen)
    assert capsys.readouterr().out == "a result\n"


def test_plain_lines_elsewhere(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock = [0.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: clock[0])
    with terminal_display() as display:
        display.start("reading a.csv", 0)
        for clock[0] in (5.0, 9.9, 10.0, 10.1, 19.9, 20.0):
            display.advance(100, "rows")
        display.start("epoch 1/2", 40)
        for clock[0] in (29.9, 30.0):
            display.advance(1, "")
        display.say("epoch 1/2  loss 0.5")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "reading a.csv: 300 rows",
        "reading a.csv: 600 rows",
        "epoch 1/2: 2/40",
        "epoch 1/2  loss 0.5",
    ]


def test_nothing_is_shown_of_quick_work(capsys: pytest.CaptureFixture[str]) -> None:
    with terminal_display() as display:
        display.start("judging test", 10)
        display.advance(10, "")
    assert capsys.readouterr() == ("", "")


def test_the_display_closes_when_the_work_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def work() -> None:
        with suppress(ZeroDivisionError), terminal_display() as display:
            display.start("epoch 1/2", 3)
            raise ZeroDivisionError

    # The cursor, hidden beside the bar, is shown again, and the bar is gone.
    sent = at_a_terminal(work, monkeypatch)
    assert sent.rindex("\x1b[?25h") > sent.rindex("\x1b[?25l")
    assert sent.endswith("\x1b[2K")
