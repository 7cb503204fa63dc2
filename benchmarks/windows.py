"""What cut texts cost: first tokens, head and tail, and windows of long texts, and windows chosen by a learnt score.

python benchmarks/windows.py train --data DIR      # trains what is not trained yet, one process each
python benchmarks/windows.py speed --data DIR      # time of an answer by the number of windows
python benchmarks/windows.py table
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from measured import is_kept, keep, pieces, printed_by
from numpy.typing import NDArray

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "windows.jsonl"
# Of each data set the tokens of a window and how many windows there are; with the files whose rows are judged. No row
# of theirs is seen in training: what an epoch is chosen by is cut out of the training rows.
SETS: dict[str, dict[str, Any]] = {
    "movie_reviews_long": {"length": 128, "windows": 8, "judged": ("validation.csv", "test.csv")},
    "sample:reviews": {"length": 128, "windows": 8, "judged": ("test.csv",)},
}
SAMPLES = HERE.parent / "tfclassify" / "data" / "samples"
BINS = (0, 128, 256, 512, 1024, 1 << 30)
# Rounded up it is all windows of a text, and yet the network has the scorer that it was trained with.
NEARLY_ALL = 0.99
ROUNDS, RESAMPLES = 5, 10_000
BASELINE, ALL_READ = "baseline", "chosen, all read"
COMPARED = (
    ("windows", "first"),
    ("windows", "head_tail"),
    ("head_tail", "first"),
    ("chosen", ALL_READ),
    ("chosen, as planned", f"{ALL_READ}, as planned"),
    ("chosen", "windows"),
    ("chosen, as planned", "windows, as planned"),
    ("chosen", "first"),
    ("windows, as planned", "first, as planned"),
    ("windows, as planned", "windows"),
    ("windows, as planned", BASELINE),
    ("chosen, as planned", BASELINE),
    (f"{ALL_READ}, as planned", BASELINE),
)


def main() -> None:
    """Runs what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("train", "speed", "table", "one"))
    parser.add_argument("--data", type=Path, help="folder with movie_reviews_long")
    parser.add_argument("--only", nargs="*", help="data sets, by default all")
    parser.add_argument("--ways", nargs="*", help="ways to read, by default all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keys", nargs="*", default=[], help="further settings of every training, key=value")
    parser.add_argument("--run", type=Path, help="of `one`: the run that answers")
    asked = parser.parse_args()
    {"train": train, "speed": speed, "table": table, "one": one}[asked.what](asked)


def ways(name: str) -> dict[str, dict[str, Any]]:
    """Returns the settings of each way to read a data set."""
    length, windows = SETS[name]["length"], SETS[name]["windows"]
    one_window = {"text.max_length": length, "text.windows": 1}
    several = {"text.max_length": length, "text.windows": windows}
    return {
        "first": {**one_window, "text.keep": "head"},
        "head_tail": {**one_window, "text.keep": "head_tail"},
        "windows": {**several, "text.chosen_share": 1.0},
        "chosen": {**several, "text.chosen_share": 0.5},
    }


def train(asked: argparse.Namespace) -> None:
    """Trains each way, and keeps which rows it was right on."""
    for name in SETS:
        if asked.only and name not in asked.only:
            continue
        _baseline(asked, name)
        for way, keys in ways(name).items():
            piece = {"piece": "accuracy", "data": name, "way": way, "seed": asked.seed, "keys": asked.keys}
            if (asked.ways and way not in asked.ways) or is_kept(RESULTS, piece):
                continue
            with tempfile.TemporaryDirectory() as folder:
                run = Path(folder) / "run"
                given = {"data.train": _folder(asked, name) / "train.csv", "run": run, "seed": asked.seed, **keys}
                words = [f"{key}={value}" for key, value in given.items()]
                printed_by([sys.executable, "-m", "tfclassify.train", *words, *asked.keys])
                seconds = [json.loads(line)["seconds"] for line in (run / "metrics.jsonl").read_text().splitlines()]
                words = ["one", "--data", str(asked.data), "--only", name, "--run", str(run)]
                found = json.loads(printed_by([sys.executable, __file__, *words]))
                if way == "chosen":
                    # The same weights, which read all windows then.
                    plan = (run / "plan.yaml").read_text(encoding="utf-8")
                    (run / "plan.yaml").write_text(plan.replace("chosen_share: 0.5", f"chosen_share: {NEARLY_ALL}"))
                    whole = json.loads(printed_by([sys.executable, __file__, *words]))
                    found |= {f"{key}_with_all": whole[key] for key in ("right", "right_as_planned", "answer_seconds")}
            keep(RESULTS, {**piece, **found, "epochs": len(seconds), "seconds": seconds[-1]})


