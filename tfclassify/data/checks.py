"""From a source's batch to checked columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tfclassify.data.features import Features, features_of
from tfclassify.data.left_out import named_rows
from tfclassify.data.roles import present, resolve_columns
from tfclassify.data.sources import Columns
from tfclassify.errors import UsageError

__all__ = ["Examples", "Where", "examples", "resolve_columns", "taken", "without_bad"]

# White space as str.isspace has it, and characters without any width.
SEEN = r"[^\s\x{0b}\x{1c}-\x{1f}\x{85}\p{Z}\x{200b}-\x{200d}\x{2060}\x{feff}]"
VISIBLE = pa.array([bytes([byte]) for byte in range(ord("!"), ord("~") + 1)])
# As Python, pandas and NumPy write a value that is missing.
NOT_A_NUMBER = pa.array(["nan", "NaN"])


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
    zero-width characters; ``features`` None where not asked for;
    ``bad``: bool[N], which rows cannot be used, whatever else is said of them here: none unless they may be skipped.
    """

    text: pa.StringArray
    text_b: pa.StringArray | None
    labels: pa.ListArray
    weights: NDArray[np.float32]
    id: pa.StringArray | None
    empty: NDArray[np.bool_]
    bad: NDArray[np.bool_]
    features: Features | None = None


@dataclass
class Faults:
    """What is wrong with the rows of a batch: refused at once, or marked in ``bad`` where they may be skipped.

    Of rows that are not ``needed``, bool[N], nothing is expected.
    """

    where: Where
    skip: bool
    bad: NDArray[np.bool_]
    needed: NDArray[np.bool_]


def examples(batch: pa.RecordBatch, columns: Columns, *, where: Where) -> Examples:
    """Checks the columns of a batch.

    Labels are text as written, integers in decimals; the labels of a multi-label row lose outer white
    space, and a row may have none. A null text is an empty one, a null id too. Where the location has no
    column for them, weights are 1 and ids the numbers of the rows. With ``columns.empty="drop"`` a row with
    an empty text needs neither label nor weight.

    Raises:
        UsageError: a column is missing or of the wrong type; with ``columns.bad_rows="fail"`` also: a text or a
            label holds a NUL or is not UTF-8, a label is empty, a weight is below 0 or not finite.
    """
    nothing = np.zeros(batch.num_rows, bool)
    faults = Faults(where, columns.bad_rows == "skip", nothing, ~nothing)
    text = _texts(batch, "data.text", columns.text, faults)
    text_b = None if columns.text_b is None else _texts(batch, "data.text_b", columns.text_b, faults)
    empty = _empty(text) if text_b is None else _empty(text) | _empty(text_b)
    faults.needed = ~(empty | faults.bad) if columns.empty == "drop" else ~faults.bad
    return Examples(
        text=text,
        text_b=text_b,
        labels=_labels(batch, columns, faults),
        weights=_weights(batch, columns.weight, faults),
        id=None if columns.id is None else _ids(batch, columns.id, faults),
        empty=empty,
        features=_features(batch, columns, faults),
        bad=faults.bad,
    )


def _features(batch: pa.RecordBatch, columns: Columns, faults: Faults) -> Features | None:
    if not columns.features:
        return None

    def mark(name: str, bad: NDArray[np.bool_], found: str, expected: str) -> None:
        _mark(faults, "data.features", name, bad, found, expected)

    return features_of(batch, columns.features, location=faults.where.location, mark=mark)


def without_bad(chunk: Examples, where: Where) -> tuple[Examples, Where]:
    """Returns the rows that can be used, and where they come from."""
    if not chunk.bad.any():
        return chunk, where
    return taken(chunk, ~chunk.bad), Where(where.location, where.rows[~chunk.bad])


def taken(chunk: Examples, mask: NDArray[np.bool_]) -> Examples:
    """Returns the rows that a mask, bool[N], marks."""
    chosen = pa.array(mask)
    return Examples(
        text=chunk.text.filter(chosen),
        text_b=None if chunk.text_b is None else chunk.text_b.filter(chosen),
        labels=chunk.labels.filter(chosen),
        weights=chunk.weights[mask],
        id=None if chunk.id is None else chunk.id.filter(chosen),
        empty=chunk.empty[mask],
        bad=chunk.bad[mask],
        features=None if chunk.features is None else chunk.features.filtered(mask),
    )


def _texts(batch: pa.RecordBatch, key: str, name: str, faults: Faults) -> pa.StringArray:
    where = faults.where
    column = _plain(_column(batch, key, name, where))
    if pa.types.is_null(column.type):
        column = pa.nulls(len(column), pa.string())
    if not _is_text(column.type):
        raise UsageError(f"{key}: column '{name}' of {where.location} holds {column.type}; expected text")
    text = _strings(column, key, name, faults).fill_null("")
    _mark(faults, key, name, _holds_nul(text), "holds a NUL character", "text without any")
    return text


def _labels(batch: pa.RecordBatch, columns: Columns, faults: Faults) -> pa.ListArray:
    if columns.labels is not None:
        return _many_labels(batch, columns.labels, columns.label_separator, faults)
    if columns.label is None:
        return pa.ListArray.from_arrays(pa.array(np.zeros(batch.num_rows + 1, np.int32)), pa.array([], pa.string()))
    key, name = "data.label", columns.label
    column = _label_text(_column(batch, key, name, faults.where), key, name, faults).fill_null("")
    _mark(faults, key, name, _empty(column), "is empty", "a label in every row")
    _mark_labels(faults, key, name, column, np.arange(len(column)))
    return pa.ListArray.from_arrays(pa.array(np.arange(len(column) + 1, dtype=np.int32)), column)


