"""What the embedded samples ask of a model: sizes, lengths, the linear baseline and the best single word per label.

    python benchmarks/samples.py [NAME ...]

Prints one JSON line per sample, all of them unless named. Figures are over rows in scope, models are fitted on the
training split and measured on the test split. A sample is of use where the baseline leaves something to be learned
and where single words do not give the labels away.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from tfclassify.data.sources import sample_splits
from tfclassify.data.sources.sample import FOLDER
from tfclassify.quality.baseline import baseline_scores, fit_baseline

OUT_OF_SCOPE_LABEL = "out_of_scope"


class Row(NamedTuple):
    """One row of a sample."""

    text: str
    label: str


class Cue(NamedTuple):
    """A word that stands for a label, and the share of the training rows with this word that have the label."""

    word: str
    label: str
    precision: float


def read_rows(path: str | Path) -> list[Row]:
    """Reads the columns ``text`` and ``label`` of a CSV file."""
    with open(path, encoding="utf-8", newline="") as file:
        return [Row(row["text"], row["label"]) for row in csv.DictReader(file)]


def in_scope(rows: Sequence[Row]) -> list[Row]:
    """Leaves out the rows that belong to no class."""
    return [row for row in rows if row.label != OUT_OF_SCOPE_LABEL]


def baseline_accuracy(train: Sequence[Row], test: Sequence[Row]) -> float:
    """Returns the share of test rows that the package's TF-IDF baseline labels as they are labelled."""
    labels = sorted({row.label for row in train})
    truth = np.array([labels.index(row.label) for row in train], np.int32)
    baseline = fit_baseline([row.text for row in train], truth, labels=labels, multilabel=False)
    found = baseline_scores(baseline, [row.text for row in test]).argmax(axis=1)
    return sum(labels[column] == row.label for column, row in zip(found, test, strict=True)) / len(test)


def words(text: str) -> set[str]:
    """Returns the lower-cased words of a text."""
    return set(re.findall(r"\w+", text.lower()))


def best_cues(train: Sequence[Row]) -> list[Cue]:
    """Finds for each label the word whose presence predicts it best (by F1), and puts the most precise first."""
    rows = Counter(row.label for row in train)
    seen = Counter(word for row in train for word in words(row.text))
    shared = Counter((row.label, word) for row in train for word in words(row.text))

    def f1(pair: tuple[str, str]) -> float:
        return 2 * shared[pair] / (rows[pair[0]] + seen[pair[1]])

    by_label = groupby(sorted(shared), key=lambda pair: pair[0])
    best = [max(pairs, key=f1) for _, pairs in by_label]
    return sorted((Cue(word, label, shared[label, word] / seen[word]) for label, word in best), key=lambda cue: -cue[2])


def single_word_accuracy(train: Sequence[Row], test: Sequence[Row]) -> float:
    """Returns the share of test rows whose first of these words is that of their label; a row without one is wrong."""
    cues = best_cues(train)
    found = (next((cue.label for cue in cues if cue.word in words(row.text)), None) for row in test)
    return sum(label == row.label for label, row in zip(found, test, strict=True)) / len(test)


def described(name: str) -> dict[str, Any]:
    """Measures one sample."""
    splits = {split: read_rows(path) for split, path in sample_splits(name).items()}
    train, test = in_scope(splits["train"]), in_scope(splits["test"])
    lengths = [len(row.text.split()) for rows in splits.values() for row in rows]
    return {
        "sample": name,
        "rows": {split: len(in_scope(rows)) for split, rows in splits.items()},
        "out_of_scope": {split: len(rows) - len(in_scope(rows)) for split, rows in splits.items()},
        "labels": len({row.label for row in train}),
        "words_per_text": {"median": median(lengths), "longest": max(lengths)},
        "baseline_accuracy": round(baseline_accuracy(train, test), 4),
        "single_word_accuracy": round(single_word_accuracy(train, test), 4),
    }


def main() -> None:
    """Prints the figures of the samples that were asked for."""
    known = sorted(path.parent.name for path in FOLDER.glob("*/train.csv"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(known)}")
    names = parser.parse_args().names or known
    if unknown := sorted(set(names) - set(known)):
        parser.error(f"no sample '{unknown[0]}'; expected one of: {', '.join(known)}")
    for name in names:
        print(json.dumps(described(name)), flush=True)


if __name__ == "__main__":
    main()