def _baseline(asked: argparse.Namespace, name: str) -> None:
    """Keeps which rows the report's baseline is right on, which reads all of a text."""
    from tfclassify.quality.baseline import baseline_scores, fit_baseline

    piece = {"piece": BASELINE, "data": name}
    if is_kept(RESULTS, piece):
        return
    texts, labels = zip(*_rows(_folder(asked, name), ("train.csv",)), strict=True)
    names = sorted(set(labels))
    truth = np.array([names.index(label) for label in labels])
    made = fit_baseline(texts, truth, labels=names, multilabel=False)
    judged, true = zip(*_rows(_folder(asked, name), SETS[name]["judged"]), strict=True)
    found = baseline_scores(made, judged).argmax(1)
    right = np.array([names[each] == label for each, label in zip(found, true, strict=True)])
    keep(RESULTS, {**piece, "right": _bits(right)})


def one(asked: argparse.Namespace) -> None:
    """Answers the judged rows with a run: those that it is right on, how long they are, how much of them it reads.

    What is compared is the network alone; what the run itself answers, with a baseline where one was stacked on it, is
    ``right_as_planned``.
    """
    from dataclasses import replace

    from tfclassify.learning.trained import open_trained, score_texts, tokenized
    from tfclassify.runs import open_run

    (name,) = asked.only
    rows = _rows(_folder(asked, name), SETS[name]["judged"])
    trained = open_trained(open_run(str(asked.run)), precision="float32")
    texts, truth = [text for text, _ in rows], np.array([trained.labels.names.index(label) for _, label in rows])
    lengths = np.diff(tokenized(trained.pieces, texts)[0].offsets) + 2
    planned = score_texts(trained, texts).scores.argmax(1) == truth
    began = time.perf_counter()
    right = score_texts(replace(trained, baseline=None), texts).scores.argmax(1) == truth
    made: dict[str, Any] = {"right": _bits(right), "right_as_planned": _bits(planned)}
    made["answer_seconds"] = round(time.perf_counter() - began, 2)
    print(json.dumps({**made, "lengths": lengths.tolist(), "cut": int((lengths > trained.limits.whole).sum())}))


def speed(asked: argparse.Namespace) -> None:
    """Times answers of a network of random weights by how many windows texts have, in turn, several rounds."""
    import tensorflow as tf

    from tfclassify.model.classifier import answering, build
    from tfclassify.model.weights import find
    from tfclassify.model.windowing import Windowed

    found = find("minilm", cache=Path(tempfile.gettempdir()))
    rows, length, counts = 8, 128, (1, 2, 4, 8)
    kinds = {"all": 1.0, "half": 0.5}
    timed: dict[tuple[str, int], list[float]] = {}
    for number in counts:
        for kind, share in kinds.items():
            windowed = Windowed(length, number, "attention", share)
            model = build(found, labels=("a", "b"), multilabel=False, dropout=0.0, windows=windowed)
            run = answering(model)
            tokens = tf.random.uniform([rows, number * length], 1000, 20000, tf.int32, seed=number)
            given = (tokens, tf.ones_like(tokens), tf.zeros_like(tokens))
            run(*given)
            timed[kind, number] = [_seconds(run, given) for _ in range(ROUNDS)]
    for (kind, number), seconds in timed.items():
        per_text = median(seconds) / rows
        ratio = per_text / (median(timed["all", 1]) / rows)
        keep(
            RESULTS,
            {
                "piece": "speed",
                "windows": number,
                "read": kind,
                "ms": round(1000 * per_text, 2),
                "ratio": round(ratio, 2),
            },
        )


