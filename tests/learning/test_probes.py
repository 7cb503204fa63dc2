"""What is probed before a training: which ways to read long texts, and what becomes of a plan."""

from __future__ import annotations

from typing import Any

import pytest
from made_facts import facts

from tfclassify.learning import probes
from tfclassify.settings import TextSettings

CUT, PLAIN = {"lengths": [0] * 100 + [95] + [0] * 99 + [5]}, {"lengths": [0] * 100 + [96] + [0] * 99 + [4]}


@pytest.mark.parametrize(
    ("known", "windows", "expected"),
    [
        # 5 of 100 texts are longer than 128 tokens.
        (CUT, 1, ["by the head", "by head and tail"]),
        (CUT, 2, ["in 2 windows", "by the head", "by head and tail"]),
        (PLAIN, 1, ["by the head"]),
        (PLAIN, 2, ["in 2 windows"]),
        ({**CUT, "pairs": True}, 1, ["by the head"]),
    ],
)
def test_ways_to_read_texts_that_are_cut(known: dict[str, Any], windows: int, expected: list[str]) -> None:
    text = TextSettings(max_length=128, windows=windows, window_stride=126, keep="head")
    ways = probes._ways(text, facts(validation=None, rows=100, **known))
    assert [*ways] == expected
    assert ways[expected[0]] == text
    assert all(each.windows == 1 for each in [*ways.values()][1:])
