"""Precision and recall of the check-up's mislabel finder, on labels flipped at random.

    python benchmarks/mislabelled.py [--data FOLDER] [--sets trec6 banking77] [--shares 0.05 0.1] [--seeds 1]

FOLDER/SET/train.csv has columns ``text`` and ``label``.
A share of the training rows gets another label, each other one alike. What the data have of wrong labels themselves
counts as found wrongly. ``--filters`` adds cleanlab's other filters, on the same scores. Prints a table.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from cleanlab.filter import find_label_issues
from numpy.typing import NDArray

from tfclassify.checkup.data.folds import OutOfFold, out_of_fold
from tfclassify.checkup.data.mislabelled import doubted_rows
from tfclassify.checkup.data.reading import read_material
from tfclassify.display import SILENT
from tfclassify.settings import DataSettings

SHARED = Path(__file__).parents[2] / "shared" / "data"
SETS, SHARES = ("trec6", "banking77"), (0.05, 0.1, 0.2)
FILTERS = ("prune_by_noise_rate", "prune_by_class", "both", "confident_learning", "low_normalized_margin")
HEAD = "| data set | flipped | rows | baseline | filter | found | precision | recall | seconds |"


def read_rows(path: Path) -> tuple[list[str], list[str]]:
    """Reads texts and labels."""
    csv.field_size_limit(1 << 24)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [row["label"] for row in rows]


def flip(labels: Sequence[str], share: float, seed: int) -> tuple[list[str], NDArray[np.bool_]]:
    """Gives a share of the rows another label; returns the labels and which rows were flipped."""
    chance = np.random.default_rng(seed)
    names = sorted(set(labels))
    flipped = np.zeros(len(labels), bool)
    flipped[chance.choice(len(labels), round(share * len(labels)), replace=False)] = True
    moves = chance.integers(1, len(names), len(labels))
    return [
        names[(names.index(label) + int(move)) % len(names)] if other else label
        for label, move, other in zip(labels, moves, flipped, strict=True)
    ], flipped


def judge(texts: Sequence[str], labels: Sequence[str], folder: Path, seed: int) -> OutOfFold:
    """Scores every row as the check-up does."""
    path = folder / "train.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([("text", "label"), *zip(texts, labels, strict=True)])
    asked = DataSettings(train=str(path))
    material = read_material(asked, None, rows=len(texts), shown=1, seed=seed, display=SILENT)
    judged = out_of_fold(material)
    if judged is None:
        sys.exit(f"{len(texts)} rows are too few to learn from")
    return judged


def figures(found: NDArray[np.bool_], flipped: NDArray[np.bool_]) -> tuple[int, float, float]:
    """Returns how many rows were found, precision and recall."""
    both = int((found & flipped).sum())
    return int(found.sum()), both / max(1, int(found.sum())), both / max(1, int(flipped.sum()))


def lines(name: str, path: Path, asked: argparse.Namespace, folder: Path) -> Iterator[str]:
    """Gives the rows of the table for a data set."""
    texts, labels = read_rows(path)
    for share in asked.shares:
        for seed in range(asked.seeds):
            changed, flipped = flip(labels, share, seed)
            begun = time.perf_counter()
            judged = judge(texts, changed, folder, seed)
            doubted = np.zeros(len(judged.places), bool)
            doubted[doubted_rows(judged)] = True
            seconds = time.perf_counter() - begun
            right = float((judged.scores.argmax(axis=1) == judged.truth).mean())
            head = f"| {name} | {share:.0%} | {len(judged.places):,} | {right:.3f} |"
            # Rows of labels too rare to learn are not judged, and not found.
            lost = int(flipped.sum()) - int(flipped[judged.places].sum())
            marks = flipped[judged.places]
            number, precision, recall = figures(doubted, marks)
            recall *= marks.sum() / max(1, marks.sum() + lost)
            yield f"{head} low_self_confidence | {number:,} | {precision:.3f} | {recall:.3f} | {seconds:.1f} |"
            for other in FILTERS if asked.filters else ():
                issues = find_label_issues(judged.truth, judged.scores, filter_by=other, n_jobs=1)
                number, precision, recall = figures(issues, marks)
                yield f"{head} {other} | {number:,} | {precision:.3f} | {recall:.3f} | |"


def main() -> None:
    """Prints the table."""
    import tempfile

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--shares", nargs="+", type=float, default=SHARES)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--filters", action="store_true")
    asked = parser.parse_args()
    print(HEAD)
    print("|---" * HEAD.count("| ") + "|")
    with tempfile.TemporaryDirectory() as folder:
        for name in asked.sets:
            path = asked.data / name / "train.csv"
            if not path.is_file():
                sys.exit(f"{path} is not there; name the folder of the data sets by --data")
            for line in lines(name, path, asked, Path(folder)):
                print(line, flush=True)


if __name__ == "__main__":
    main()
