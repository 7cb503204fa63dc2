"""The judgement of a classifier: what it says of each split, beside the truth and beside the baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tfclassify.data.labelling import Split, in_scope
from tfclassify.data.mapped_texts import mapped_names, mapped_texts
from tfclassify.data.rows import piece_lengths
from tfclassify.display import Display
from tfclassify.learning.features import beside_text
from tfclassify.learning.trained import Trained, kind_of, predict_split
from tfclassify.quality.baseline import Baseline, baseline_scores, fit_baseline
from tfclassify.quality.predictions import Predictions
from tfclassify.quality.thresholds import HALF, best_threshold
from tfclassify.text.packing import packed_lengths

BASELINE_ROWS = 50_000
# The least score that a logarithm is taken of.
TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Judgement:
    """Predictions by split, and those of a baseline on the reported split where one could be fitted.

    ``texts`` are those of the reported rows, ``names`` their names where the data have any; ``lengths`` int32[N] are
    their tokens before anything is cut.
    """

    predictions: Mapping[str, Predictions]
    reported: str
    texts: Sequence[str]
    names: Sequence[str] = ()
    baseline: Baseline | None = None
    baseline_predictions: Predictions | None = None
    lengths: NDArray[np.int32] | None = None


def judge_splits(
    trained: Trained, splits: Mapping[str, Split], *, learnt: Mapping[str, Split], display: Display
) -> Judgement:
    """Judges every split but the training rows, and fits a baseline on those.

    Args:
        trained: the classifier.
        splits: by name, at least one besides the training rows; the test split is reported if it is there, else
            the validation split, else the last one.
        learnt: ``train``, the rows that a baseline is fitted on, and ``validation``, those that its threshold is chosen
            by; without the former there is no baseline.
        display: gets the progress.
    """
    judged = {name: split for name, split in splits.items() if name != "train"}
    reported = next((name for name in ("test", "validation") if name in judged), [*judged][-1])
    predictions = {}
    for name, split in judged.items():
        display.start(f"judging {name}", len(split))
        predictions[name] = predict_split(trained, split, advance=display.advance)
    texts = mapped_texts(judged[reported])
    names = mapped_names(judged[reported])
    lengths = packed_lengths(*piece_lengths(judged[reported]))
    if "train" not in learnt:
        return Judgement(predictions, reported, texts, names, lengths=lengths)
    baseline = _fitted(learnt["train"], trained, display)
    answers = _answers(baseline, texts, judged[reported], trained)
    if trained.labels.multilabel and "validation" in learnt:
        answers = replace(answers, thresholds=_threshold(baseline, learnt["validation"], trained))
    return Judgement(predictions, reported, texts, names, baseline, answers, lengths)


def _fitted(train: Split, trained: Trained, display: Display) -> Baseline:
    """Fits the baseline on what the classifier learns from: the texts, and the features beside them."""
    labels = trained.labels
    rows = np.flatnonzero(in_scope(train))
    if len(rows) > BASELINE_ROWS:
        rows = np.sort(np.random.default_rng(0).choice(rows, BASELINE_ROWS, replace=False))
    display.start("fitting the baseline", 0)
    return fit_baseline(
        mapped_texts(train, rows),
        train.truth[rows],
        labels=labels.names,
        multilabel=labels.multilabel,
        beside=beside_text(trained.features, train, rows),
    )


def _threshold(baseline: Baseline, validation: Split, trained: Trained) -> float:
    """Gives the baseline the threshold that it is best with, as the classifier has its own."""
    beside = beside_text(trained.features, validation)
    return best_threshold(baseline_scores(baseline, mapped_texts(validation), beside=beside), validation.truth)


def _answers(baseline: Baseline, texts: Sequence[str], split: Split, trained: Trained) -> Predictions:
    labels = trained.labels
    scores = baseline_scores(baseline, texts, beside=beside_text(trained.features, split))
    return Predictions(
        kind=kind_of(labels),
        labels=labels.names,
        truth=split.truth,
        logits=np.log(np.maximum(scores, TINY)),
        scores=scores,
        scope_scores=_highest(scores),
        thresholds=HALF,
    )


def _highest(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    return scores.max(axis=1) if scores.shape[1] else np.zeros(len(scores), np.float32)
