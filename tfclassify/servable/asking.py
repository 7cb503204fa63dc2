"""What callers ask: a list of texts, two lists of pairs, or rows that name their texts and features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tfclassify.errors import UsageError, nearest
from tfclassify.model.routes import TEXT, TEXT_B
from tfclassify.servable.answerer import Answerer


@dataclass(frozen=True)
class Asked:
    """N texts, the second texts of pairs, and features by name, N each."""

    texts: list[str]
    texts_b: list[str] | None
    features: Mapping[str, list[Any]]


def asked(given: Iterable[Any], texts_b: Iterable[str] | None, answerer: Answerer) -> Asked:
    """Reads what is asked of a classifier.

    Args:
        given: texts; or rows, ``{"text": ...}`` with ``text_b`` of a pair and each feature, None where it is missing.
        texts_b: second texts, where ``given`` are texts.
        answerer: that is asked.

    Raises:
        UsageError: it answers something else.
    """
    if isinstance(given, Mapping):
        raise UsageError("a single row is given; expected a list of rows")
    rows = _listed(given)
    if not rows and answerer.features:
        return Asked([], [] if answerer.pairs else None, {name: [] for name in answerer.features})
    if any(isinstance(row, Mapping) for row in rows):
        return _of_rows(rows, texts_b, answerer)
    first, second = _texts(rows), None if texts_b is None else _texts(_listed(texts_b))
    if answerer.features:
        row = ", ".join(f"'{name}': ..." for name in _names(answerer))
        raise UsageError(f"the {answerer.kind} answers texts with features; give rows, such as [{{{row}}}]")
    _check_pairs(first, second, answerer)
    return Asked(first, second, {})


def _names(answerer: Answerer) -> tuple[str, ...]:
    return (TEXT, *([TEXT_B] if answerer.pairs else []), *answerer.features)


def _of_rows(rows: list[Any], texts_b: Iterable[str] | None, answerer: Answerer) -> Asked:
    if texts_b is not None:
        raise UsageError("rows and second texts are given; expected the second text of a pair in its row, as text_b")
    names = _names(answerer)
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            raise UsageError(
                f"row {number} is a {type(row).__name__}, others are rows by name; expected one or the other"
            )
        _check_row(number, row, names)
    columns = {name: [row[name] for row in rows] for name in names}
    features = {name: columns[name] for name in answerer.features}
    return Asked(_texts(columns[TEXT]), _texts(columns[TEXT_B]) if answerer.pairs else None, features)


def _check_row(number: int, row: Mapping[str, Any], names: tuple[str, ...]) -> None:
    expected = f"expected {', '.join(names)}"
    for name in row:
        if name not in names:
            raise UsageError(f"row {number} has '{name}'; {expected}{nearest(str(name), names)}")
    for name in names:
        if name not in row:
            raise UsageError(f"row {number} has no '{name}'; {expected}, of the features None for what is missing")


def _listed(texts: Iterable[str]) -> list[Any]:
    if isinstance(texts, str):
        raise UsageError("a single text is given; expected a list of texts")
    return list(texts)


def _texts(listed: list[Any]) -> list[str]:
    for text in listed:
        if not isinstance(text, str):
            raise UsageError(f"a {type(text).__name__} is among the texts; expected a list of texts")
    return listed


def _check_pairs(first: list[str], second: list[str] | None, answerer: Answerer) -> None:
    kind, wanted = answerer.kind, answerer.pairs
    if wanted != (second is not None):
        raise UsageError(f"the {kind} answers {'pairs; give two lists' if wanted else 'single texts; give one list'}")
    if second is not None and len(first) != len(second):
        raise UsageError(f"{len(first)} texts and {len(second)} second texts are given; expected as many")
