"""Feature columns: numbers and categories beside the text, from a source's batch to checked arrays.

A number that is missing (null, an empty text, NaN) is NaN; a category that is missing (null, an empty text) is "".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from keyword import iskeyword
from math import isnan
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tfclassify.errors import UsageError

NUMBER, CATEGORY = "number", "category"
AUTO = "auto"
# Names that the inputs of an exported model have already.
RESERVED = ("text", "text_b", "input_ids", "attention_mask", "token_type_ids", "self")
INPUT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
# As a text such a number would be another one: a postal code, an article number.
LEADING_ZERO = r"^\s*[-+]?0\d"
FEW_ROWS = 20

Kinds = Mapping[str, str]
Given = Sequence[tuple[str, str]]
Mark = Callable[[str, NDArray[np.bool_], str, str], None]


@dataclass(frozen=True)
class Features:
    """The features of N rows: ``numbers`` float32[N] and ``categories`` string[N] by the names of their columns."""

    numbers: Mapping[str, NDArray[np.float32]]
    categories: Mapping[str, pa.StringArray]

    @property
    def by_name(self) -> dict[str, list[Any]]:
        """The values by the names of their columns, as callers give them: None for a number that is missing."""
        numbers = {
            name: [None if isnan(value) else value for value in values.tolist()]
            for name, values in self.numbers.items()
        }
        return numbers | {name: values.to_pylist() for name, values in self.categories.items()}

    def filtered(self, mask: NDArray[np.bool_]) -> Features:
        """Returns the rows that a mask, bool[N], marks."""
        chosen = pa.array(mask)
        return Features(
            {name: values[mask] for name, values in self.numbers.items()},
            {name: values.filter(chosen) for name, values in self.categories.items()},
        )


def check_the_same(given: Kinds, known: Kinds, *, kind: str) -> None:
    """Refuses other features than a classifier was trained with.

    Raises:
        UsageError: it has others.
    """
    if given and (set(given) != set(known) or any(each not in (AUTO, known[name]) for name, each in given.items())):
        trained = f"with the features {listed(known)}" if known else "without features"
        raise UsageError(f"data.features is {listed(given)}, but the {kind} was trained {trained}; leave it out")


def listed(kinds: Kinds) -> str:
    """Names columns with their kinds, as messages and reports do."""
    return ", ".join(f"{name} ({kind})" if kind != AUTO else name for name, kind in kinds.items())


def of_kind(columns: Given | Kinds, kind: str) -> tuple[str, ...]:
    """Returns the names of the columns of one kind, in their order."""
    pairs = columns.items() if isinstance(columns, Mapping) else columns
    return tuple(name for name, each in pairs if each == kind)


def check_names(asked: Kinds, roles: Mapping[str, str | None], location: str) -> None:
    """Refuses feature columns that are something else already.

    Args:
        asked: kinds by the names of columns.
        roles: the columns of other roles, by role.
        location: what to call the data.

    Raises:
        UsageError: one cannot be a feature.
    """
    for name in asked:
        role = next((role for role, column in roles.items() if column == name), None)
        if role is not None:
            raise UsageError(
                f"data.features: column '{name}' of {location} is data.{role} already; expected columns beside it"
            )
    _check_inputs(tuple(asked), location)


def _check_inputs(names: Sequence[str], location: str) -> None:
    """Refuses names that TensorFlow does not take for the inputs of a model, before there is one to export."""
    seen: dict[str, str] = {}
    for name in names:
        column = f"data.features: column '{name}' of {location}"
        if name in RESERVED:
            raise UsageError(f"{column} has the name of another input of the model; rename it")
        if not INPUT_NAME.fullmatch(name) or iskeyword(name):
            raise UsageError(
                f"{column} cannot name an input of a model; expected letters of a to z, digits and _, a letter first, "
                "and no word of the Python language: rename it"
            )
        other = seen.setdefault(name.lower(), name)
        if other != name:
            raise UsageError(f"{column} has the name of column '{other}' but for upper and lower case; rename one")


def planned(batch: pa.RecordBatch, asked: Kinds, *, location: str) -> tuple[dict[str, str], str]:
    """Decides which columns are numbers and which are categories, by the first rows of the training data.

    Args:
        batch: the first rows.
        asked: kinds by the names of columns; "auto" asks for a decision.
        location: what to call the data.

    Returns:
        The kinds, and the reasons in one line.

    Raises:
        UsageError: a column can be neither, or may be either.
    """
    kinds, reasons = {}, []
    for name, kind in asked.items():
        if kind == AUTO:
            kind, reason = _kind(_plain(batch.column(name)), name, location)
            reasons.append(f"{name} is a {kind}: {reason}")
        kinds[name] = kind
    return kinds, "; ".join(reasons)


def _kind(column: pa.Array, name: str, location: str) -> tuple[str, str]:
    rows, type_ = f"of the first {len(column)} rows", column.type
    if pa.types.is_boolean(type_):
        return CATEGORY, "it is true or false"
    if _is_number(type_):
        return NUMBER, f"the column holds {type_}"
    if not _is_text(type_) and not pa.types.is_null(type_):
        raise _neither(name, location, type_)
    texts = _present(_decoded(column, name, location))
    if not len(texts):
        raise UsageError(
            f"data.features: column '{name}' of {location} is empty in the first {len(column)} rows; leave it out, or "
            f"set data.features={{{name}: number}} or data.features={{{name}: category}}"
        )
    other = _first_text(texts)
    if other is None:
        return NUMBER, f"all {len(texts)} values {rows} are numbers"
    different = pc.count_distinct(texts).as_py()
    if len(texts) >= FEW_ROWS and different > len(texts) / 2:
        raise UsageError(
            f"data.features: column '{name}' of {location} has {different} different values in the first "
            f"{len(column)} rows, such as {_shown(other)}; expected numbers, or categories that rows share: leave it "
            f"out, or set data.features={{{name}: category}}"
        )
    return CATEGORY, f"values {rows} are texts, such as {_shown(other)}, {different} different ones"


def _present(texts: pa.Array) -> pa.Array:
    """Returns the texts that are not missing."""
    texts = texts.drop_null()
    return texts.filter(pc.not_equal(texts, ""))


def _first_text(texts: pa.Array) -> str | None:
    """Returns the first of some texts that is not a number as it is written."""
    seen = texts.filter(pc.match_substring_regex(texts, r"\S"))
    odd = np.isnan(_parsed(seen)) | pc.match_substring_regex(seen, LEADING_ZERO).to_numpy(zero_copy_only=False)
    return seen[int(np.argmax(odd))].as_py() if odd.any() else None


def features_of(batch: pa.RecordBatch, columns: Given, *, location: str, mark: Mark) -> Features:
    """Checks the feature columns of a batch.

    Args:
        batch: as a source gives it.
        columns: names and kinds.
        location: what to call the data.
        mark: is told of rows that cannot be used: the column, bool[N], what was found, what was expected.

    Raises:
        UsageError: a column is not there or not of its kind.
    """
    for name, _ in columns:
        if name not in batch.schema.names:
            listed = ", ".join(batch.schema.names)
            raise UsageError(f"data.features: column '{name}' is not in {location}; columns are: {listed}")
    given = {name: _plain(batch.column(name)) for name, _ in columns}
    return Features(
        {name: _numbers(given[name], name, location, mark) for name in of_kind(columns, NUMBER)},
        {name: _categories(given[name], name, location) for name in of_kind(columns, CATEGORY)},
    )


def _numbers(column: pa.Array, name: str, location: str, mark: Mark) -> NDArray[np.float32]:
    """Returns float32[N], NaN where there is nothing."""
    wide, missing = _wide(column, name, location)
    with np.errstate(over="ignore"):
        numbers = wide.astype(np.float32)
    bad = ~np.isfinite(numbers) & ~missing
    if bad.any():
        value = column[int(np.argmax(bad))].as_py()
        expected = f"a finite number or nothing, or for texts data.features={{{name}: category}}"
        mark(name, bad, f"is {_shown(value)}", expected)
    return np.where(bad, np.float32(np.nan), numbers)


def _wide(column: pa.Array, name: str, location: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Returns numbers float64[N], NaN for what is none, and where there is nothing, bool[N]."""
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan), np.ones(len(column), bool)
    if _is_text(column.type):
        texts = _decoded(column, name, location).fill_null("")
        nothing = ~pc.match_substring_regex(texts, r"\S").to_numpy(zero_copy_only=False)
        named = pc.match_substring_regex(texts, r"(?i)^\s*nan\s*$").to_numpy(zero_copy_only=False)
        return _parsed(texts), nothing | named
    if not _is_number(column.type) and not pa.types.is_boolean(column.type):
        raise _neither(name, location, column.type)
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    wide = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return wide, np.isnan(wide)


