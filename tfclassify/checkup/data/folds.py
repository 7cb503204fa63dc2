"""What the baseline says of training rows that it was not fitted to: every row is judged by a fit without its fold."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tfclassify.checkup.data.material import Material, Places, portion, sampled_keys
from tfclassify.data.splits import assign
from tfclassify.quality.baseline import baseline_scores, fit_baseline

FOLDS = 5
MOST_ROWS, MOST_CHARACTERS = 20_000, 12_000_000
# One linear model a label and fold: what is left of the rows where there are many labels.
MOST_MODELS_ROWS = 1_000_000
FEWEST_ROWS, FEWEST_PER_LABEL = 50, 5


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Rows of the training split with their labels and the baseline's scores.

    ``places`` int64[B] are rising places in the sample, ``labels`` C names, ``truth`` int32[B] or bool[B, C] when
    multi-label, ``scores`` float64[B, C] probabilities.
    """

    places: Places
    labels: tuple[str, ...]
    truth: NDArray
    scores: NDArray[np.float64]
    multilabel: bool


@lru_cache(maxsize=1)
def out_of_fold(material: Material) -> OutOfFold | None:
    """Fits the TF-IDF baseline once for each of five folds.

    Equal texts are in one fold, and every fold has its share of each label. Labels with fewer than five rows are left
    out, and so are rows out of scope. Where there are many rows or labels, rows are chosen by chance.

    Returns:
        None where too few rows or labels are left to learn from.
    """
    split, multilabel = material.splits["train"], material.statistics.multilabel
    counts = material.statistics.splits["train"].label_counts
    labels = tuple(label for label in material.statistics.labels if counts[label] >= FEWEST_PER_LABEL)
    rows = min(MOST_ROWS, max(2000, MOST_MODELS_ROWS // max(1, len(labels))))
    places = portion(split, rows=rows, characters=MOST_CHARACTERS, seed=material.seed)
    keys = sampled_keys(split)[places]
    marks = np.array([[label in each for label in labels] for each in material.label_sets], bool)[keys]
    usable = np.ones(len(places), bool) if multilabel else marks.any(axis=1) if len(labels) else np.zeros(0, bool)
    if len(labels) < 2 or usable.sum() < FEWEST_ROWS:
        return None
    places, marks = places[usable], marks[usable]
    truth = marks if multilabel else marks.argmax(axis=1).astype(np.int32)
    sides = assign(
        split.hashes[split.sample[places]],
        keys[usable].astype(np.int32),
        seed=material.seed,
        shares={f"fold {number}": 1 / FOLDS for number in range(1, FOLDS)},
    )
    texts = [split.texts[place] for place in places]
    scores = np.zeros(marks.shape)
    for fold in range(FOLDS):
        inside, outside = np.flatnonzero(sides == fold), np.flatnonzero(sides != fold)
        fitted = fit_baseline(
            [texts[row] for row in outside], truth[outside], labels=labels, multilabel=multilabel, max_rows=MOST_ROWS
        )
        scores[inside] = baseline_scores(fitted, [texts[row] for row in inside])
    return OutOfFold(places, labels, truth, scores, multilabel)
