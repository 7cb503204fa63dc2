"""How long texts are planned to be read: at the borders of each decision, and what reasons say is what is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_facts import facts, machine

from tfclassify.errors import UsageError
from tfclassify.planning.costs import peak_memory_bytes
from tfclassify.planning.deciders import DECIDERS
from tfclassify.planning.facts import Decision, Facts
from tfclassify.planning.planner import Plan, make_plan
from tfclassify.planning.windows import (
    encoder_shape,
    expected_windows,
    longest_columns,
    most_windows,
    row_columns,
    whole_tokens,
)
from tfclassify.settings import Settings, TextSettings, parse


def of_lengths(**asked: Any) -> Facts:
    """Facts of training rows of some lengths, ``of_600=3``, and no others."""
    rows = {int(name.removeprefix("of_")): asked.pop(name) for name in [*asked] if name.startswith("of_")}
    histogram = [rows.get(length, 0) for length in range(max(rows) + 1)]
    return facts(
        {"a": sum(rows.values()) // 2, "b": sum(rows.values()) - sum(rows.values()) // 2},
        **{"lengths": histogram, "validation": None, **asked},
    )


def decide(key: str, known: Facts, **asked: Any) -> Decision:
    given = {"text.max_length": 512, **{name.replace("__", "."): value for name, value in asked.items()}}
    return DECIDERS[key](parse(given, Settings), known)


def planned(known: Facts, **asked: Any) -> Plan:
    return make_plan(parse({name.replace("__", "."): value for name, value in asked.items()}, Settings), known)


def text(length: int = 12, windows: int = 4, stride: int | None = None) -> TextSettings:
    return TextSettings(max_length=length, windows=windows, window_stride=stride or length - 2)


def test_texts_that_fit_are_one_window() -> None:
    decision = decide("text.windows", of_lengths(of_512=100))
    assert decision == Decision(1, "no text is longer than 512 tokens")


@pytest.mark.parametrize(("long", "windows"), [(4, 1), (5, 1), (6, 2)])
def test_few_long_texts_are_no_reason(long: int, windows: int) -> None:
    decision = decide("text.windows", of_lengths(of_100=100 - long, of_900=long))
    assert decision.value == windows
    assert decision.reason.startswith(f"{long}.0% of the texts are longer than 512 tokens")


@pytest.mark.parametrize(
    ("goal", "longest", "windows"),
    [("fast", 900, 2), ("fast", 4000, 2), ("balanced", 1022, 2), ("balanced", 1023, 3), ("balanced", 4000, 4),
     ("best", 4000, 8), ("best", 40_000, 8)],
)  # fmt: skip
def test_as_many_windows_as_most_texts_need_and_the_goal_allows(goal: str, longest: int, windows: int) -> None:
    decision = decide("text.windows", of_lengths(**{f"of_{longest}": 100}), goal=goal)
    assert decision.value == windows
    assert f"so {512 + 510 * (windows - 1)} tokens are read" in decision.reason
    lost = 1.0 if longest > 512 + 510 * (windows - 1) else 0.0
    assert f"{lost:.1%} lose some" in decision.reason


def test_windows_fit_into_memory() -> None:
    known = of_lengths(of_4000=100)
    free = peak_memory_bytes(((3, 512),), known)
    small = replace(known, hardware=replace(machine(), memory_bytes=free))
    decision, more = decide("text.windows", small, goal="best"), peak_memory_bytes(((4, 512),), known)
    assert decision.value == 3
    assert decision.reason.endswith(f"; 4 windows would take {more / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free")
    none = replace(known, hardware=replace(machine(), memory_bytes=1))
    two = peak_memory_bytes(((2, 512),), known)
    assert decide("text.windows", none, goal="best") == Decision(
        1,
        f"100.0% of the texts are longer than 512 tokens; 2 windows would take {two / 1e9:.1f} GB, and 0.0 GB are free",
    )


def test_pairs_and_a_length_that_was_asked_for_are_not_windowed() -> None:
    pairs = decide("text.windows", of_lengths(of_900=100, pairs=True))
    assert pairs == Decision(1, "pairs of texts are read together, which windows would take apart")
    asked = decide("text.windows", of_lengths(of_900=100), text__max_length=128)
    assert asked == Decision(1, "100 of 100 texts are longer than 128 tokens; ask for windows to read them whole")


@pytest.mark.parametrize(("long", "keep"), [(0, "head"), (4, "head"), (5, "head_tail")])
def test_what_stays_of_a_cut_text(long: int, keep: str) -> None:
    known = of_lengths(**{"of_1022": 100 - long, "of_1023": long} if long else {"of_1022": 100})
    decision = decide("text.keep", known, text__windows=2, text__window_stride=510)
    assert decision.value == keep
    assert decision.reason.startswith(f"{long}.0% of the texts" if long else "not used: no text is longer than 1022")


@pytest.mark.parametrize(
    ("keep", "reason"),
    [
        ("head", "not used: of a text that is cut its beginning stays"),
        ("head_tail", "128 of 510 tokens, as where head and tail came out best on IMDb (arXiv:1905.05583)"),
    ],
)
def test_most_of_what_stays_is_from_the_end(keep: str, reason: str) -> None:
    assert decide("text.head_share", of_lengths(of_100=9), text__keep=keep) == Decision(0.25, reason)


def test_pairs_keep_their_heads() -> None:
    known = of_lengths(of_900=100, pairs=True)
    assert decide("text.keep", known, text__windows=1, text__window_stride=510).value == "head"


@pytest.mark.parametrize(("goal", "windows"), [("fast", 1), ("balanced", 2), ("best", 4)])
def test_a_step_reads_what_the_goal_allows(goal: str, windows: int) -> None:
    decision = decide("train.windows", of_lengths(of_4000=100), goal=goal, text__windows=4)
    assert decision.value == windows
    assert f"{windows * 512} tokens of a text" in decision.reason


@pytest.mark.parametrize(
    ("goal", "pool", "share"), [("fast", "attention", 0.5), ("fast", "mean", 0.5), ("best", "attention", 1.0)]
)
def test_windows_are_chosen_where_time_counts(goal: str, pool: str, share: float) -> None:
    found = decide("text.chosen_share", of_lengths(of_4000=9), goal=goal, text__windows=4, text__pool=pool)
    assert found.value == share


@pytest.mark.parametrize("key", ["text.window_stride", "text.pool", "text.chosen_share", "train.windows"])
def test_of_one_window_nothing_is_used(key: str) -> None:
    assert decide(key, of_lengths(of_100=9), text__windows=1).reason == "not used: each text is one window"


def test_a_plan_of_long_texts_is_whole() -> None:
    plan = planned(of_lengths(of_300=40, of_900=60))
    assert (plan.settings.text.windows, plan.settings.train.windows) == (2, 2)
    assert {length for _, length in plan.settings.train.buckets} == {300, 1024}
    # A text takes the columns of its windows, and so many fewer texts are in a batch.
    assert plan.settings.train.buckets[-1] == (8, 1024)


@given(st.integers(1, 80), st.integers(6, 20), st.integers(1, 6), st.data())
def test_no_text_takes_more_columns_than_foreseen(tokens: int, length: int, windows: int, data: st.DataObject) -> None:
    how = text(length, windows, data.draw(st.integers(1, length - 2)))
    assert 1 <= expected_windows(tokens, how) <= windows
    assert 1 <= most_windows(tokens, how) <= windows
    tight = -(-max(0, tokens - length) // how.window_stride) + 1
    assert most_windows(tokens, how) >= min(windows, tight)


def test_columns_of_rows() -> None:
    histogram = [0] * 30 + [1]
    histogram[5], histogram[12], histogram[13] = 4, 2, 3
    found = row_columns(histogram, text(12, 4), most=3)
    assert sum(found) == sum(histogram)
    assert {columns: rows for columns, rows in enumerate(found) if rows} == {5: 4, 12: 2, 24: 3, 36: 1}
    assert row_columns(histogram, text(12, 1), most=1)[12] == 6


def test_what_the_encoder_gets() -> None:
    assert encoder_shape((8, 48), text(12, 4)) == (32, 12)
    assert encoder_shape((8, 11), text(12, 4)) == (8, 11)
    assert encoder_shape((8, 48), text(12, 1)) == (8, 48)
    assert whole_tokens(text(12, 4)) == 42


def test_the_last_shape_holds_every_row() -> None:
    plan = planned(of_lengths(of_30=10), text__max_length=12, text__windows=6)
    assert longest_columns(plan.settings, of_lengths(of_30=10)) == plan.settings.train.buckets[-1][1] == 60


@pytest.mark.parametrize(
    ("asked", "known", "said"),
    [
        (
            {"text__windows": 2},
            of_lengths(of_30=10, pairs=True),
            "text.windows is 2, but rows are pairs of texts; expected one window with the heads of both",
        ),
        (
            {"text__keep": "head_tail"},
            of_lengths(of_30=10, pairs=True),
            "text.keep is 'head_tail', but rows are pairs of texts; expected one window with the heads of both",
        ),
        (
            {"text__windows": 2, "text__max_length": 12, "text__window_stride": 11},
            of_lengths(of_30=10),
            "text.window_stride is 11, but a window of 12 tokens holds 10 word pieces; expected at most 10, "
            "or tokens between windows would not be read",
        ),
        (
            {"text__windows": 2, "text__max_length": 12, "train__buckets": [[8, 12], [8, 20], [8, 24]]},
            of_lengths(of_20=10),
            "train.buckets has a shape of 20 tokens; expected whole windows of text.max_length=12 tokens "
            "in those that are longer",
        ),
    ],
)
def test_what_cannot_be(asked: dict[str, Any], known: Facts, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        planned(known, **asked)
    assert str(caught.value) == said
