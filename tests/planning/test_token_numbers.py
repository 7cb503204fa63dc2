"""Which numbers of tokens are computed, against all of them counted one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.planning.token_numbers import numbers_between, rounded_up


@pytest.mark.parametrize(
    ("tokens", "expected"), [(1, 1), (31, 31), (32, 32), (33, 34), (63, 64), (64, 64), (65, 68), (500, 512), (513, 544)]
)
def test_what_numbers_are_rounded_up_to(tokens: int, expected: int) -> None:
    assert rounded_up(tokens) == expected


@given(st.integers(1, 10**9))
def test_no_more_than_a_sixteenth_is_added_and_rounded_numbers_stay(tokens: int) -> None:
    assert tokens <= rounded_up(tokens) <= tokens * 17 / 16
    assert rounded_up(rounded_up(tokens)) == rounded_up(tokens)


@given(st.integers(1, 3000), st.integers(0, 3000))
def test_how_many_numbers_there_are(fewest: int, more: int) -> None:
    most = fewest + more
    # What a batch does not hold is not computed.
    every = {min(rounded_up(tokens), most) for tokens in range(fewest, most + 1)}
    assert numbers_between(fewest, most) == len(every)


def test_none() -> None:
    assert numbers_between(5, 4) == 0
