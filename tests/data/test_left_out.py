"""How much may be left out of a file before it counts as read wrongly; every message word for word."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tfclassify.data.left_out import check_left_out, named_rows
from tfclassify.data.sources import Columns
from tfclassify.errors import UsageError

COLUMNS = Columns("text", bad_rows="skip", bad_rows_limit=0.01, empty_limit=0.5)


def message(columns: Columns = COLUMNS, **ledger: int) -> str:
    with pytest.raises(UsageError) as caught:
        check_left_out("FILE", columns, ledger)
    return str(caught.value)


def test_too_many_bad_rows() -> None:
    assert message(kept=988, bad=11, empty=1) == (
        "FILE: 11 of 1000 rows cannot be read or used, more than data.bad_rows_limit=0.01 of them; "
        "set data.bad_rows=fail to see what is wrong with the first, or raise the limit"
    )


def test_bad_rows_are_named() -> None:
    with pytest.raises(
        UsageError, match=r"7 of 7 rows cannot be read or used \(rows 1, 2, 3, 4, 5 and 2 more\), more than"
    ):
        check_left_out("FILE", COLUMNS, {"bad": 7}, [1, 2, 3, 4, 5])
    assert named_rows([3], 1) == "row 3"
    assert named_rows([3, 9], 2) == "rows 3, 9"


def test_too_many_empty_texts() -> None:
    assert message(kept=4, empty=6) == (
        "FILE: 6 of 10 rows have an empty text, more than data.empty_limit=0.5 of them; "
        "is 'text' the column of the texts (data.text)? Else raise the limit"
    )


@pytest.mark.parametrize(
    "ledger",
    [
        {},
        {"kept": 990, "bad": 10},
        {"kept": 1, "bad": 5},
        {"kept": 0, "bad": 5},
        {"kept": 0, "empty": 5},
        {"kept": 50, "empty": 50},
    ],
)
def test_few_rows_and_small_shares_are_left_out(ledger: dict[str, int]) -> None:
    check_left_out("FILE", COLUMNS, ledger)


def test_limits_as_asked() -> None:
    check_left_out("FILE", replace(COLUMNS, bad_rows_limit=1.0, empty_limit=1.0), {"bad": 99, "empty": 99})
    assert "6 of 6 rows cannot be read" in message(replace(COLUMNS, bad_rows_limit=0.99), bad=6)
