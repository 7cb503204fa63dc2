"""Bad input, case by case: how it is made, and what becomes of it; the documentation's table is made of these."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfclassify.data.corpus import Corpus

Row = Sequence[str]
Asked = dict[str, Any]
Make = Callable[[Path], Asked]

OR_SKIP = ", or set data.bad_rows=skip"
# Texts that are like no others, in two labels: what every bad row stands among.
GOOD: list[Row] = [(f"{word} {place}", "ab"[place % 2]) for place, word in enumerate(["quick", "brown", "fox"] * 10)]


@dataclass(frozen=True)
class Case:
    """One bad input.

    Attributes:
        id: its number in the catalogue.
        given: the input, in words.
        behaviour: what is done, in words.
        made: writes the files into a folder, and returns the data settings to read them with.
        error: what is said where nothing is read; else it is read.
        note: a line of the corpus's notes.
        dropped: rows that are in no split, by reason.
        texts: some texts that have to be in the corpus as they are here.
        labels: the label names of the corpus.
        check: looks at the corpus.
        meanwhile: happens while the files are read.
        slow: whether it takes more than a few seconds.
    """

    id: str
    given: str
    behaviour: str
    made: Make
    error: str = ""
    note: str = ""
    dropped: Mapping[str, int] = field(default_factory=dict)
    texts: Sequence[str] = ()
    labels: Sequence[str] = ("a", "b")
    check: Callable[[Corpus], None] | None = None
    meanwhile: Callable[[Path], None] | None = None
    slow: bool = False


def delimited(rows: Iterable[Row], *, head: str = "text,label", end: str = "\n", delimiter: str = ",") -> str:
    """A delimited file as Python writes it."""
    out = io.StringIO(newline="")
    out.write(head.replace(",", delimiter) + end)
    csv.writer(out, lineterminator=end, delimiter=delimiter).writerows(rows)
    return out.getvalue()


def among(*rows: Row) -> list[Row]:
    """Rows in the middle of good ones: the first is row 21."""
    return [*GOOD[:20], *rows, *GOOD[20:]]


def file(content: str | bytes | Iterable[Row], *, name: str = "rows.csv", **asked: Any) -> Make:
    """Makes the file of the training rows."""

    def made(folder: Path) -> Asked:
        write(folder / name, content)
        return {"train": str(folder / name), **asked}

    return made


def files(asked: Asked | None = None, **splits: Iterable[Row]) -> Make:
    """Makes a file of every split."""

    def made(folder: Path) -> Asked:
        for name, rows in splits.items():
            write(folder / f"{name}.csv", rows)
        return {**{name: str(folder / f"{name}.csv") for name in splits}, **(asked or {})}

    return made


def place(location: str, make: Callable[[Path], object] | None = None, **asked: Any) -> Make:
    """Names a location, in the folder if it has no scheme, and makes what is there."""

    def made(folder: Path) -> Asked:
        if make is not None:
            make(folder)
        return {"train": location if "://" in location else str(folder / location), **asked}

    return made


def write(path: Path, content: str | bytes | Iterable[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str | bytes) else delimited(content)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def table(cases: Sequence[Case]) -> str:
    """Returns the table of the documentation."""
    lines = ["| # | input | behaviour | message |", "|---|---|---|---|"]
    lines += [f"| {case.id} | {case.given} | {case.behaviour} | {_said(case)} |" for case in cases]
    return "\n".join(lines) + "\n"


def _said(case: Case) -> str:
    message = case.error or case.note
    if not message:
        return ""
    shown = message if len(message) < 400 else f"{message[:397]}..."
    return f"{'error' if case.error else 'note'}: `{shown.replace('|', chr(92) + '|')}`"
