"""Temperature and thresholds: fitted on the validation rows, as far as they are asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from made_stores import split_of, store
from made_trained import made_trained

from tfclassify.data.labelling import Split
from tfclassify.learning.score_calibration import calibrated
from tfclassify.learning.trained import predict_split
from tfclassify.quality.thresholds import best_threshold


def made_split(rows: int) -> Split:
    truth = [int(row % 4 == 3) for row in range(rows)]
    return split_of(store(["ab"[label] * 3 for label in truth]), range(rows), truth)


def test_scores_are_calibrated_unless_that_is_not_asked_for() -> None:
    for asked, calibrates in (("temperature", True), ("none", False)):
        trained = made_trained("a", "b", answer__calibrate=asked)
        made = calibrated(trained, predict_split(trained, made_split(20)))
        assert (made.temperature != 1.0) is calibrates


def test_the_scope_threshold_is_that_of_the_validation_rows_of_a_class() -> None:
    trained = made_trained("a", "b", out_of_scope="oos", answer__calibrate="temperature", answer__scope=0.5)
    texts = ["aa", "bbb", "a", "aabbb", "-"]
    split = split_of(store(texts), range(5), [0, 1, 0, 1, -1])
    made = calibrated(trained, predict_split(trained, split))
    scores = predict_split(replace(trained, temperature=made.temperature), split).scope_scores
    # The second of four; the row of no class is not asked.
    assert made.scope_threshold == np.sort(scores[:4])[1]
    asked_for_none = replace(trained, settings=made_trained("a", "b", answer__calibrate="none").settings)
    assert calibrated(asked_for_none, predict_split(trained, split)).scope_threshold is None


def test_the_threshold_is_that_of_the_validation_rows() -> None:
    trained = made_trained("a", "b", multilabel=True, answer__thresholds="validation", answer__calibrate="temperature")
    texts = ["aa", "bb", "ab", "-", "aab", "abb"]
    truth = [[True, False], [False, True], [True, True], [False, False], [True, False], [False, True]]
    split = split_of(store(texts), range(6), truth)
    made = calibrated(trained, predict_split(trained, split))
    predictions = predict_split(replace(trained, temperature=made.temperature), split)
    assert made.threshold == best_threshold(predictions.scores, predictions.truth)
    assert made.threshold != 0.5
