"""What kind of feature a column is, where nobody said so."""

from __future__ import annotations

from dataclasses import replace

from tfclassify.data.features import AUTO, planned
from tfclassify.data.sources import Columns, find_source

Reasons = dict[str, tuple[object, str]]


def planned_columns(columns: Columns, location: str) -> tuple[Columns, Reasons]:
    """Decides on the kinds of the feature columns by the first rows of the training data.

    Returns:
        The columns, with a kind for each feature; and for ``data.features``, if anything was decided, kinds and reason.

    Raises:
        UsageError: the location cannot be read, or a column can be no feature.
    """
    if AUTO not in dict(columns.features).values():
        return columns, {}
    first = next(find_source(location)(location, columns))
    kinds, reason = planned(first, dict(columns.features), location=location)
    return replace(columns, features=tuple(kinds.items())), {"data.features": (kinds, reason)}