def _parsed(texts: pa.Array) -> NDArray[np.float64]:
    """Returns the numbers that texts are, float64[N]; NaN for what is none."""
    trimmed = pc.utf8_trim_whitespace(texts)
    try:
        return trimmed.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return np.array([_number(text) for text in trimmed], np.float64)


def _number(text: pa.Scalar) -> float | None:
    try:
        return text.cast(pa.float64()).as_py()
    except pa.ArrowInvalid:
        return None


def _categories(column: pa.Array, name: str, location: str) -> pa.StringArray:
    """Returns string[N], "" where there is nothing; all else is kept as it is written."""
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return column.cast(pa.string()).fill_null("")
    if not _is_text(kind):
        why = ", because 1 and 1.0 would be two categories" if pa.types.is_floating(kind) else ""
        raise UsageError(
            f"data.features: column '{name}' of {location} holds {kind}; expected text or integers for a category{why}"
        )
    return _decoded(column, name, location).fill_null("")


def _decoded(column: pa.Array, name: str, location: str) -> pa.StringArray:
    try:
        # Parquet files may hold bytes that are no UTF-8 in a column of text.
        column.validate(full=True)
    except pa.ArrowInvalid as error:
        raise UsageError(f"data.features: column '{name}' of {location} is not UTF-8; expected text") from error
    return column.cast(pa.string())


def _neither(name: str, location: str, kind: pa.DataType) -> UsageError:
    return UsageError(f"data.features: column '{name}' of {location} holds {kind}; expected numbers or text")


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
