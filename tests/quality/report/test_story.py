"""What a story says of itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from stories import make_story

from tfclassify.quality.report.story import best_epoch, choosing_metric, decided, is_number, rows_in_scope, section


def history(**series):
    return [
        {"epoch": epoch, **dict(zip(series, values, strict=True))}
        for epoch, values in enumerate(zip(*series.values(), strict=True), 1)
    ]


def test_the_best_epoch_is_the_first_with_the_highest_macro_f1():
    story = make_story(history=history(validation_macro_f1=[0.5, 0.9, 0.9, 0.7]))
    assert best_epoch(story) == 2


def test_the_metric_of_the_plan_chooses_and_a_loss_is_best_when_lowest():
    story = make_story(
        history=history(validation_macro_f1=[0.9, 0.8, 0.7], validation_log_loss=[0.9, 0.4, 0.5]),
        decisions=[("train.metric", "log_loss", "asked for")],
    )
    assert choosing_metric(story) == "log_loss"
    assert best_epoch(story) == 2


def test_a_metric_that_was_never_measured_does_not_choose():
    story = make_story(
        history=history(validation_macro_f1=[0.9, 0.8]), decisions=[("train.metric", "package:metric", "asked for")]
    )
    assert choosing_metric(story) == "macro_f1"
    assert best_epoch(story) == 1


@pytest.mark.parametrize("values", [[], [float("nan")], [None]])
def test_without_a_measured_epoch_there_is_no_best(values):
    assert best_epoch(make_story(history=history(validation_macro_f1=values))) is None


def test_rows_in_scope_are_without_the_others():
    assert rows_in_scope(make_story(6, 500, out_of_scope=40)) == 500


def test_decided_finds_a_value():
    assert decided(make_story(), "train.epochs") == "4"
    assert decided(make_story(), "train.nothing") is None


def test_a_missing_part_is_an_empty_one():
    story = make_story()
    assert section(replace(story, report={**story.report, "plan": None}), "plan") == {}
    assert section(replace(story, report={}), "speed") == {}


@pytest.mark.parametrize(
    ("value", "known"),
    [(1, True), (np.float32(0.5), True), (np.int64(3), True), (True, False), (None, False), (float("inf"), False)],
)
def test_is_number(value, known):
    assert is_number(value) is known
