"""The verdict: word for word, in each of its cases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from stories import make_story

from tfclassify.quality.intervals import paired_difference
from tfclassify.quality.predictions import Predictions, correct, take, within_scope
from tfclassify.quality.report.verdict import (
    accuracies,
    baseline_name,
    caveats,
    compare,
    comparison_sentence,
    headline,
    largest_class,
)


def told(story):
    return comparison_sentence(story, compare(story))


def answered(right: list[bool]) -> Predictions:
    """Makes predictions of a binary task in which every row is of the first class."""
    scores = np.array([[0.9, 0.1] if each else [0.2, 0.8] for each in right], np.float32)
    truth = np.zeros(len(right), np.int32)
    return Predictions("binary", ("a", "b"), truth, np.log(scores), scores, np.ones(len(right), np.float32))


def pair(only_ours: int, only_theirs: int, both: int):
    ours = [True] * only_ours + [False] * only_theirs + [True] * both
    theirs = [False] * only_ours + [True] * only_theirs + [True] * both
    return make_story(2, 10, predictions=answered(ours), baseline_predictions=answered(theirs))


def test_it_beats_the_baseline():
    story = pair(60, 10, 430)
    assert compare(story).outcome == "beats"
    assert told(story) == (
        "It beats the baseline, TF-IDF with logistic regression: 10.0 points more accurate on the same rows "
        "(95% interval of the difference 6.8 to 13.1 points)."
    )


def test_it_loses_to_the_baseline():
    story = pair(10, 60, 430)
    assert compare(story).outcome == "loses"
    assert told(story) == (
        "It loses to the baseline, TF-IDF with logistic regression: 10.0 points less accurate on the same rows "
        "(95% interval of the difference −13.1 to −6.8 points). On these rows the baseline is the better choice."
    )


def test_it_cannot_be_told_from_the_baseline():
    story = pair(12, 10, 478)
    assert compare(story).outcome == "equals"
    assert told(story) == (
        "It is not distinguishable from the baseline, TF-IDF with logistic regression, on these rows: "
        "0.4 points more accurate on the same rows (95% interval of the difference −1.5 to 2.3 points)."
    )


def test_the_interval_is_the_paired_one_over_rows_in_scope():
    story = make_story(6, 400, out_of_scope=100)
    ours, theirs = (correct(within_scope(each)) for each in (story.predictions, story.baseline_predictions))
    found = compare(story)
    assert (found.difference, found.low, found.high) == paired_difference(ours, theirs)
    assert len(ours) == 400


def test_without_the_baselines_predictions_the_reports_interval_counts():
    story = make_story(baseline_predictions=None)
    report = {**story.report, "baseline": {**story.report["baseline"], "difference": [0.03, 0.01, 0.05]}}
    assert told(replace(story, report=report)).startswith("It beats the baseline, TF-IDF with logistic regression: 3.0")


def test_with_accuracies_alone_nothing_is_said_of_chance():
    story = make_story(baseline_predictions=None)
    report = {**story.report, "baseline": {"name": "counts", "test": {"accuracy": 0.5}}}
    report["splits"] = {"test": {**report["splits"]["test"], "accuracy": 0.75}}
    assert told(replace(story, report=report)) == (
        "The baseline, counts, is compared by its accuracy alone: 25.0 points more accurate than it."
    )


@pytest.mark.parametrize("baseline", [None, {}, {"name": "x"}, {"name": "x", "test": {"accuracy": None}}])
def test_without_a_baseline_nothing_is_compared(baseline):
    story = make_story(baseline_predictions=None)
    assert compare(replace(story, report={**story.report, "baseline": baseline})) is None


def test_a_baseline_of_other_rows_is_refused():
    story = make_story()
    fewer = take(story.baseline_predictions, np.arange(20))
    with pytest.raises(ValueError, match="the baseline's predictions are of other rows"):
        compare(replace(story, baseline_predictions=fewer))


def test_a_split_without_rows_in_scope_is_not_compared():
    story = make_story(6, 0, out_of_scope=10)
    assert compare(story) is None
    assert headline(story) == "Nothing could be measured: 0 test rows in scope."
    assert accuracies(story) == []


def test_headline():
    story = make_story(6, 500, out_of_scope=20)
    figures = {**story.report["splits"]["test"], "accuracy": 0.924, "accuracy_interval": [0.914, 0.933]}
    figures["macro_f1"] = 0.9208
    story = replace(story, report={"splits": {"test": figures}})
    assert headline(story) == "Right on 92.4% of 500 test rows (95% interval 91.4% to 93.3%); macro-F1 0.921."


def test_headline_of_a_multi_label_task_says_that_all_labels_must_be_right():
    assert headline(make_story(6, 300, kind="multilabel")).startswith("All labels right on ")


def test_headline_of_one_row():
    assert " of 1 test row (" in headline(make_story(2, 1, accuracy=1))


def test_a_validation_split_that_chose_the_epoch_is_owned_up_to():
    assert caveats(make_story(split="validation")) == [
        "The same rows chose the best epoch and calibrated its scores, so expect somewhat less on new texts."
    ]
    assert caveats(make_story()) == []


def test_the_largest_class_and_its_share():
    story = make_story(predictions=answered([True, False, True]), baseline_predictions=None)
    assert largest_class(story) == ("a", 1.0)
    assert largest_class(make_story(6, 50, kind="multilabel")) is None


def test_a_largest_class_is_drawn_only_when_it_is_near():
    assert [each.name for each in accuracies(make_story(2, 200))] == ["this classifier", "the baseline"]
    near = accuracies(make_story(2, 200, accuracy=0.6))
    assert [each.name for each in near] == ["this classifier", "the baseline", "always the largest class"]
    assert near[2].interval is None


def test_an_unknown_baseline_keeps_its_name():
    story = make_story()
    assert baseline_name(replace(story, report={**story.report, "baseline": {"name": "my\nbaseline"}})) == "my baseline"
