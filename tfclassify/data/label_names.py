"""What is odd about the names of labels: likely slips that make two classes of one, or one of two."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence

from tfclassify.data.sources import Columns
from tfclassify.errors import UsageError, excerpt

MOST_LABELS = 100_000
NAMED_LABELS = 5
NAMED_GROUPS = 5
# Beside NaN, which is refused: how missing values are written that may also be the names of classes.
MISSING = frozenset({"nan", "null", "n/a", "na", "<na>", "nil", "#n/a", "nat"})
NUMBER = re.compile(r"[+-]?\d+(\.\d*)?|[+-]?\.\d+")

Fold = Callable[[str], str]


def check_label_count(number: int, columns: Columns, location: str) -> None:
    """Refuses more different labels than any classifier has.

    Raises:
        UsageError: there are more than 100,000.
    """
    if number > MOST_LABELS:
        column = columns.label if columns.labels is None else columns.labels
        raise UsageError(
            f"{location}: column '{column}' has more than {MOST_LABELS:,} different labels, as free text has; "
            "expected the column of the classes: set data.label"
        )


def notes_on_label_names(rows: Mapping[str, int], columns: Columns) -> Iterator[str]:
    """Says which labels may be the same, which may be several, and which may be none.

    Args:
        rows: the training rows of every label name.
        columns: of the data.
    """
    yield from _alike(rows)
    missing = [name for name in rows if name.strip().casefold() in MISSING]
    if missing:
        yield f"labels that may stand for a missing value: {listed(missing)}; if so, leave such rows out"
    several = [name for name in rows if columns.label_separator in name]
    if columns.labels is None and several:
        yield (
            f"labels with '{columns.label_separator}' in them: {listed(several)}; "
            f"if a row may have several labels, set data.labels={columns.label}"
        )


def listed(names: Sequence[str]) -> str:
    """Lists the first few of some names."""
    return ", ".join(f"'{excerpt(name)}'" for name in names[:NAMED_LABELS]) + ", ..." * (len(names) > NAMED_LABELS)


def _alike(rows: Mapping[str, int]) -> Iterator[str]:
    """Names groups of labels that one of the folds makes one, each group once."""
    seen: list[set[str]] = []
    for fold, what in FOLDS.items():
        for group in _groups(rows, fold):
            if any(group <= known for known in seen):
                continue
            seen.append(group)
            if len(seen) <= NAMED_GROUPS:
                named = " and ".join(f"'{excerpt(name)}' ({_rows(rows[name])})" for name in sorted(group))
                yield f"labels {named} differ {what}; if they are one class, give them one name"
    if len(seen) > NAMED_GROUPS:
        yield f"{len(seen) - NAMED_GROUPS} more groups of labels differ in as little"


def _rows(number: int) -> str:
    return "1 row" if number == 1 else f"{number:,} rows"


def _groups(names: Mapping[str, int], fold: Fold) -> list[set[str]]:
    groups: dict[str, set[str]] = {}
    for name in names:
        groups.setdefault(fold(name), set()).add(name)
    return [group for group in groups.values() if len(group) > 1]


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _case_and_spaces(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _number(name: str) -> str:
    stripped = name.strip()
    return repr(float(stripped)) if NUMBER.fullmatch(stripped) else _case_and_spaces(name)


FOLDS: Mapping[Fold, str] = {
    _composed: "only in how Unicode composes their letters (NFC, NFD)",
    _case_and_spaces: "only in case, spaces or forms of letters",
    _number: "as text, but not as numbers",
}
