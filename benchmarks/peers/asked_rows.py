"""What the peers' prediction scripts share: texts of a CSV file in, labels in another out, and the best batch size."""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

TRIED_TEXTS = 384

# Texts and a batch size to the label of each text.
Answer = Callable[[Sequence[str], int], list[str]]


def measured(answer: Answer, file: Path, output: Path, *, sizes: Sequence[int], **facts: Any) -> None:
    """Answers a file in the batch size that is best on some of its texts, and prints one JSON line.

    What is timed begins with the file and ends with the labels written; looking for the size, which warms up, is not.
    """
    size, tried = best_size(answer, read_texts(file), sizes)
    begun = time.perf_counter()
    texts = read_texts(file)
    write_labels(output, answer(texts, size))
    speed = len(texts) / (time.perf_counter() - begun)
    sys.stdout.write(json.dumps({"texts_per_second": speed, "batch_size": size, "tried": tried, **facts}) + "\n")


def best_size(answer: Answer, texts: Sequence[str], sizes: Sequence[int]) -> tuple[int, dict[int, float]]:
    """Returns the batch size that answers some of the texts fastest, and the texts per second of each."""
    some = texts[:: max(1, len(texts) // TRIED_TEXTS)]
    answer(some[: 2 * max(sizes)], max(sizes))
    tried: dict[int, float] = {}
    # The better of two turns: one may fall into a moment in which the machine has other work.
    for size in [*sizes, *sizes]:
        begun = time.perf_counter()
        answer(some, size)
        tried[size] = max(tried.get(size, 0.0), round(len(some) / (time.perf_counter() - begun), 1))
    return max(tried, key=lambda size: tried[size]), tried


def sorted_batches(ids: Sequence[Sequence[int]], size: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Gives texts by falling length: their places int64[B], ids int64[B, L] and mask int64[B, L], padded with 0."""
    lengths = np.array([len(row) for row in ids])
    order = np.argsort(-lengths, kind="stable")
    for at in range(0, len(order), size):
        places = order[at : at + size]
        mask = np.arange(lengths[places].max()) < lengths[places, None]
        padded = np.zeros(mask.shape, np.int64)
        padded[mask] = np.concatenate([ids[place] for place in places])
        yield places, padded, mask.astype(np.int64)


def read_texts(file: Path) -> list[str]:
    """Reads the column ``text``."""
    with open(file, encoding="utf-8", newline="") as opened:
        return [row["text"] for row in csv.DictReader(opened)]


def write_labels(file: Path, labels: Sequence[str]) -> None:
    """Writes the column ``label``."""
    with open(file, "w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["label"])
        writer.writerows([label] for label in labels)
