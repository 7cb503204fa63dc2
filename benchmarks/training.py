"""Training beside its peers: speed as ratios within rounds, and test accuracy of planned runs and of the configs.

python benchmarks/training.py speed --data DIR --peers peers/bin/python --keras peers-keras/bin/python
python benchmarks/training.py accuracy --data DIR
python benchmarks/training.py configs
python benchmarks/training.py table
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean, median
from typing import Any

from measured import is_kept, keep, pieces
from trainers import KERASHUB, OURS, RECIPE, RECIPE_LENGTH, RECIPE_STEPS, Job, Trainer, splits, train_by_verb, trainers

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "training.jsonl"

# Learning rate, rounds and longest text of the comparison of speed: the same weights, rate and texts on all sides, one
# epoch, each side in the batch size that it is fastest with.
SPEED = {
    "trec6": (1e-4, 2, 128),
    "sst2_sentences": (1e-4, 2, 128),
    "banking77": (1e-4, 2, 128),
    "imdb_small": (1e-4, 2, 256),
}
BATCHES, TRIED_STEPS = (16, 32, 64), 60
# Of the others the batch size is part of what they are.
FREE = (OURS, "pytorch fp32", "pytorch bf16", KERASHUB)
ACCURACY: dict[str, dict[str, Any]] = {
    "trec6": {"seeds": (0, 1, 2)},
    "sst2_sentences": {"seeds": (0,)},
    "banking77": {"seeds": (0,)},
    "clinc150": {"seeds": (0,), "data.out_of_scope_label": "oos"},
    "ag_news_subset": {"seeds": (0,)},
    "goemotions": {"seeds": (0,)},
    "sms_spam": {"seeds": (0,)},
    "financial_phrasebank": {"seeds": (0,)},
    "mrpc": {"seeds": (0,)},
    "imdb_small": {"seeds": (0,)},
    "movie_reviews_long": {"seeds": (0,)},
    "chnsenticorp": {"seeds": (0,)},
}
CONFIGS = {"support": (0, 1, 2)}


def main() -> None:
    """Runs what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "accuracy", "configs", "table"))
    parser.add_argument("--data", type=Path, help="folder with one sub-folder per data set")
    parser.add_argument("--peers", help="the Python of an environment with PyTorch")
    parser.add_argument("--keras", help="the Python of an environment with KerasHub")
    parser.add_argument("--sides", nargs="+", help="trainers, by default all that there are environments for")
    parser.add_argument("--rows", type=int, help="rows of a split, at most: for a look at whether all works")
    parser.add_argument("--only", nargs="*", help="data sets, by default all")
    asked = parser.parse_args()
    {"speed": speed, "accuracy": accuracy, "configs": configs, "table": table}[asked.what](asked)


def speed(asked: argparse.Namespace) -> None:
    """Trains one epoch with each side in turn, several rounds."""
    sides = trainers(peers=asked.peers, keras=asked.keras)
    chosen = {name: side for name, side in sides.items() if not asked.sides or name in asked.sides}
    for name, (rate, rounds, length) in SPEED.items():
        if asked.only and name not in asked.only:
            continue
        with tempfile.TemporaryDirectory() as folder:
            data = _at_most(asked.rows, asked.data / name, Path(folder))
            for number in range(rounds):
                _race(chosen, Job(data, rate, length, BATCHES[0]), name, number, asked.rows)


def _race(sides: dict[str, Trainer], job: Job, name: str, number: int, rows: int | None) -> None:
    # The recipe has one length.
    running = {side: train for side, train in sides.items() if side != RECIPE or job.length == RECIPE_LENGTH}
    piece = {"piece": "speed", "data": name, "round": number, "length": job.length, "rows": rows}
    piece["sides"] = list(running)
    if is_kept(RESULTS, piece):
        return
    found = {}
    for side, train in running.items():
        own = replace(job, batch=_batch(side, train, job, name, rows) if side in FREE else job.batch)
        # So slow a side needs its accuracy once.
        found[side] = train(replace(own, steps=RECIPE_STEPS) if side == KERASHUB and number else own)
        found[side]["batch"] = own.batch if side in FREE else None
    speeds = {side: round(printed["examples_per_second"], 1) for side, printed in found.items()}
    ratios = {f"against {side}": round(speeds[OURS] / each, 3) for side, each in speeds.items() if OURS in speeds}
    ratios.pop(f"against {OURS}", None)
    keep(RESULTS, {**piece, "examples_per_second": speeds, **ratios, "printed": found})


def _batch(side: str, train: Trainer, job: Job, name: str, rows: int | None) -> int:
    """Returns the batch size that a side is fastest with, by the steps that it is tried for, once for all rounds."""
    piece = {"piece": "batch", "data": name, "side": side, "length": job.length, "rows": rows}
    kept = [each for each in pieces(RESULTS, "batch") if piece == {key: each.get(key) for key in piece}]
    if not kept:
        tried = {
            str(batch): round(train(replace(job, batch=batch, steps=TRIED_STEPS))["examples_per_second"], 1)
            for batch in BATCHES
        }
        keep(RESULTS, {**piece, "tried": tried})
        kept = [{"tried": tried}]
    tried = kept[-1]["tried"]
    return int(max(tried, key=lambda batch: tried[batch]))


