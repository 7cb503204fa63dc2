"""Labels that the baseline doubts, and labels that it takes for each other."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from tfclassify.checkup.data.folds import OutOfFold, out_of_fold
from tfclassify.checkup.data.material import MOST_NUMBERS, Material, example, of_how_many
from tfclassify.checkup.finding import Finding, graded
from tfclassify.quality.report.wording import label_text, plural

MANY_DOUBTED, TOO_MANY_DOUBTED = 0.02, 0.08
FEWEST_DOUBTED = 3
CONFUSED_SHARE, FEWEST_CONFUSED, SHOWN_PAIRS = 0.25, 10, 5
NO_BETTER = 0.02


def mislabelled(material: Material) -> list[Finding]:
    """Finds training rows whose label a model that has not seen them finds unlikely."""
    judged = out_of_fold(material)
    if judged is None:
        return []
    doubted = doubted_rows(judged)
    if len(doubted) < FEWEST_DOUBTED:
        return []
    split, looked_at = material.splits["train"], len(judged.places)
    share = len(doubted) / looked_at
    places = judged.places[doubted]
    shown = zip(doubted[: material.shown], places, strict=False)
    return [
        Finding(
            name="mislabelled",
            severity=graded(share, warning=MANY_DOUBTED, serious=TOO_MANY_DOUBTED),
            sentence=f"train: {plural(len(doubted), 'row')} of {looked_at:,}{of_how_many(looked_at, len(split))} "
            f"({share:.1%}) look mislabelled to a baseline that has not seen them.",
            cost="A wrong label is learnt as well as it can be; in rows to judge by it counts as an error. Rows that "
            "are only hard are among these.",
            remedy="read them, the likeliest first (doctor.json lists them in this order), and correct the labels",
            counts={"rows": len(doubted), "of": looked_at, "share": share},
            examples=tuple(
                example(material, "train", int(place), f"rather {_likeliest(judged, int(row))}") for row, place in shown
            ),
            rows={"train": tuple(split.numbers[split.sample[places[:MOST_NUMBERS]]].tolist())},
        )
    ]


def doubted_rows(judged: OutOfFold) -> NDArray[np.intp]:
    """Returns the rows whose label is probably wrong, the likeliest first.

    How many labels are wrong is estimated by confident learning; taken are so many with the lowest score of their own
    label. On flipped labels that was more often right than the other filters (``benchmarks/mislabelled.py``).

    Source: C. Northcutt, L. Jiang and I. Chuang, "Confident learning: estimating uncertainty in dataset labels", JAIR
    70 (2021), as ``cleanlab`` has it.
    """
    if judged.multilabel:
        from cleanlab.multilabel_classification.filter import find_label_issues as find_many

        given = [np.flatnonzero(row).tolist() for row in judged.truth]
        ranked = find_many(given, judged.scores, return_indices_ranked_by="self_confidence", n_jobs=1)
    else:
        from cleanlab.filter import find_label_issues

        ranked = find_label_issues(
            judged.truth,
            judged.scores,
            filter_by="low_self_confidence",
            return_indices_ranked_by="self_confidence",
            n_jobs=1,
        )
    return np.asarray(ranked, np.intp)


def confused_labels(material: Material) -> list[Finding]:
    """Finds labels that the baseline takes for one other label in many of their rows, and labels it cannot tell."""
    judged = out_of_fold(material)
    if judged is None or judged.multilabel:
        return []
    matrix = confusions(judged)
    rows, wrong = matrix.sum(axis=1), matrix - np.diag(matrix.diagonal())
    pairs = [
        (int(truth), int(given))
        for truth, given in np.argwhere(wrong >= FEWEST_CONFUSED)
        if wrong[truth, given] >= CONFUSED_SHARE * rows[truth]
    ]
    pairs.sort(key=lambda pair: -wrong[pair])
    return [*_confused(material, judged, pairs, wrong, rows), *_hopeless(matrix)]


def confusions(judged: OutOfFold) -> NDArray[np.int64]:
    """Returns int64[C, C]: rows by true label and by the baseline's likeliest."""
    matrix = np.zeros((len(judged.labels),) * 2, np.int64)
    np.add.at(matrix, (judged.truth, judged.scores.argmax(axis=1)), 1)
    return matrix


def _confused(
    material: Material,
    judged: OutOfFold,
    pairs: Sequence[tuple[int, int]],
    wrong: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> list[Finding]:
    if not pairs:
        return []
    listed = "; ".join(
        f"“{label_text(judged.labels[truth])}” for “{label_text(judged.labels[given])}” ({wrong[truth, given]:,} of "
        f"{rows[truth]:,})"
        for truth, given in pairs[:SHOWN_PAIRS]
    )
    truth, given = pairs[0]
    shown = np.flatnonzero((judged.truth == truth) & (judged.scores.argmax(axis=1) == given))[: material.shown]
    more = f" and {len(pairs) - SHOWN_PAIRS} more" if len(pairs) > SHOWN_PAIRS else ""
    return [
        Finding(
            name="confused_labels",
            severity="note",
            sentence=f"train: the baseline takes {listed}{more}.",
            cost="Where people cannot tell two labels apart either, no model will.",
            remedy="write down what tells them apart and label by it, or merge them",
            counts={"pairs": len(pairs)},
            examples=tuple(
                example(material, "train", int(judged.places[row]), f"taken for {judged.labels[given]}")
                for row in shown
            ),
        )
    ]


def _hopeless(matrix: NDArray[np.int64]) -> list[Finding]:
    right, guessed = matrix.trace() / matrix.sum(), matrix.sum(axis=1).max() / matrix.sum()
    # Two standard errors of a share, at most: as much may be chance.
    if right >= guessed + NO_BETTER + 1 / sqrt(matrix.sum()):
        return []
    return [
        Finding(
            name="nothing_learnt",
            severity="serious",
            sentence=f"train: the baseline is right on {right:.1%} of rows it has not seen; always giving the most "
            f"frequent label is on {guessed:.1%}.",
            cost="Words say nothing about these labels; a larger model may find little more.",
            remedy="data.text and data.label: are they the columns that belong together?",
            counts={"right": float(right), "guessed": float(guessed)},
        )
    ]


def _likeliest(judged: OutOfFold, row: int) -> str:
    if judged.multilabel:
        unsure = np.abs(judged.scores[row] - judged.truth[row])
        worst = int(unsure.argmax())
        return f"{'without' if judged.truth[row][worst] else 'with'} {judged.labels[worst]}"
    return judged.labels[int(judged.scores[row].argmax())]
