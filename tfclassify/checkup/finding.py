"""A finding: one thing that is wrong, in a sentence, with examples, what it costs, and what deals with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["serious", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("serious", "warning", "note")


@dataclass(frozen=True)
class Example:
    """A row that shows what is meant: its split, its number in the file from 1, its text, its label, and a remark."""

    split: str
    row: int
    text: str
    label: str = ""
    remark: str = ""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Args:
        name: what kind of thing, the same in every check-up.
        severity: ``serious`` makes figures or answers wrong; ``warning`` probably costs something; a ``note`` is good
            to know.
        sentence: what was found, with its number.
        cost: what it likely costs.
        remedy: what deals with it: a setting, a command, or what to do by hand.
        counts: the numbers, by name.
        examples: a few rows.
        rows: the numbers of all rows concerned, by split, where they are known one by one.
        key: the dotted key of the plan's decision that it bears on, if it bears on one.
    """

    name: str
    severity: Severity
    sentence: str
    cost: str
    remedy: str
    counts: Mapping[str, float] = field(default_factory=dict)
    examples: Sequence[Example] = ()
    rows: Mapping[str, Sequence[int]] = field(default_factory=dict)
    key: str = ""


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """Returns the findings with the serious ones first, else in their order."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def graded(share: float, *, warning: float, serious: float) -> Severity:
    """Returns how severe a share is: from ``warning`` on, from ``serious`` on, else a note."""
    if share >= serious:
        return "serious"
    return "warning" if share >= warning else "note"
