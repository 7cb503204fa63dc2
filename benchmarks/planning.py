"""Holds the planner to its word: predicted against actual costs, and planned settings against a grid of others.

    python benchmarks/planning.py predictions --data DIR     # 12 cuts: seconds of an epoch, and peak memory
    python benchmarks/planning.py grid --data DIR            # 6 cuts of at most 800 short rows, 6 points, 2 seeds
    python benchmarks/planning.py limits --data DIR          # trainings of two minutes, and how long they took
    python benchmarks/planning.py table                      # what these have measured so far
    python benchmarks/planning.py time --data DIR            # how long it takes to plan, all that is cached cached

DIR has a folder for each data set with train.csv and others. Each training is a line of results/planning.jsonl; what is
there is not made again. Predictions are made in a process each, as people do; the grid in one.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import mean
from typing import Any

from measured import is_kept, keep, pieces, printed_by

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "planning.jsonl"
Row = dict[str, str]

# Cuts by name: data set, rows, what the cut is for, and settings of its own.
CUTS: dict[str, tuple[str, int, str, dict[str, Any]]] = {
    "trec6": ("trec6", 2000, "short", {}),
    "sst2": ("sst2_sentences", 2000, "two classes", {}),
    "banking77": ("banking77", 2000, "many classes", {}),
    "clinc150": ("clinc150", 1500, "many classes, few rows each", {"data.out_of_scope_label": "oos"}),
    "ag_news": ("ag_news_subset", 1000, "a few sentences", {}),
    "ag_news_uneven": ("ag_news_subset", 1150, "imbalanced", {}),
    "financial": ("financial_phrasebank", 300, "few rows", {}),
    "sms_spam": ("sms_spam", 1500, "short, imbalanced", {}),
    "imdb": ("imdb_small", 600, "long", {}),
    "movie_reviews": ("movie_reviews_long", 300, "longer than the model reads", {}),
    "mrpc": ("mrpc", 1000, "pairs", {}),
    "goemotions": ("goemotions", 1500, "several labels a row", {}),
}
# Rows of the classes of the imbalanced cut, by falling number.
UNEVEN = (1000, 100, 30, 20)
VALIDATION_ROWS, EPOCHS, WITHIN = 200, 2, 0.25

GRID_CUTS = {
    "trec6": 600,
    "sst2_sentences": 600,
    "banking77": 770,
    "ag_news_subset": 400,
    "financial_phrasebank": 600,
    "sms_spam": 800,
}
GRID_VALIDATION_ROWS, SEEDS = 200, (0, 1)
GRID = [(rate, epochs) for rate in (3e-5, 1e-4, 3e-4) for epochs in (4, 12)]
PLANNED = "planned"
# Trainings that take longer than this by themselves.
LIMITED, LIMIT_MINUTES = ("trec6", "banking77", "sst2_sentences", "imdb_small"), 2


def main() -> None:
    """Runs what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("predictions", "grid", "limits", "table", "time"))
    parser.add_argument("--data", type=Path, help="folder with one sub-folder per data set")
    parser.add_argument("--only", nargs="*", help="cuts, by default all")
    parser.add_argument("--rows", type=int, help="rows of a cut, at most: for a look at whether all works")
    parser.add_argument("--model", help="another model than the planned one: for a look at whether all works")
    asked = parser.parse_args()
    asks = {"predictions": predictions, "grid": grid, "limits": limits, "table": table, "time": planning_time}
    asks[asked.what](asked)


