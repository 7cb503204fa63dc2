"""Memory of a training on a small file and on one ten times larger: the peak of each process, and the difference.

python benchmarks/memory.py --data DIR      # a folder with trec6/train.csv, whose texts are put together anew
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

SIZES_BYTES = (20_000_000, 200_000_000)
# A hundredth of the larger file are rows enough to judge by, and minutes less to wait.
STEPS, JUDGED = 200, 0.01


def main() -> None:
    """Makes the files, trains on each, prints one line each and one for both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        _one(Path(asked.one))
        return
    rows = read_trec6(asked.data)
    with tempfile.TemporaryDirectory() as folder:
        peaks = [_measured(rows, size, Path(folder)) for size in SIZES_BYTES]
    print(json.dumps({name: peaks[1][name] - peaks[0][name] for name in peaks[0]}))


def watched(words: Sequence[str], **environment: str) -> tuple[list[str], int]:
    """Runs a program; returns the lines that it printed, and the most memory that it had.

    Looked at from outside, because a training forgets its peak where it begins to fit.
    """
    told = {**os.environ, "HF_HUB_OFFLINE": "1", **environment}
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=told)
    peak, seen = 0, psutil.Process(process.pid)
    while process.poll() is None:
        with suppress(psutil.Error):
            peak = max(peak, seen.memory_info().rss)
        time.sleep(0.05)
    printed = process.communicate()[0].strip().splitlines()
    if process.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {process.returncode}")
    return printed, peak


def read_trec6(data: Path) -> list[tuple[str, str]]:
    """Reads the rows that others are put together from."""
    with open(data / "trec6" / "train.csv", encoding="utf-8", newline="") as file:
        return [(row["text"], row["label"]) for row in csv.DictReader(file)]


def _measured(rows: list[tuple[str, str]], size: int, folder: Path) -> dict[str, int]:
    path = folder / f"{size}.csv"
    count = write(path, rows, lambda written, _: written >= size)
    printed, peak = watched([sys.executable, __file__, "--data", "unused", "--one", str(path)])
    peaks = {"peak_while_fitting_bytes": int(printed[-1]), "peak_bytes": peak}
    print(json.dumps({"file_bytes": path.stat().st_size, "rows": count, **peaks}), flush=True)
    return peaks


def _one(path: Path) -> None:
    """Trains in this process and prints its peak memory while it fits."""
    from tfclassify.train import train

    shares = {"data.validation_share": JUDGED, "data.test_share": JUDGED}
    run = train({"data.train": str(path), "run": str(path.with_suffix(".run")), "train.steps": STEPS, **shares})
    print(json.loads(run.report.read_text(encoding="utf-8"))["plan"]["actual"]["peak_memory_bytes"])


def write(path: Path, rows: list[tuple[str, str]], enough: Callable[[int, int], bool]) -> int:
    """Writes rows whose texts are halves of two texts of one label, until bytes and rows are enough."""
    chance, count = random.Random(0), 0
    by_label: dict[str, list[list[str]]] = {}
    for text, label in rows:
        by_label.setdefault(label, []).append(text.split())
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        while not enough(file.tell(), count):
            label = chance.choice(list(by_label))
            first, second = (chance.choice(by_label[label]) for _ in range(2))
            writer.writerow([" ".join([*first[: len(first) // 2], *second[len(second) // 2 :], str(count)]), label])
            count += 1
    return count


if __name__ == "__main__":
    main()
