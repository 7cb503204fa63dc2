"""How long a CSV file takes to be read, beside ``pandas.read_csv``, and the private memory that each takes for it.

    python benchmarks/reading.py [--megabytes 500] [--row-bytes 1000] [--rounds 5] [--what pandas reader checks corpus]

The file is made on the spot and removed: texts of about so many bytes with commas, quotes and line ends in some, and a
label. Each measurement is a process of its own, and they take turns: ``pandas`` reads it into a table, ``reader`` gives
its rows batch by batch, ``checks`` checks them too, ``corpus`` reads, checks, hashes, stores and splits all of it, with
word pieces for one text in a hundred. Seconds are without imports; memory is what is private to the process (pages of
files that are only mapped are not) over that of the same process before it began. One line is printed for each.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

WHAT = ("pandas", "reader", "checks", "corpus")
LABELS = ("billing", "delivery", "returns", "account", "other")
SAMPLED = 100
LOOK_SECONDS = 0.05


def main() -> None:
    """Makes the file, measures in turn, prints a line for each measurement and one for the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--row-bytes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--what", nargs="+", choices=WHAT, default=["pandas", "reader", "checks"])
    parser.add_argument("--folder", type=Path, help="where the file is made; by default the system's own")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        _one(asked.one[0], Path(asked.one[1]))
        return
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        path = Path(folder) / "rows.csv"
        rows = write(path, asked.megabytes * 1_000_000, asked.row_bytes)
        print(json.dumps({"file_bytes": path.stat().st_size, "rows": rows}), flush=True)
        rounds = [{what: _measured(what, path) for what in asked.what} for _ in range(asked.rounds)]
    print(json.dumps(summary(rounds)))


def write(path: Path, size: int, row_bytes: int) -> int:
    """Writes rows until the file has its size; returns how many."""
    chance, count = random.Random(0), 0
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 9))) for _ in range(5000)]
    texts = [_text(chance, words, max(8, int(chance.gauss(row_bytes, row_bytes / 3)))) for _ in range(2000)]
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        while file.tell() < size:
            writer.writerows((f"{chance.choice(texts)} {count + row}", chance.choice(LABELS)) for row in range(500))
            count += 500
    return count


def _text(chance: random.Random, words: list[str], size: int) -> str:
    text = " ".join(chance.choices(words, k=size // 6))
    half, kind = len(text) // 2, chance.random()
    if kind < 0.1:
        return f'{text[:half]}, "{text[half:]}"'
    if kind < 0.15:
        return f"{text[:half]}\n{text[half:]}"
    return f"{text} é漢字" if kind < 0.2 else text


def summary(rounds: list[dict[str, dict[str, float]]]) -> dict[str, float]:
    """Returns the ratios to pandas within a round, above 1 where we are faster, and the highest memory of each."""
    found: dict[str, float] = {}
    for what in rounds[0]:
        found[f"{what}_private_bytes"] = max(each[what]["private_bytes"] for each in rounds)
        if what not in ("pandas", "corpus") and "pandas" in rounds[0]:
            ratios = [each["pandas"]["seconds"] / each[what]["seconds"] for each in rounds]
            found[f"{what}_ratio"] = round(statistics.median(ratios), 2)
    return found


def _measured(what: str, path: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=path.parent) as cache:
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TFCLASSIFY_CACHE": cache, "TF_CPP_MIN_LOG_LEVEL": "3"}
        words = [sys.executable, __file__, "--one", what, str(path)]
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        if process.stdin is None or process.stdout is None or process.stdout.readline() != "ready\n":
            raise SystemExit(f"{what} could not begin")
        idle = peak = private_bytes(process.pid)
        process.stdin.write("go\n")
        process.stdin.flush()
        while process.poll() is None:
            with suppress(psutil.Error, OSError):
                peak = max(peak, private_bytes(process.pid))
            time.sleep(LOOK_SECONDS)
        if process.returncode:
            raise SystemExit(f"{what} ended with {process.returncode}")
        found = {**json.loads(process.stdout.read()), "private_bytes": peak - idle}
    print(json.dumps({"what": what, **found}), flush=True)
    return found


def private_bytes(process: int) -> int:
    """Returns the memory of a process that nothing else has, without pages of files, where the system tells."""
    status = Path(f"/proc/{process}/status")
    if not status.exists():
        return psutil.Process(process).memory_full_info().uss
    sizes = dict(line.split(":", 1) for line in status.read_text(encoding="ascii").splitlines())
    return int(sizes.get("RssAnon", "0 kB").split()[0]) * 1024


def _one(what: str, path: Path) -> None:
    """Waits to be told to begin, does one thing in this process, and prints its rows and seconds."""
    run = {"pandas": _pandas, "reader": _reader, "checks": _checks, "corpus": _corpus}[what](path)
    print("ready", flush=True)
    sys.stdin.readline()
    begun = time.perf_counter()
    rows = run()
    print(json.dumps({"rows": rows, "seconds": round(time.perf_counter() - begun, 3)}))


def _pandas(path: Path) -> Callable[[], int]:
    import pandas as pd

    return lambda: len(pd.read_csv(path))


def _reader(path: Path) -> Callable[[], int]:
    from tfclassify.data.sources import Columns, find_source

    return lambda: sum(batch.num_rows for batch in find_source(str(path))(str(path), Columns("text", label="label")))


def _checks(path: Path) -> Callable[[], int]:
    from tfclassify.data.checks import Where, examples
    from tfclassify.data.sources import Columns, find_source, numbered

    columns = Columns("text", label="label")

    def run() -> int:
        batches = numbered(find_source(str(path))(str(path), columns), [])
        return sum(len(examples(batch, columns, where=Where(str(path), numbers)).text) for batch, numbers in batches)

    return run


def _corpus(path: Path) -> Callable[[], int]:
    from dataclasses import replace

    import tensorflow as tf

    from tfclassify.data.corpus import read_corpus
    from tfclassify.display import SILENT
    from tfclassify.learning.trained import pieces_of
    from tfclassify.model.weights import find
    from tfclassify.runs import cache_folder
    from tfclassify.settings import DataSettings

    pieces = pieces_of(find("minilm", cache=cache_folder()).vocabulary, lower_case=True)

    def sampled(texts: tf.Tensor) -> tf.RaggedTensor:
        return pieces.tokenize(tf.where(tf.range(tf.size(texts)) % SAMPLED == 0, texts, ""))

    asked = DataSettings(train=str(path))
    given = replace(pieces, tokenize=sampled)
    # The first call pays for what is loaded and traced, whatever the file's size.
    sampled(tf.constant(["once"]))
    return lambda: read_corpus(asked, given, seed=0, cache=cache_folder(), display=SILENT).read


if __name__ == "__main__":
    main()