def predictions(asked: argparse.Namespace) -> None:
    """Trains each cut for two epochs, and compares what was predicted with what it was."""
    for name, (data, rows, kind, keys) in CUTS.items():
        piece = {"piece": "prediction", "data": name}
        if (asked.only and name not in asked.only) or is_kept(RESULTS, piece):
            continue
        with tempfile.TemporaryDirectory() as folder:
            train, validation = _cut(asked.data / data, min(rows, asked.rows or rows), uneven=kind == "imbalanced")
            words = [f"data.train={_written(Path(folder) / 'train.csv', train)}"]
            words.append(f"data.validation={_written(Path(folder) / 'validation.csv', validation)}")
            told = {**keys, **_model(asked), "train.epochs": EPOCHS, "train.early_stopping": 0, "run": f"{folder}/run"}
            words += [f"{key}={value}" for key, value in told.items()]
            report = json.loads(printed_by([sys.executable, "-m", "tfclassify.train", *words, "--json"]))["report"]
        plan = report["plan"]
        ratios = {
            key: round(plan["predicted"][key] / plan["actual"][key], 3)
            for key in ("seconds_per_epoch", "peak_memory_bytes")
        }
        keep(RESULTS, {**piece, "kind": kind, "rows": report["rows"]["trained"], **plan, "ratio": ratios})
    _summary()


def grid(asked: argparse.Namespace) -> None:
    """Trains every point of the grid, and what is planned, on each cut; scores them on the whole test split."""
    for name, rows in GRID_CUTS.items():
        if asked.only and name not in asked.only:
            continue
        train, validation = _cut(asked.data / name, min(rows, asked.rows or rows), validation=GRID_VALIDATION_ROWS)
        with tempfile.TemporaryDirectory() as folder:
            data = {
                "data.train": _written(Path(folder) / "train.csv", train),
                "data.validation": _written(Path(folder) / "validation.csv", validation),
                "data.test": str(asked.data / name / "test.csv"),
            }
            for point in (PLANNED, *GRID):
                for seed in SEEDS:
                    _point({**data, **_model(asked)}, name, point, seed, Path(folder))
    _grid_summary()


def _point(data: dict[str, Any], name: str, point: Any, seed: int, folder: Path) -> None:
    from tfclassify.train import train

    keys = {} if point == PLANNED else {"train.learning_rate": point[0], "train.epochs": point[1]}
    named = PLANNED if point == PLANNED else "{:g} for {} epochs".format(*point)
    piece = {"piece": "grid", "data": name, "point": named, "seed": seed}
    if is_kept(RESULTS, piece):
        return
    run = train({**data, **keys, "seed": seed, "run": str(folder / f"{named}-{seed}")})
    report = json.loads(run.report.read_text(encoding="utf-8"))
    found = {split: round(report["splits"][split]["accuracy"], 4) for split in ("validation", "test")}
    above = [round(value, 4) for value in report["baseline"]["difference"]]
    keep(RESULTS, {**piece, **found, "above_baseline": above})


def limits(asked: argparse.Namespace) -> None:
    """Trains with a time limit that is too short for what would be planned, and tells how much of it was taken."""
    for name in LIMITED:
        piece = {"piece": "limit", "data": name, "minutes": LIMIT_MINUTES}
        if (asked.only and name not in asked.only) or is_kept(RESULTS, piece):
            continue
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / "run"
            words = [f"data.{file.stem}={file}" for file in sorted((asked.data / name).glob("*.csv"))]
            told = {**_model(asked), "train.time_limit_minutes": LIMIT_MINUTES, "run": run}
            printed_by([sys.executable, "-m", "tfclassify.train", *words, *_words(told), "--json"])
            found = json.loads((run / "manifest.json").read_text(encoding="utf-8"))["training"]
        share = round(found["elapsed_seconds"] / (60 * LIMIT_MINUTES), 3)
        keep(RESULTS, {**piece, "share_of_the_limit": share, "planned_steps": found["pieces"]})


def planning_time(asked: argparse.Namespace) -> None:
    """Plans twice, in a process each, from an empty cache: then statistics and calibration are cached.

    What each process takes before it begins to plan is told beside it.
    """
    begun = time.perf_counter()
    printed_by([sys.executable, "-c", "import tfclassify.plan"])
    print(json.dumps({"start_seconds": round(time.perf_counter() - begun, 2)}))
    for name in asked.only or ["trec6"]:
        words = [f"data.{file.stem}={file}" for file in sorted((asked.data / name).glob("*.csv"))]
        with tempfile.TemporaryDirectory() as cache:
            for cached in (False, True):
                begun = time.perf_counter()
                printed_by(
                    [sys.executable, "-m", "tfclassify.plan", *words, *_words(_model(asked)), "--json"], cache=cache
                )
                print(json.dumps({"data": name, "cached": cached, "seconds": round(time.perf_counter() - begun, 2)}))


