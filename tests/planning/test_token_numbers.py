"""Which numbers of tokens are computed, against all of them counted one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.planning.token_numbers import grain, numbers_between


def computed(tokens: int) -> int:
    return -(-tokens // grain(tokens)) * grain(tokens)


@pytest.mark.parametrize(
    ("tokens", "expected"), [(1, 1), (31, 31), (32, 32), (33, 34), (63, 64), (64, 64), (65, 68), (500, 512), (513, 544)]
)
def test_what_numbers_are_rounded_up_to(tokens: int, expected: int) -> None:
    assert computed(tokens) == expected


@given(st.integers(1, 10**9))
def test_no_more_than_a_sixteenth_is_added_and_computed_numbers_stay(tokens: int) -> None:
    assert tokens <= computed(tokens) <= tokens * 17 / 16
    assert computed(computed(tokens)) == computed(tokens)


@given(st.integers(1, 3000), st.integers(0, 3000))
def test_how_many_numbers_there_are(fewest: int, more: int) -> None:
    most = fewest + more
    # What a batch does not hold is not computed.
    every = {min(computed(tokens), most) for tokens in range(fewest, most + 1)}
    assert numbers_between(fewest, most) == len(every)


def test_none() -> None:
    assert numbers_between(5, 4) == 0
