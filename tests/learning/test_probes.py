"""What is probed before a training: which ways to read long texts, and what becomes of a plan."""

from __future__ import annotations

import pytest

from tfclassify.hardware import Hardware
from tfclassify.learning import probes
from tfclassify.planning.facts import Facts
from tfclassify.planning.presets import PRESETS
from tfclassify.planning.statistics import SplitStatistics, Statistics
from tfclassify.settings import TextSettings


@pytest.mark.parametrize(
    ("long", "pairs", "windows", "expected"),
    [
        (5, False, 1, ["by the head", "by head and tail"]),
        (5, False, 2, ["in 2 windows", "by the head", "by head and tail"]),
        (4, False, 1, ["by the head"]),
        (4, False, 2, ["in 2 windows"]),
        (5, True, 1, ["by the head"]),
    ],
)
def test_ways_to_read_texts_of_which_one_window_cuts_some(
    long: int, pairs: bool, windows: int, expected: list[str]
) -> None:
    """Of 100 texts so many are longer than 128 tokens."""
    lengths = (*[0] * 128, 100 - long, long)
    train = SplitStatistics(100, {"a": 50, "b": 50}, lengths, 13_000, 0, 0, 0)
    statistics = Statistics({"train": train}, ("a", "b"), False, pairs, {})
    text = TextSettings(max_length=128, windows=windows, window_stride=126, keep="head")
    ways = probes._ways(text, Facts(statistics, Hardware(2, 1), PRESETS["minilm"].size, True, {}))
    assert [*ways] == expected
    assert ways[expected[0]] == text
    assert all(each.windows == 1 for each in [*ways.values()][1:])
