"""What the estimator's X holds: texts, pairs of texts, or a table of texts and features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tfclassify.settings import AUTO, DataSettings

Arrays = dict[str, pa.Array]
Values = dict[str, list[Any]]


def columns_of(X: Any, data: DataSettings) -> tuple[Arrays, Values]:  # noqa: N803  # scikit-learn's name
    """Reads X.

    Args:
        X: as ``TextClassifier.fit`` takes it.
        data: whose ``features`` are columns of a table X, with ``text`` and ``text_b``.

    Returns:
        The texts, string[N] as ``text`` and of pairs ``text_b``; and the values of each feature, None where missing.

    Raises:
        ValueError: X is not as expected.
    """
    if not data.features:
        return _texts(X), {}
    table = _table(X)
    names = {"text": "text" if data.text == AUTO else data.text}
    if data.text_b not in (None, AUTO) or (data.text_b == AUTO and "text_b" in table):
        names["text_b"] = "text_b" if data.text_b == AUTO else str(data.text_b)
    missing = [name for name in (*names.values(), *data.features) if name not in table]
    if missing:
        raise ValueError(f"X has no column '{missing[0]}'; columns are: {', '.join(map(str, table))}")
    given = [table[name] for name in names.values()]
    texts = _texts(given[0] if len(given) == 1 else list(zip(*given, strict=True)))
    return texts, {name: [_plain(value) for value in table[name]] for name in data.features}


def beside(columns: Arrays, features: Values) -> Arrays:
    """Returns features as further columns of a table.

    Raises:
        ValueError: a feature has the name of another column, or values of unlike kinds.
    """
    made = dict(columns)
    for name, values in features.items():
        if name in columns:
            raise ValueError(f"the feature '{name}' has the name of the column of the {name}; rename it")
        try:
            made[name] = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            raise ValueError(f"column '{name}' of X has values of unlike kinds; expected numbers, or texts") from error
    return made


def _table(X: Any) -> Mapping[str, Sequence[Any]]:  # noqa: N803
    """Reads a data frame, an Arrow table or a list of dicts as columns by name."""
    if isinstance(X, pa.Table):
        return {name: X.column(name).to_pylist() for name in X.column_names}
    if hasattr(X, "columns") and hasattr(X, "to_dict"):
        return {str(name): X[name].tolist() for name in X.columns}
    rows = list(X) if isinstance(X, Sequence) else []
    if not rows or not all(isinstance(row, Mapping) for row in rows):
        raise ValueError("X is no table; with data.features expected a data frame, an Arrow table or a list of dicts")
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _plain(value: Any) -> Any:
    """Returns None for what a data frame has where nothing is: NaN, in columns of text too."""
    return None if value is None or value != value else value


def _texts(X: Any) -> dict[str, pa.Array]:  # noqa: N803
    """Takes one or two columns of texts."""
    if hasattr(X, "toarray"):
        raise ValueError("X is a sparse matrix; expected texts [N], or pairs of texts [N, 2]")
    rows = np.asarray(X, object)
    if rows.ndim not in (1, 2) or (rows.ndim == 2 and rows.shape[1] != 2):
        raise ValueError(f"X has shape {rows.shape}; expected texts [N], or pairs of texts [N, 2]")
    if not len(rows):
        raise ValueError("X has no rows; expected at least one text")
    for place, value in enumerate(rows.flat):
        if not isinstance(value, str):
            row = place // (rows.size // len(rows))
            table = isinstance(value, Mapping) or hasattr(X, "columns")
            hint = "; features are named in data.features" if table else ""
            raise ValueError(f"row {row} of X has a {type(value).__name__}; expected text{hint}")
    columns = rows.T if rows.ndim == 2 else [rows]
    return {name: pa.array(column, pa.string()) for name, column in zip(("text", "text_b"), columns, strict=False)}
