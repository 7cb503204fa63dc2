"""What the embedded samples ask of a model: sizes, lengths, the linear baseline and the best single word per label.

    python benchmarks/samples.py [NAME ...]

Prints one JSON line per sample, all of them unless named. Figures are over rows in scope; models are fitted on the
training split and measured on the test split. Accuracy of a multi-label sample is the share of rows with exactly the
right labels. A sample is of use where the baseline leaves something to be learned and where single words do not give
the labels away.
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
SEPARATOR = "|"

Labels = frozenset[str]


class Row(NamedTuple):
    """One row of a sample; exactly one label unless the sample is multi-label."""

    text: str
    labels: Labels


class Cue(NamedTuple):
    """A word that stands for a label, and the share of the training rows with this word that have the label."""

    word: str
    label: str
    precision: float


def is_multilabel(path: str | Path) -> bool:
    """Tells whether a file has the column ``labels`` in place of ``label``."""
    with open(path, encoding="utf-8", newline="") as file:
        return "labels" in next(csv.reader(file))


def read_rows(path: str | Path) -> list[Row]:
    """Reads the columns ``text`` and ``label``, or ``labels`` (parted by ``|``), of a CSV file."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if is_multilabel(path):
        return [Row(row["text"], Labels(filter(None, row["labels"].split(SEPARATOR)))) for row in rows]
    return [Row(row["text"], Labels([row["label"]])) for row in rows]


def in_scope(rows: Sequence[Row]) -> list[Row]:
    """Leaves out the rows that belong to no class."""
    return [row for row in rows if OUT_OF_SCOPE_LABEL not in row.labels]


def by_baseline(train: Sequence[Row], test: Sequence[Row], *, multilabel: bool) -> list[Labels]:
    """Returns what the package's TF-IDF baseline answers to each test row."""
    labels = sorted(Labels().union(*(row.labels for row in train)))
    members = np.array([[label in row.labels for label in labels] for row in train])
    truth = members if multilabel else members.argmax(axis=1).astype(np.int32)
    baseline = fit_baseline([row.text for row in train], truth, labels=labels, multilabel=multilabel)
    scores = baseline_scores(baseline, [row.text for row in test])
    chosen = scores >= 0.5 if multilabel else scores == scores.max(axis=1, keepdims=True)
    return [Labels(np.array(labels)[row].tolist()) for row in chosen]


def words(text: str) -> set[str]:
    """Returns the lower-cased words of a text."""
    return set(re.findall(r"\w+", text.lower()))


def best_cues(train: Sequence[Row]) -> list[Cue]:
    """Finds for each label the word whose presence predicts it best (by F1), and puts the most precise first."""
    rows = Counter(label for row in train for label in row.labels)
    seen = Counter(word for row in train for word in words(row.text))
    shared = Counter((label, word) for row in train for word in words(row.text) for label in row.labels)

    def f1(pair: tuple[str, str]) -> float:
        return 2 * shared[pair] / (rows[pair[0]] + seen[pair[1]])

    by_label = groupby(sorted(shared), key=lambda pair: pair[0])
    best = [max(pairs, key=f1) for _, pairs in by_label]
    return sorted((Cue(word, label, shared[label, word] / seen[word]) for label, word in best), key=lambda cue: -cue[2])


def by_single_words(train: Sequence[Row], test: Sequence[Row], *, multilabel: bool) -> list[Labels]:
    """Returns the label of the most precise of these words that a test row has; all of them when multi-label."""
    cues = best_cues(train)
    found = [[cue.label for cue in cues if cue.word in words(row.text)] for row in test]
    return [Labels(labels if multilabel else labels[:1]) for labels in found]


def accuracy(answers: Sequence[Labels], rows: Sequence[Row]) -> float:
    """Returns the share of rows with exactly the right labels."""
    return sum(answer == row.labels for answer, row in zip(answers, rows, strict=True)) / len(rows)


def described(name: str) -> dict[str, Any]:
    """Measures one sample."""
    paths = sample_splits(name)
    splits = {split: read_rows(path) for split, path in paths.items()}
    train, test = in_scope(splits["train"]), in_scope(splits["test"])
    multilabel = is_multilabel(paths["train"])
    lengths = [len(row.text.split()) for rows in splits.values() for row in rows]
    return {
        "sample": name,
        "rows": {split: len(in_scope(rows)) for split, rows in splits.items()},
        "out_of_scope": {split: len(rows) - len(in_scope(rows)) for split, rows in splits.items()},
        "labels": len(Labels().union(*(row.labels for row in train))),
        "multilabel": multilabel,
        "words_per_text": {"median": median(lengths), "longest": max(lengths)},
        "baseline_accuracy": round(accuracy(by_baseline(train, test, multilabel=multilabel), test), 4),
        "single_word_accuracy": round(accuracy(by_single_words(train, test, multilabel=multilabel), test), 4),
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