def _many_labels(batch: pa.RecordBatch, name: str, separator: str, faults: Faults) -> pa.ListArray:
    key = "data.labels"
    column = _plain(_column(batch, key, name, faults.where))
    missing = column.is_null().to_numpy(zero_copy_only=False)
    _mark(faults, key, name, missing, "is null", "labels in every row, an empty text or list for none")
    if not pa.types.is_list(column.type) and not pa.types.is_large_list(column.type):
        column = pc.split_pattern(_label_text(column, key, name, faults), separator)
    owners = pc.list_parent_indices(column).to_numpy()
    flat = _label_text(column.flatten(), key, name, faults, owners)
    null = flat.is_null().to_numpy(zero_copy_only=False)
    _mark(faults, key, name, _owning(owners, null, faults), "has a null label", "text")
    flat = pc.utf8_trim_whitespace(flat.fill_null(""))
    _mark_labels(faults, key, name, flat, owners)
    seen = ~_empty(flat)
    ends = np.cumsum(np.bincount(owners[seen], minlength=len(column)))
    offsets = np.concatenate([[0], ends]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), flat.filter(pa.array(seen)))


def _mark_labels(faults: Faults, key: str, name: str, labels: pa.StringArray, owners: NDArray[np.integer]) -> None:
    """Marks labels that would be no labels; ``owners`` are the rows that they belong to."""
    missing = pc.is_in(labels, value_set=NOT_A_NUMBER).to_numpy(zero_copy_only=False)
    expected = "a label in every row; where it is the name of one, give it another"
    _mark(faults, key, name, _owning(owners, missing, faults), "is NaN, not a number,", expected)
    _mark(faults, key, name, _owning(owners, _holds_nul(labels), faults), "holds a NUL character", "text without any")


def _label_text(
    column: pa.Array, key: str, name: str, faults: Faults, owners: NDArray[np.integer] | None = None
) -> pa.StringArray:
    column = _plain(column)
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return column.cast(pa.string())
    if _is_text(kind):
        return _strings(column, key, name, faults, owners)
    why = ", because 1 and 1.0 would be two labels" if pa.types.is_floating(kind) else ""
    raise UsageError(f"{key}: column '{name}' of {faults.where.location} holds {kind}; expected text or integers{why}")


def _weights(batch: pa.RecordBatch, name: str | None, faults: Faults) -> NDArray[np.float32]:
    if name is None or name not in batch.schema.names:
        return np.ones(batch.num_rows, np.float32)
    column = _plain(batch.column(name))
    with np.errstate(over="ignore"):
        weights = _numbers(column).astype(np.float32)
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if bad.any():
        value = column[int(np.argmax(bad))].as_py()
        _mark(faults, "data.weight", name, bad, f"is {value!r}", "a finite number of at least 0")
    return np.where(bad, np.float32(1), weights)


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


def _ids(batch: pa.RecordBatch, name: str, faults: Faults) -> pa.StringArray:
    where = faults.where
    if name not in batch.schema.names:
        return pa.array(where.rows).cast(pa.string())
    column = _plain(batch.column(name))
    if _is_text(column.type):
        return _strings(column, "data.id", name, faults).fill_null("")
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


def _strings(
    column: pa.Array, key: str, name: str, faults: Faults, owners: NDArray[np.integer] | None = None
) -> pa.StringArray:
    """Returns a column of text as string; null where it is not UTF-8, in the rows ``owners`` if not one for each."""
    try:
        # Parquet files may hold bytes that are no UTF-8 in a column of text.
        column.validate(full=True)
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        values = [_decoded(value) for value in column.cast(pa.large_binary()).to_pylist()]
        wrong = np.array([value is None for value in values]) & ~column.is_null().to_numpy(zero_copy_only=False)
        rows = wrong if owners is None else _owning(owners, wrong, faults)
        _mark(faults, key, name, rows, "is not UTF-8", "text")
        return pa.array(values, pa.string())


def _decoded(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def _mark(faults: Faults, key: str, name: str, bad: NDArray[np.bool_], found: str, expected: str) -> None:
    """Refuses, or marks where they may be skipped, those of some bad rows that are needed."""
    bad = bad & faults.needed
    if not bad.any():
        return
    if not faults.skip:
        raise UsageError(
            f"{key}: column '{name}' of {faults.where.location} {found} in {_rows(bad, faults.where)}; "
            f"expected {expected}, or set data.bad_rows=skip"
        )
    faults.bad |= bad


def _owning(owners: NDArray[np.integer], items: NDArray[np.bool_], faults: Faults) -> NDArray[np.bool_]:
    """Returns bool[N]: which rows own any of some items."""
    rows = np.zeros(len(faults.needed), bool)
    rows[owners[items]] = True
    return rows


def _holds_nul(text: pa.StringArray) -> NDArray[np.bool_]:
    # A look at all bytes together is far quicker than one at each text.
    if not any((np.frombuffer(data, np.uint8) == 0).any() for data in text.buffers()[2:] if data):
        return np.zeros(len(text), bool)
    return pc.match_substring(text, "\0").to_numpy(zero_copy_only=False)


def _empty(text: pa.StringArray) -> NDArray[np.bool_]:
    # Nearly all texts begin with a letter of ASCII; a pattern is for the others.
    first = pc.binary_slice(text.cast(pa.binary()), 0, 1)
    seen = pc.is_in(first, value_set=VISIBLE).to_numpy(zero_copy_only=False)
    rest = np.flatnonzero(~seen)
    seen[rest] = pc.match_substring_regex(text.take(pa.array(rest)), SEEN).to_numpy(zero_copy_only=False)
    return ~seen


def _rows(bad: NDArray[np.bool_], where: Where) -> str:
    rows = where.rows[bad].tolist()
    return named_rows(rows, len(rows))
