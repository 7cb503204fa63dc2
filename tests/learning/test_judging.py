"""The judgement: every split but the training rows, beside a baseline that saw the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import pytest
from made_stores import split_of, store
from made_trained import made_trained

from tfclassify.data.labelling import Split
from tfclassify.display import SILENT, Display
from tfclassify.learning import judging
from tfclassify.learning.judging import Judgement, judge_splits
from tfclassify.quality.baseline import baseline_scores, fit_baseline
from tfclassify.quality.predictions import Predictions
from tfclassify.quality.thresholds import best_threshold


def texts_of(rows: int, seed: int) -> list[str]:
    """Texts in which the letter of a row's label is there more often than the other one."""
    random = Random(seed)
    return ["".join(random.choices("ab" + "ab"[row % 2] * 2, k=9)) + f" {seed}{row}" for row in range(rows)]


def made_split(rows: int, seed: int, *, texts: Sequence[str] | None = None, truth: Any = None) -> Split:
    texts = texts_of(rows, seed) if texts is None else texts
    return split_of(store(texts), range(len(texts)), [row % 2 for row in range(rows)] if truth is None else truth)


TRAIN, VALIDATION, TEST = made_split(60, 0), made_split(20, 1), made_split(30, 2)


def judged(train: Split | None = TRAIN, *, display: Display = SILENT, **splits: Split) -> Judgement:
    return judge_splits(
        made_trained("a", "b"), splits, learnt={} if train is None else {"train": train}, display=display
    )


def check_equal(left: Predictions, right: Predictions) -> None:
    for name in ("truth", "logits", "scores", "scope_scores"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name))


@pytest.mark.parametrize(
    ("names", "reported"),
    [
        (["train", "validation", "test"], "test"),
        (["train", "test", "validation"], "test"),
        (["train", "validation"], "validation"),
        (["test"], "test"),
        (["other"], "other"),
    ],
)
def test_what_is_judged_and_what_is_reported(names: list[str], reported: str) -> None:
    splits = {"train": TRAIN, "validation": VALIDATION, "test": TEST, "other": TEST}
    chosen = {name: splits[name] for name in names}
    made = judge_splits(made_trained("a", "b"), chosen, learnt={}, display=SILENT)
    assert set(made.predictions) == set(names) - {"train"}
    assert made.reported == reported
    for name, predictions in made.predictions.items():
        assert predictions.truth.tolist() == splits[name].truth.tolist()
    assert len(made.texts) == len(splits[reported])


def test_texts_are_those_of_the_reported_rows() -> None:
    made = judged(None, validation=VALIDATION, test=TEST)
    assert list(made.texts) == texts_of(30, 2)
    expected = [[2.0 * text.count(letter) for letter in "ab"] for text in made.texts]
    np.testing.assert_array_equal(made.predictions["test"].logits, expected)


def test_without_training_rows_there_is_no_baseline() -> None:
    made = judged(None, test=TEST)
    assert (made.baseline, made.baseline_predictions) == (None, None)


def test_the_baseline_is_fitted_on_the_training_rows() -> None:
    made = judged(test=TEST)
    fitted = fit_baseline(texts_of(60, 0), TRAIN.truth, labels=("a", "b"), multilabel=False)
    assert made.baseline is not None
    assert made.baseline_predictions is not None
    assert made.baseline.rows == 60
    np.testing.assert_allclose(made.baseline_predictions.scores, baseline_scores(fitted, made.texts), rtol=1e-6)
    assert made.baseline_predictions.truth.tolist() == TEST.truth.tolist()
    right = made.baseline_predictions.scores.argmax(axis=1) == TEST.truth
    assert right.mean() > 0.7
    # Its scores are those of its logits, so that it can be judged like the other.
    np.testing.assert_allclose(np.exp(made.baseline_predictions.logits), made.baseline_predictions.scores, rtol=1e-5)
    np.testing.assert_array_equal(made.baseline_predictions.scope_scores, made.baseline_predictions.scores.max(axis=1))


def test_a_baseline_does_not_see_more_rows_than_it_can_carry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "BASELINE_ROWS", 25)
    first, second = judged(test=TEST), judged(test=TEST)
    assert first.baseline is not None
    assert first.baseline.rows == 25
    assert first.baseline_predictions is not None
    assert second.baseline_predictions is not None
    check_equal(first.baseline_predictions, second.baseline_predictions)


def test_rows_out_of_scope_are_judged_and_teach_the_baseline_nothing() -> None:
    outside = [-1 if row % 3 == 0 else row % 2 for row in range(30)]
    made = judge_splits(
        made_trained("a", "b", out_of_scope="none"),
        {"test": made_split(30, 2, truth=outside)},
        learnt={"train": made_split(60, 0, truth=[-1 if row % 4 == 0 else row % 2 for row in range(60)])},
        display=SILENT,
    )
    assert made.predictions["test"].truth.tolist() == outside
    assert made.baseline is not None
    assert made.baseline.rows == 45


def test_several_labels_a_row() -> None:
    truth = [[row % 2 == 0, row % 3 == 0] for row in range(30)]
    texts = [f"{'a' * (2 * first)}{'b' * (2 * second)} {row}" for row, (first, second) in enumerate(truth)]
    split = made_split(30, 0, texts=texts, truth=truth)
    made = judge_splits(
        made_trained("a", "b", multilabel=True), {"test": split}, learnt={"train": split}, display=SILENT
    )
    assert made.predictions["test"].kind == "multilabel"
    assert ((made.predictions["test"].scores >= 0.5) == truth).all()
    assert made.baseline_predictions is not None
    assert made.baseline_predictions.kind == "multilabel"
    assert ((made.baseline_predictions.scores >= 0.5) == truth).mean() > 0.8


def test_the_baseline_gives_labels_from_the_threshold_on_that_is_best_on_validation() -> None:
    truth = [[row % 2 == 0, row % 3 == 0] for row in range(30)]
    texts = [f"{'a' * (2 * first)}{'b' * (2 * second)} {row}" for row, (first, second) in enumerate(truth)]
    split = made_split(30, 0, texts=texts, truth=truth)
    learnt = {"train": split, "validation": split}
    made = judge_splits(made_trained("a", "b", multilabel=True), {"test": split}, learnt=learnt, display=SILENT)
    answers = made.baseline_predictions
    assert answers is not None
    assert answers.thresholds == best_threshold(answers.scores, np.array(truth))
    assert answers.thresholds != 0.5


def test_a_split_without_rows() -> None:
    made = judged(test=made_split(0, 0))
    assert len(made.texts) == 0
    assert made.predictions["test"].logits.shape == (0, 2)
    assert made.baseline_predictions is not None
    assert made.baseline_predictions.scores.shape == (0, 2)


def test_what_is_shown() -> None:
    shown: list[Any] = []
    display = Display(
        start=lambda title, total: shown.append((title, total)), advance=lambda units, _: shown.append(units)
    )
    judged(validation=VALIDATION, test=TEST, display=display)
    titles = [each for each in shown if isinstance(each, tuple)]
    assert titles == [("judging validation", 20), ("judging test", 30), ("fitting the baseline", 0)]
    assert sum(each for each in shown if isinstance(each, int)) == 50
