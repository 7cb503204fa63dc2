"""How settings say that long texts are cut."""

from __future__ import annotations

from typing import Any

import pytest

from tfclassify.learning.long_texts import windowing_of
from tfclassify.settings import TextSettings


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ({"keep": "head", "head_share": 0.5}, 22),
        ({"keep": "head_tail", "head_share": 0.5}, 11),
        ({"keep": "head_tail", "head_share": 0.75}, 16),
        # Of a run that is older than this setting.
        ({"keep": "head_tail"}, 5),
    ],
)
def test_what_stays_from_the_beginning_of_a_long_text(asked: dict[str, Any], kept: int) -> None:
    how = windowing_of(TextSettings(max_length=12, windows=2, window_stride=12, **asked), [])
    assert how is not None
    assert (how.capacity, how.head) == (22, kept)


def test_one_window_of_the_beginning_needs_no_cutting() -> None:
    assert windowing_of(TextSettings(max_length=12, windows=1, keep="head", head_share=0.5), []) is None