def _at_most(rows: int | None, data: Path, folder: Path) -> Path:
    """Returns the folder of a data set, or one with fewer rows of it."""
    if rows is None:
        return data
    for file in data.glob("*.csv"):
        with open(file, encoding="utf-8", newline="") as opened:
            head, *found = csv.reader(opened)
        with open(folder / file.name, "w", encoding="utf-8", newline="") as opened:
            csv.writer(opened).writerows([head, *found[:rows]])
    return folder


def accuracy(asked: argparse.Namespace) -> None:
    """Trains with every key planned, to the end."""
    for name, options in ACCURACY.items():
        if asked.only and name not in asked.only:
            continue
        for seed in options["seeds"]:
            piece = {"piece": "accuracy", "data": name, "seed": seed}
            if is_kept(RESULTS, piece):
                continue
            keys = {"seed": seed, **{key: value for key, value in options.items() if key != "seeds"}}
            keep(RESULTS, {**piece, **_figures(train_by_verb(splits(asked.data / name), keys))})


def configs(asked: argparse.Namespace) -> None:
    """Trains what is ready in configs/, on the embedded samples."""
    for name, seeds in CONFIGS.items():
        if asked.only and name not in asked.only:
            continue
        for seed in seeds:
            piece = {"piece": "config", "data": name, "seed": seed}
            if not is_kept(RESULTS, piece):
                file = HERE.parent / "configs" / f"{name}.yaml"
                keep(RESULTS, {**piece, **_figures(train_by_verb([str(file)], {"seed": seed}))})


def table(asked: argparse.Namespace) -> None:
    """Prints what has been measured: medians of the ratios, means over the seeds."""
    _speed_table()
    print(
        "\n| data set | test accuracy | micro-F1 | baseline | above it, of seed 0 | seeds | epochs | minutes |"
        "\n|---|---|---|---|---|---|---|---|"
    )
    for name in (*ACCURACY, *CONFIGS):
        mine = [
            piece for piece in pieces(RESULTS) if piece["piece"] in ("accuracy", "config") and piece["data"] == name
        ]
        if mine:
            keys = ("accuracy", "micro_f1", "baseline_accuracy")
            cells = [f"{mean(piece[key] for piece in mine):.4f}" for key in keys]
            minutes = f"{mean(piece['seconds'] for piece in mine) / 60:.1f}"
            above = "{:+.4f} [{:+.4f}, {:+.4f}]".format(*mine[0]["difference"])
            print(f"| {name} | " + " | ".join([*cells, above, str(len(mine)), str(mine[0]["epochs"]), minutes]) + " |")


def _speed_table() -> None:
    """Prints how many times as fast as each peer ours was, with the test accuracy of ours and of the peer."""
    peers = ("recipe", "pytorch fp32", "pytorch bf16", "kerashub", "setfit")
    print(f"| data set | {' | '.join(f'against {peer}' for peer in peers)} |\n|---|{'---|' * len(peers)}")
    for name in SPEED:
        mine = [piece for piece in pieces(RESULTS, "speed") if piece["data"] == name]
        # Those from before the batch size was free only count where there are no others.
        mine = [piece for piece in mine if "length" in piece] or mine
        if mine:
            print(f"| {name} | {' | '.join(_against(mine, peer) for peer in peers)} |")


def _against(mine: Sequence[dict[str, Any]], peer: str) -> str:
    ratios = [piece[f"against {peer}"] for piece in mine if f"against {peer}" in piece]
    if not ratios:
        return ""
    accuracies = [_accuracy_of(mine, side) for side in (OURS, peer)]
    told = "" if None in accuracies else f" ({accuracies[0]:.4f}, {accuracies[1]:.4f})"
    return f"{median(ratios):.2f}x{told}"


def _accuracy_of(mine: Sequence[dict[str, Any]], side: str) -> float | None:
    printed = [piece["printed"][side] for piece in mine if side in piece.get("printed", {})]
    found = [each["test_accuracy"] for each in printed if each["test_accuracy"] is not None]
    return mean(found) if found else None


def _figures(shown: dict[str, Any]) -> dict[str, Any]:
    report = shown["report"]
    split = "test" if "test" in report["splits"] else "validation"
    figures, baseline = report["splits"][split], report["baseline"]
    return {
        "split": split,
        "rows": figures["rows"],
        "accuracy": round(figures["accuracy"], 4),
        "micro_f1": round(figures["micro_f1"], 4),
        "macro_f1": round(figures["macro_f1"], 4),
        "baseline_accuracy": round(baseline[split]["accuracy"], 4),
        "baseline_micro_f1": round(baseline[split]["micro_f1"], 4),
        "difference": [round(value, 4) for value in baseline["difference"]],
        "scope": figures.get("scope"),
        "epochs": len(shown["history"]),
        "seconds": round(json.loads(shown["history"][-1])["seconds"], 1),
        "plan": report["plan"],
        "rows_account": report["rows"],
    }


if __name__ == "__main__":
    main()