def table(asked: argparse.Namespace) -> None:
    """Prints what was measured: accuracy by length, and differences with their paired bootstrap intervals."""
    for name in SETS:
        kept = {piece["way"]: piece for piece in pieces(RESULTS, "accuracy") if piece["data"] == name}
        if kept:
            right = {way: _from_bits(piece["right"]) for way, piece in kept.items()}
            right |= {f"{way}, as planned": _from_bits(piece["right_as_planned"]) for way, piece in kept.items()}
            if "chosen" in kept:
                right[ALL_READ] = _from_bits(kept["chosen"]["right_with_all"])
                right[f"{ALL_READ}, as planned"] = _from_bits(kept["chosen"]["right_as_planned_with_all"])
            for each in (each for each in pieces(RESULTS, BASELINE) if each["data"] == name):
                right[BASELINE] = _from_bits(each["right"])
            _by_length(name, kept, right)
            _differences(right)
    timed = pieces(RESULTS, "speed")
    if timed:
        print("\n| windows | read | ms a text | ratio |\n|---|---|---|---|")
        for piece in timed:
            print(f"| {piece['windows']} | {piece['read']} | {piece['ms']} | {piece['ratio']} |")


def _by_length(name: str, kept: dict[str, Any], right: dict[str, NDArray[np.bool_]]) -> None:
    lengths = np.array(next(iter(kept.values()))["lengths"])
    bins = [(low, high) for low, high in pairwise(BINS) if _within(lengths, low, high).any()]
    heads = [f"{low + 1} to {high}" if high < BINS[-1] else f"over {low}" for low, high in bins]
    further = [f"; {way} with {' '.join(piece['keys'])}" for way, piece in kept.items() if piece["keys"]]
    print(f"\n{name}, {len(lengths)} rows{''.join(further)}\n")
    print("| way | accuracy | share cut | " + " | ".join(f"{head} tokens" for head in heads) + " |")
    print("|---" * (3 + len(heads)) + "|")
    print("| rows | | | " + " | ".join(str(_within(lengths, *ends).sum()) for ends in bins) + " |")
    for way, each in right.items():
        cells = [f"{each[_within(lengths, *ends)].mean():.3f}" for ends in bins]
        cut = 0.0 if way == BASELINE else kept[way.partition(",")[0]]["cut"] / len(each)
        print(f"| {way} | {each.mean():.4f} | {cut:.2f} | " + " | ".join(cells) + " |")
    print()


def _differences(right: dict[str, NDArray[np.bool_]]) -> None:
    for better, worse in COMPARED:
        if better in right and worse in right:
            low, high = _bootstrap(right[better], right[worse])
            gain = right[better].mean() - right[worse].mean()
            print(f"{better} against {worse}: {100 * gain:+.2f} points ({100 * low:+.2f} to {100 * high:+.2f})")


def _bootstrap(better: NDArray[np.bool_], worse: NDArray[np.bool_]) -> tuple[float, float]:
    """Returns the 95 % percentile interval of the difference, rows drawn in pairs."""
    differences = better.astype(float) - worse.astype(float)
    drawn = np.random.default_rng(0).integers(0, len(differences), (RESAMPLES, len(differences)))
    low, high = np.quantile(differences[drawn].mean(axis=1), (0.025, 0.975))
    return float(low), float(high)


def _within(lengths: NDArray[np.int64], low: int, high: int) -> NDArray[np.bool_]:
    return (lengths > low) & (lengths <= high)


def _seconds(run: Any, given: tuple[Any, ...]) -> float:
    began = time.perf_counter()
    run(*given).numpy()
    return time.perf_counter() - began


def _folder(asked: argparse.Namespace, name: str) -> Path:
    kind, _, sample = name.partition(":")
    return SAMPLES / sample if sample else asked.data / kind


def _rows(folder: Path, files: tuple[str, ...]) -> list[tuple[str, str]]:
    found = []
    for file in files:
        with open(folder / file, encoding="utf-8", newline="") as opened:
            found += [(row["text"], row["label"]) for row in csv.DictReader(opened)]
    return found


def _bits(right: NDArray[np.bool_]) -> str:
    return "".join("01"[int(each)] for each in right)


def _from_bits(bits: str) -> NDArray[np.bool_]:
    return np.array([bit == "1" for bit in bits])


if __name__ == "__main__":
    main()
