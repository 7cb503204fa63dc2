"""What stands out: counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from stories import make_story

from tfclassify.quality.metrics import judge
from tfclassify.quality.predictions import Predictions
from tfclassify.quality.report.findings import (
    Confusion,
    Decisions,
    class_figures,
    confusions,
    findings,
    label_decisions,
)

LABELS = ("cat", "dog", "emu")
# Three cats of which two are called dogs, a dog called a cat, an emu called an emu, a text of no class.
TRUTH = [0, 0, 0, 1, 2, -1]
GIVEN = [1, 1, 0, 0, 2, 0]


def animals(sure: float = 0.8) -> Predictions:
    scores = np.full((6, 3), (1 - sure) / 2, np.float32)
    scores[np.arange(6), GIVEN] = sure
    return Predictions("multiclass", LABELS, np.array(TRUTH, np.int32), np.log(scores), scores, np.ones(6, np.float32))


def story_of(predictions: Predictions, **changes):
    report = {"splits": {"test": judge(predictions)}}
    return make_story(predictions=predictions, report=report, baseline_predictions=None, **changes)


def said(story) -> list[str]:
    pairs = confusions(story.predictions) if story.predictions.kind != "multilabel" else []
    return findings(story, class_figures(story, pairs), pairs)


def test_confusions_are_counted_and_the_most_frequent_comes_first():
    assert confusions(animals()) == [Confusion("cat", "dog", 2, pytest.approx(2 / 3)), Confusion("dog", "cat", 1, 1.0)]


def test_classes_know_what_they_are_taken_for():
    story = story_of(animals())
    classes = class_figures(story, confusions(story.predictions))
    assert [each.label for each in classes] == list(LABELS)
    assert [each.confused and each.confused.given for each in classes] == ["dog", "cat", None]
    assert [each.support for each in classes] == [3, 1, 1]
    assert classes[0].precision == pytest.approx(0.5)
    assert classes[0].recall == pytest.approx(1 / 3)


def test_what_stands_out():
    assert said(story_of(animals())) == [
        "Always answering “cat” would be right on 60.0% of these rows.",
        "Lowest F1: “dog” (0.000).",
        "The most frequent error is “cat” taken for “dog”: 2 of 3 errors.",
        "Scores are too high: on average 40.0 points from the share that is right.",
        "3 classes of 3 have under 10 test rows; their figures are rough.",
    ]


def test_scores_may_be_too_low_or_right():
    assert any("Scores are too low: on average 6.0 points" in each for each in said(story_of(animals(0.34))))
    assert any(each.startswith("Scores mean what they say: on average") for each in said(story_of(animals(0.4))))


def test_a_label_that_is_never_given_is_named():
    scores = np.tile(np.array([0.9, 0.06, 0.04], np.float32), (3, 1))
    predictions = Predictions(
        "multiclass", LABELS, np.array([0, 1, 2], np.int32), np.log(scores), scores, np.ones(3, np.float32)
    )
    assert "Never given as an answer: “dog”, “emu”." in said(story_of(predictions))


def test_a_faultless_classifier_has_no_lowest_class_and_no_error():
    lines = said(make_story(6, 600, accuracy=1.0))
    assert not [line for line in lines if "error" in line or "Lowest" in line]


def test_of_many_classes_the_three_weakest_are_named():
    (line,) = [line for line in said(make_story(40, 800)) if line.startswith("Lowest F1")]
    assert line.count("“") == 3


def test_labels_of_a_multi_label_task_by_their_errors():
    truth = np.array([[1, 1], [1, 0], [0, 0]], bool)
    scores = np.array([[0.9, 0.1], [0.8, 0.9], [0.7, 0.2]], np.float32)
    predictions = Predictions("multilabel", ("x", "y"), truth, scores, scores, np.ones(3, np.float32))
    assert label_decisions(predictions) == [Decisions("y", 0, 1, 1), Decisions("x", 2, 0, 1)]


def test_nothing_measured_says_nothing():
    assert said(make_story(6, 0, out_of_scope=4)) == [
        "6 classes of 6 have under 10 test rows; their figures are rough."
    ]
