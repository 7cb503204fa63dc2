"""Which column is what: as asked, or by its name where nobody said so."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from tfclassify.data.features import check_names
from tfclassify.data.sources import Columns, other_delimiter
from tfclassify.errors import UsageError, excerpt, nearest
from tfclassify.settings import DataSettings

TEXT_NAMES = ("sentence", "review", "question", "message", "content", "body")
NAMED_COLUMNS = 20
WORDS_OF_A_TEXT = 4
LABEL_NAMES = ("intent", "category", "class", "sentiment", "target")

Reasons = dict[str, tuple[object, str]]
Decide = Callable[[Sequence[str], str], tuple[str | None, str]]


def resolve_columns(
    names: Sequence[str], asked: DataSettings, *, location: str = "the data", labelled: bool = True
) -> tuple[Columns, Reasons]:
    """Decides which column is what.

    Args:
        names: the columns there are.
        asked: the data settings; "auto" asks for a decision.
        location: what to call the data in a message.
        labelled: whether there has to be a label column.

    Returns:
        The columns; and for each that was decided here its settings key with the value and the reason.

    Raises:
        UsageError: a column that was asked for is not there, or nothing says which one to take.
    """
    reasons: Reasons = {}
    text = _decided("text", asked.text, _text_column, names, location, reasons)
    text_b = _decided("text_b", asked.text_b, _optional("text_b"), names, location, reasons)
    label, labels = _label_columns(names, asked, location, reasons, labelled)
    row_id = _decided("id", asked.id, _optional("id"), names, location, reasons)
    _check_different({"text": text, "text_b": text_b, "label": label, "labels": labels}, location)
    weight = None if asked.weight is None else present("data.weight", asked.weight, names, location)
    roles = {"text": text, "text_b": text_b, "label": label, "labels": labels, "weight": weight, "id": row_id}
    check_names(asked.features, roles, location)
    columns = Columns(
        text=str(text),
        text_b=text_b,
        label=label,
        labels=labels,
        label_separator=asked.label_separator,
        weight=weight,
        id=row_id,
        features=tuple(
            (present("data.features", name, names, location), kind) for name, kind in asked.features.items()
        ),
        encoding=asked.encoding,
        delimiter=asked.delimiter,
        bad_rows=asked.bad_rows,
        bad_rows_limit=asked.bad_rows_limit,
        empty=asked.empty,
        empty_limit=asked.empty_limit,
    )
    return columns, reasons


def present(key: str, name: str, names: Sequence[str], location: str) -> str:
    """Returns the name of a column that is there.

    Raises:
        UsageError: it is not among the names of the location.
    """
    if name not in names:
        raise _missing(key, name, names, location)
    return name


def _check_different(roles: dict[str, str | None], location: str) -> None:
    seen: dict[str, str] = {}
    for role, name in roles.items():
        if name is not None and name in seen:
            raise UsageError(
                f"data.{seen[name]} and data.{role} are both column '{name}' of {location}; expected two columns"
            )
        if name is not None:
            seen[name] = role


def _missing(key: str, name: str, names: Sequence[str], location: str) -> UsageError:
    shown = ", ".join(map(excerpt, names[:NAMED_COLUMNS])) + ", ..." * (len(names) > NAMED_COLUMNS)
    hint = other_delimiter(names) or _headless(names) or nearest(name, names) or _others(key, names)
    return UsageError(f"{key}: column '{name}' is not in {location}; columns are: {shown}{hint}")


def _headless(names: Sequence[str]) -> str:
    """Says so where the names of the columns are rather the fields of a row."""
    if any(len(name.split()) >= WORDS_OF_A_TEXT or re.fullmatch(r"[\d.,]+", name) for name in names):
        return "; the first row looks like data: put one with the names of the columns above it, such as text,label"
    return ""


def _others(key: str, names: Sequence[str]) -> str:
    return f"; set {key} to one of them" if len(names) > 1 else ""


def _decided(
    key: str, asked: str | None, decide: Decide, names: Sequence[str], location: str, reasons: Reasons
) -> str | None:
    if asked is None:
        return None
    if asked != "auto":
        return present(f"data.{key}", asked, names, location)
    value, reason = decide(names, location)
    reasons[f"data.{key}"] = (value, reason)
    return value


def _text_column(names: Sequence[str], location: str) -> tuple[str, str]:
    if "text" in names:
        return "text", "the column 'text' is there"
    return _candidate("text", names, TEXT_NAMES, location)


def _optional(name: str) -> Decide:
    def decide(names: Sequence[str], location: str) -> tuple[str | None, str]:
        return (name, f"the column '{name}' is there") if name in names else (None, f"there is no column '{name}'")

    return decide


def _label_columns(
    names: Sequence[str], asked: DataSettings, location: str, reasons: Reasons, labelled: bool
) -> tuple[str | None, str | None]:
    """Decides on the column of the one label, or on that of several; one of the two is None."""
    label, labels = asked.label, asked.labels
    given = [name for name in (label, labels) if name not in (None, "auto")]
    if len(given) == 2:
        raise UsageError("data.label and data.labels are both set; expected one: the latter for several labels a row")
    if given and label == given[0]:
        return present("data.label", given[0], names, location), None
    if given:
        return None, present("data.labels", given[0], names, location)
    found = [name for name, rule in (("label", label), ("labels", labels)) if rule == "auto" and name in names]
    if len(found) == 2:
        raise UsageError(f"{location} has columns 'label' and 'labels'; set data.label=label or data.labels=labels")
    if found == ["labels"]:
        reasons["data.labels"] = ("labels", "the column 'labels' is there: a row may have several labels")
        return None, "labels"
    if label is None or (not labelled and not found):
        return None, None
    return _decided("label", "auto", _label_column, names, location, reasons), None


def _label_column(names: Sequence[str], location: str) -> tuple[str, str]:
    if "label" in names:
        return "label", "the column 'label' is there"
    return _candidate("label", names, LABEL_NAMES, location)


def _candidate(key: str, names: Sequence[str], usual: Sequence[str], location: str) -> tuple[str, str]:
    found = [name for name in names if name in usual]
    if len(found) == 1:
        return found[0], f"there is no column '{key}', and '{found[0]}' is the only usual name for one"
    if not found:
        raise _missing(f"data.{key}", key, names, location)
    listed = " or ".join(f"'{name}'" for name in found)
    raise UsageError(f"data.{key}: column '{key}' is not in {location}, and it could be {listed}; set data.{key}")
