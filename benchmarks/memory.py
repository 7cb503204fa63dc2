"""Memory of a training on a small file and on one ten times larger: the peak of each process, and the difference.

python benchmarks/memory.py --data DIR      # a folder with trec6/train.csv, whose texts are put together anew
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

SIZES_BYTES = (20_000_000, 200_000_000)
STEPS = 60


def main() -> None:
    """Makes the files, trains on each, prints one line each and one for both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        _one(Path(asked.one))
        return
    with open(asked.data / "trec6" / "train.csv", encoding="utf-8", newline="") as file:
        rows = [(row["text"], row["label"]) for row in csv.DictReader(file)]
    with tempfile.TemporaryDirectory() as folder:
        peaks = [_measured(rows, size, Path(folder)) for size in SIZES_BYTES]
    print(json.dumps({"difference_bytes": peaks[1] - peaks[0]}))


def _measured(rows: list[tuple[str, str]], size: int, folder: Path) -> int:
    path = folder / f"{size}.csv"
    count = _write(path, rows, size)
    words = [sys.executable, __file__, "--data", "unused", "--one", str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    peak = int(done.stdout.strip().splitlines()[-1])
    print(json.dumps({"file_bytes": path.stat().st_size, "rows": count, "peak_memory_bytes": peak}), flush=True)
    return peak


def _one(path: Path) -> None:
    """Trains in this process and prints its peak memory, from its start to its end."""
    from tfclassify.train import train

    train({"data.train": str(path), "run": str(path.with_suffix(".run")), "train.steps": STEPS, "train.epochs": 1})
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def _write(path: Path, rows: list[tuple[str, str]], size: int) -> int:
    """Writes rows whose texts are halves of two texts of one label, until the file has its size."""
    chance, count = random.Random(0), 0
    by_label: dict[str, list[list[str]]] = {}
    for text, label in rows:
        by_label.setdefault(label, []).append(text.split())
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        while file.tell() < size:
            label = chance.choice(list(by_label))
            first, second = (chance.choice(by_label[label]) for _ in range(2))
            writer.writerow([" ".join([*first[: len(first) // 2], *second[len(second) // 2 :], str(count)]), label])
            count += 1
    return count


if __name__ == "__main__":
    main()
