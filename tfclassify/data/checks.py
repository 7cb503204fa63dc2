"""From a source's batch to checked columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tfclassify.data.features import Features, features_of
from tfclassify.data.roles import present, resolve_columns
from tfclassify.data.sources import Columns
from tfclassify.errors import UsageError

__all__ = ["Examples", "Where", "examples", "resolve_columns"]

# White space as str.isspace has it, and characters without any width.
SEEN = r"[^\s\x{0b}\x{1c}-\x{1f}\x{85}\p{Z}\x{200b}-\x{200d}\x{2060}\x{feff}]"
NAMED_ROWS = 5


@dataclass(frozen=True)
class Where:
    """Where N rows come from: a location, and their numbers in it, int64[N], from 1 without the header."""

    location: str
    rows: NDArray[np.int64]


@dataclass(frozen=True)
class Examples:
    """N checked rows.

    ``text``, ``text_b``, ``id``: string[N] without nulls, the latter two None where not asked for;
    ``labels``: list<string>[N], one label each in a single-label task, none where not asked for;
    ``weights``: float32[N], finite and at least 0;
    ``empty``: bool[N], whether the text (of a pair: either text) has nothing but white space and
    zero-width characters; ``features`` None where not asked for.
    """

    text: pa.StringArray
    text_b: pa.StringArray | None
    labels: pa.ListArray
    weights: NDArray[np.float32]
    id: pa.StringArray | None
    empty: NDArray[np.bool_]
    features: Features | None = None


def examples(batch: pa.RecordBatch, columns: Columns, *, where: Where) -> Examples:
    """Checks the columns of a batch.

    Labels are text as written, integers in decimals; the labels of a multi-label row lose outer white
    space, and a row may have none. A null text is an empty one, a null id too. Where the location has no
    column for them, weights are 1 and ids the numbers of the rows.

    Raises:
        UsageError: a column is missing or of the wrong type, a label is empty, a weight is below 0 or
            not finite.
    """
    text = _texts(batch, "data.text", columns.text, where)
    text_b = None if columns.text_b is None else _texts(batch, "data.text_b", columns.text_b, where)
    return Examples(
        text=text,
        text_b=text_b,
        labels=_labels(batch, columns, where),
        weights=_weights(batch, columns.weight, where),
        id=None if columns.id is None else _ids(batch, columns.id, where),
        empty=_empty(text) if text_b is None else _empty(text) | _empty(text_b),
        features=_features(batch, columns, where),
    )


def _features(batch: pa.RecordBatch, columns: Columns, where: Where) -> Features | None:
    if not columns.features:
        return None
    return features_of(batch, columns.features, location=where.location, rows=where.rows)


def _texts(batch: pa.RecordBatch, key: str, name: str, where: Where) -> pa.StringArray:
    column = _plain(_column(batch, key, name, where))
    if pa.types.is_null(column.type):
        column = pa.nulls(len(column), pa.string())
    if not _is_text(column.type):
        raise UsageError(f"{key}: column '{name}' of {where.location} holds {column.type}; expected text")
    return _strings(column, key, name, where).fill_null("")


def _labels(batch: pa.RecordBatch, columns: Columns, where: Where) -> pa.ListArray:
    if columns.labels is not None:
        return _many_labels(batch, columns.labels, columns.label_separator, where)
    if columns.label is None:
        return pa.ListArray.from_arrays(pa.array(np.zeros(batch.num_rows + 1, np.int32)), pa.array([], pa.string()))
    column = _label_text(_column(batch, "data.label", columns.label, where), "data.label", columns.label, where)
    bad = _empty(column.fill_null(""))
    if bad.any():
        raise UsageError(
            f"data.label: column '{columns.label}' of {where.location} is empty in {_rows(bad, where)}; "
            "expected a label in every row"
        )
    return pa.ListArray.from_arrays(pa.array(np.arange(len(column) + 1, dtype=np.int32)), column)


def _many_labels(batch: pa.RecordBatch, name: str, separator: str, where: Where) -> pa.ListArray:
    column = _plain(_column(batch, "data.labels", name, where))
    missing = column.is_null().to_numpy(zero_copy_only=False)
    if missing.any():
        raise UsageError(
            f"data.labels: column '{name}' of {where.location} is null in {_rows(missing, where)}; "
            "expected labels in every row, an empty text or list for none"
        )
    if not pa.types.is_list(column.type) and not pa.types.is_large_list(column.type):
        column = pc.split_pattern(_label_text(column, "data.labels", name, where), separator)
    flat = _label_text(column.flatten(), "data.labels", name, where)
    owners = pc.list_parent_indices(column).to_numpy()
    if flat.null_count:
        bad = np.isin(np.arange(len(column)), owners[flat.is_null().to_numpy(zero_copy_only=False)])
        raise UsageError(
            f"data.labels: column '{name}' of {where.location} has a null label in {_rows(bad, where)}; expected text"
        )
    flat = pc.utf8_trim_whitespace(flat)
    seen = ~_empty(flat)
    ends = np.cumsum(np.bincount(owners[seen], minlength=len(column)))
    offsets = np.concatenate([[0], ends]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), flat.filter(pa.array(seen)))


def _label_text(column: pa.Array, key: str, name: str, where: Where) -> pa.StringArray:
    column = _plain(column)
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return column.cast(pa.string())
    if _is_text(kind):
        return _strings(column, key, name, where)
    why = ", because 1 and 1.0 would be two labels" if pa.types.is_floating(kind) else ""
    raise UsageError(f"{key}: column '{name}' of {where.location} holds {kind}; expected text or integers{why}")


def _weights(batch: pa.RecordBatch, name: str | None, where: Where) -> NDArray[np.float32]:
    if name is None or name not in batch.schema.names:
        return np.ones(batch.num_rows, np.float32)
    column = _plain(batch.column(name))
    with np.errstate(over="ignore"):
        weights = _numbers(column).astype(np.float32)
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if bad.any():
        value = column[int(np.argmax(bad))].as_py()
        raise UsageError(
            f"data.weight: column '{name}' of {where.location} is {value!r} in {_rows(bad, where)}; "
            "expected a finite number of at least 0"
        )
    return weights


def _numbers(column: pa.Array) -> NDArray[np.float64]:
    """Returns a column of numbers, or of texts that are numbers; what is none becomes NaN."""
    if pa.types.is_boolean(column.type):
        return np.full(len(column), np.nan)
    if _is_text(column.type):
        column = pc.utf8_trim_whitespace(column)
    try:
        return column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return np.array([_number(value) for value in column], np.float64)


def _number(value: pa.Scalar) -> float | None:
    try:
        return value.cast(pa.float64(), safe=False).as_py()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def _ids(batch: pa.RecordBatch, name: str, where: Where) -> pa.StringArray:
    if name not in batch.schema.names:
        return pa.array(where.rows).cast(pa.string())
    column = _plain(batch.column(name))
    if _is_text(column.type):
        return _strings(column, "data.id", name, where).fill_null("")
    try:
        return column.cast(pa.string()).fill_null("")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise UsageError(
            f"data.id: column '{name}' of {where.location} holds {column.type}; "
            "expected text or numbers, or data.id=null to go without"
        ) from error


def _column(batch: pa.RecordBatch, key: str, name: str, where: Where) -> pa.Array:
    present(key, name, batch.schema.names, where.location)
    return batch.column(name)


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _strings(column: pa.Array, key: str, name: str, where: Where) -> pa.StringArray:
    try:
        # Parquet files may hold bytes that are no UTF-8 in a column of text.
        column.validate(full=True)
        return column.cast(pa.string())
    except pa.ArrowInvalid as error:
        raise UsageError(f"{key}: column '{name}' of {where.location} is not UTF-8; expected text") from error


def _empty(text: pa.StringArray) -> NDArray[np.bool_]:
    return ~pc.match_substring_regex(text, SEEN).to_numpy(zero_copy_only=False)


def _rows(bad: NDArray[np.bool_], where: Where) -> str:
    rows = [str(row) for row in where.rows[bad]]
    more = f" and {len(rows) - NAMED_ROWS} more" if len(rows) > NAMED_ROWS else ""
    return f"row{'s' if len(rows) > 1 else ''} {', '.join(rows[:NAMED_ROWS])}{more}"