def table(asked: argparse.Namespace) -> None:
    """Prints what has been measured."""
    print("| cut | rows | kind | seconds an epoch, predicted | actual | ratio | memory, predicted | actual | ratio |")
    print("|---|---|---|---|---|---|---|---|---|")
    for each in pieces(RESULTS, "prediction"):
        cells = [each["data"], str(each["rows"]), each["kind"]]
        for key, form in (("seconds_per_epoch", "{:.1f}"), ("peak_memory_bytes", "{:.2e}")):
            cells += [form.format(each[side][key]) for side in ("predicted", "actual")]
            cells.append(f"{each['ratio'][key]:.2f}")
        print(f"| {' | '.join(cells)} |")
    _summary()
    for each in pieces(RESULTS, "limit"):
        print(json.dumps({key: each[key] for key in ("data", "minutes", "share_of_the_limit")}))
    _grid_summary()


def _summary() -> None:
    found = pieces(RESULTS, "prediction")
    for key in ("seconds_per_epoch", "peak_memory_bytes"):
        near = sum(abs(each["ratio"][key] - 1) <= WITHIN for each in found)
        print(json.dumps({"predicted": key, "within": WITHIN, "cuts": near, "of": len(found)}))


def _grid_summary() -> None:
    """Prints the test accuracy of what is planned, and of the point that is best on validation."""
    differences = []
    for name in GRID_CUTS:
        scores: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for each in pieces(RESULTS, "grid"):
            if each["data"] == name:
                scores[each["point"]].append(each)
        others = {point: found for point, found in scores.items() if point != PLANNED and len(found) == len(SEEDS)}
        if len(scores[PLANNED]) < len(SEEDS) or len(others) < len(GRID):
            continue
        best = max(others, key=lambda point: mean(each["validation"] for each in others[point]))
        planned, highest = (mean(each["test"] for each in found) for found in (scores[PLANNED], others[best]))
        differences.append(planned - highest)
        told = {"data": name, "planned": round(planned, 4), "best_of_grid": round(highest, 4), "point": best}
        print(json.dumps({**told, "points": len(others), "difference": round(differences[-1], 4)}))
    if differences:
        print(json.dumps({"cuts": len(differences), "mean_difference": round(mean(differences), 4)}))


def _cut(
    folder: Path, rows: int, *, validation: int = VALIDATION_ROWS, uneven: bool = False
) -> tuple[list[Row], list[Row]]:
    """Takes rows out of the training rows, every label as often as it comes, and others to validate by."""
    with open(folder / "train.csv", encoding="utf-8", newline="") as file:
        every = list(csv.DictReader(file))
    random.Random(0).shuffle(every)
    if uneven:
        return _uneven(every, rows), every[-validation:]
    # Dealt like this, every label keeps its share, and a rare one at least a row.
    ordered = sorted(range(len(every)), key=lambda place: every[place].get("label") or every[place]["labels"])
    chosen = {ordered[int(number * len(ordered) / rows)] for number in range(min(rows, len(ordered)))}
    rest = [row for place, row in enumerate(every) if place not in chosen]
    return [every[place] for place in sorted(chosen)], rest[:validation]


def _uneven(every: list[Row], rows: int) -> list[Row]:
    labels = sorted({row["label"] for row in every})
    counts = [max(2, round(count * rows / sum(UNEVEN))) for count in UNEVEN]
    before = every[:-VALIDATION_ROWS]
    taken = [
        [row for row in before if row["label"] == label][:count] for label, count in zip(labels, counts, strict=True)
    ]
    return [row for some in taken for row in some]


def _written(path: Path, rows: list[Row]) -> str:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def _model(asked: argparse.Namespace) -> dict[str, str]:
    return {} if asked.model is None else {"model.name": asked.model}


def _words(keys: dict[str, Any]) -> list[str]:
    return [f"{key}={value}" for key, value in keys.items()]


if __name__ == "__main__":
    main()
