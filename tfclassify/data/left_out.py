"""How many rows of a location may be left out before it counts as read wrongly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tfclassify.data.sources import Columns
from tfclassify.errors import UsageError

# In a small file a share means little: a file of thirty rows may have two bad ones.
ALWAYS_ROWS = 5
NAMED_ROWS = 5


def check_left_out(location: str, columns: Columns, ledger: Mapping[str, int], first_bad: Sequence[int] = ()) -> None:
    """Refuses a location of which too much would be left out.

    Args:
        location: for the message.
        columns: with ``bad_rows_limit`` and ``empty_limit``, shares of the rows.
        ledger: rows by what became of them: kept, empty, bad.
        first_bad: the numbers of the first bad rows.

    Raises:
        UsageError: more rows are bad, or have an empty text, than the limits and five rows allow.
    """
    rows = sum(ledger.values())
    if _too_many(ledger.get("bad", 0), rows, columns.bad_rows_limit):
        named = f" ({named_rows(first_bad, ledger['bad'])})" if first_bad else ""
        raise UsageError(
            f"{location}: {ledger['bad']} of {rows} rows cannot be read or used{named}, more than "
            f"data.bad_rows_limit={columns.bad_rows_limit:g} of them; set data.bad_rows=fail to see what is wrong "
            "with the first, or raise the limit"
        )
    if _too_many(ledger.get("empty", 0), rows, columns.empty_limit):
        raise UsageError(
            f"{location}: {ledger['empty']} of {rows} rows have an empty text, more than "
            f"data.empty_limit={columns.empty_limit:g} of them; is '{columns.text}' the column of the texts "
            "(data.text)? Else raise the limit"
        )


def named_rows(first: Sequence[int], number: int) -> str:
    """Names the first few of so many rows by their numbers."""
    shown = ", ".join(map(str, first[:NAMED_ROWS]))
    more = f" and {number - NAMED_ROWS} more" if number > NAMED_ROWS else ""
    return f"row{'s' if number > 1 else ''} {shown}{more}"


def _too_many(left_out: int, rows: int, limit: float) -> bool:
    return left_out > max(ALWAYS_ROWS, limit * rows)
