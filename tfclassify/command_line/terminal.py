"""Progress on standard error: bars where a person looks at a terminal, plain lines where a file or a pipe listens."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tfclassify.display import Display

SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def terminal_display() -> Iterator[Display]:
    """Gives the display that fits standard error."""
    with _bars() if sys.stderr.isatty() else _lines() as display:
        yield display


@contextmanager
def _bars() -> Iterator[Display]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[note]}"),
    )
    # Standard output is for results, and stays what it is.
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as progress:

        def start(title: str, total: int) -> None:
            for task in progress.task_ids:
                progress.remove_task(task)
            progress.add_task(title, total=total or None, note="")

        def advance(units: int, note: str) -> None:
            progress.update(progress.task_ids[-1], advance=units, note=note)

        def say(line: str) -> None:
            progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

        yield Display(start, advance, say)


@contextmanager
def _lines() -> Iterator[Display]:
    title, total, done, said = "", 0, 0, time.monotonic()

    def start(new_title: str, new_total: int) -> None:
        nonlocal title, total, done, said
        title, total, done, said = new_title, new_total, 0, time.monotonic()

    def advance(units: int, note: str) -> None:
        nonlocal done, said
        done += units
        if time.monotonic() - said >= SECONDS_BETWEEN_LINES:
            said = time.monotonic()
            # Of an unknown total the note is what is counted.
            say(f"{title}: {done}/{total}  {note}".rstrip() if total else f"{title}: {done} {note}".rstrip())

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    yield Display(start, advance, say)
