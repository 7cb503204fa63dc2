"""Prediction from a file beside its peers: a CSV of mixed texts in, labels out, all with the same network.

python benchmarks/prediction.py measure --data DIR --run runs/NAME --peers peers/bin/python
python benchmarks/prediction.py table

The texts are drawn from several data sets, short ones and long ones. Ours are the run itself and what `export` makes of
it, in float32 and in bfloat16; more runs of the same task (with early exits, a cascade) are further sides of ours. The
network of the first run is what peers load from its `huggingface` folder. Each side is a process of its own; they take
turns, and a ratio is one within a round. Loading, exporting and looking for a peer's best batch size are not timed;
reading the file, word pieces and writing the labels are.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random
from statistics import mean, median, quantiles
from typing import Any

from asking import exported
from measured import is_kept, keep, pieces, printed_by

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "prediction.jsonl"
ROWS, ROUNDS = 18_000, 3
SETS = (
    "trec6",
    "sst2_sentences",
    "banking77",
    "clinc150",
    "ag_news_subset",
    "financial_phrasebank",
    "sms_spam",
    "goemotions",
    "imdb_small",
)
SPLITS = ("train", "validation", "test")
# A run answers in the number format of its training.
BY_DEFAULT = "default"
PEERS = ("pipeline", "pytorch fp32", "pytorch bf16", "onnx fp32", "onnx int8")

Row = dict[str, str]
# A file of texts and one for the labels to what a side prints.
Side = Callable[[Path, Path], dict[str, Any]]


def main() -> None:
    """Runs what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("measure", "table"))
    parser.add_argument("--data", type=Path, help="folder with one sub-folder per data set")
    parser.add_argument("--run", type=Path, nargs="+", help="the first one's network is what peers load")
    parser.add_argument("--peers", help="the Python of an environment with PyTorch, transformers and ONNX Runtime")
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--own", help="data set that the run was trained on; by default what its plan says")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", nargs="+", help="sides by words in their names, by default all")
    asked = parser.parse_args()
    if asked.what == "table":
        table()
        return
    if asked.data is None or asked.run is None:
        parser.error("measure needs --data and --run")
    measure(asked)


def measure(asked: argparse.Namespace) -> None:
    """Lets all sides answer the same file in turn, several rounds."""
    own, max_length = _planned(asked.run[0])
    own = asked.own or own
    rows = mixed(asked.data, asked.sets, rows=asked.rows, own=own)
    facts = {"runs": [run.name for run in asked.run], "own": own, "rows": len(rows), "max_length": max_length}
    with tempfile.TemporaryDirectory() as folder:
        file = _written(Path(folder) / "texts.csv", rows)
        sides = _sides(asked, max_length, Path(folder))
        for number in range(asked.rounds):
            piece = {"piece": "prediction", **facts, "sets": asked.sets, "round": number, "sides": list(sides)}
            if not is_kept(RESULTS, piece):
                found = _round(sides, file, number)
                keep(RESULTS, {**piece, "words": described(rows), "figures": _judged(found, rows, own)})


def mixed(data: Path, sets: Sequence[str], *, rows: int, own: str | None) -> list[Row]:
    """Draws texts, as many of each data set as there are, of the run's own only such as it has not learnt.

    Returns:
        Rows with ``text``, ``label`` and ``set``, in an order that is always the same.
    """
    chance, drawn = Random(0), []
    pools = sorted((_pool(data / name, ("test",) if name == own else SPLITS) for name in sets), key=len)
    for place, pool in enumerate(pools):
        share = -(-(rows - len(drawn)) // (len(pools) - place))
        drawn += chance.sample(pool, min(len(pool), share))
    chance.shuffle(drawn)
    return drawn


def described(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Returns how many texts there are of each data set and in all, and the words of a text."""
    found = {}
    for name in ("all", *sorted({row["set"] for row in rows})):
        words = [len(row["text"].split()) for row in rows if name in ("all", row["set"])]
        cuts = quantiles(words, n=20) if len(words) > 1 else words * 19
        found[name] = {"rows": len(words), "mean": round(mean(words), 1), "median": cuts[9], "p95": round(cuts[18], 1)}
    return found


def table() -> None:
    """Prints what has been measured, for each set of runs and of sides: medians over the rounds."""
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for piece in pieces(RESULTS, "prediction"):
        name = f"{', '.join(piece['runs'])}: {piece['rows']} texts, cut at {piece['max_length']} tokens"
        groups.setdefault((f"{name}, labels of {piece['own']}", *piece["sides"]), []).append(piece)
    for (name, *_), mine in groups.items():
        ours = [side for side in mine[0]["sides"] if side not in PEERS]
        print(f"{name}; words: {json.dumps(mine[-1]['words']['all'])}\n")
        print("| side | texts a second | accuracy | same labels | " + " | ".join(f"{side} is" for side in ours) + " |")
        print("|---|---|---|---|" + "---|" * len(ours))
        for side in mine[0]["sides"]:
            print(f"| {' | '.join(_cells(mine, side, ours))} |")
        print()


def _cells(mine: Sequence[dict[str, Any]], side: str, ours: Sequence[str]) -> list[str]:
    figures = [piece["figures"] for piece in mine]
    speed = median(each[side]["texts_per_second"] for each in figures)
    accuracy, same = figures[-1][side]["accuracy"], figures[-1][side]["same_labels"]
    ratios = [
        median(each[own]["texts_per_second"] / each[side]["texts_per_second"] for each in figures) for own in ours
    ]
    told = "" if accuracy is None else f"{accuracy:.4f}"
    return [side, f"{speed:.1f}", told, f"{same:.4f}", *(f"{ratio:.2f}x" for ratio in ratios)]


def _pool(folder: Path, splits: Sequence[str]) -> list[Row]:
    csv.field_size_limit(1 << 24)
    found = []
    for file in (folder / f"{split}.csv" for split in splits):
        if file.is_file():
            with open(file, encoding="utf-8", newline="") as opened:
                read = [(row["text"], row.get("label") or row.get("labels") or "") for row in csv.DictReader(opened)]
            found += [{"text": text, "label": label, "set": folder.name} for text, label in read if text.strip()]
    return found


def _planned(run: Path) -> tuple[str | None, int]:
    """Returns the data set that a run was trained on, and after how many tokens it cuts."""
    from tfclassify.settings import Settings, read

    settings = read([str(run / "plan.yaml")], Settings)
    place = str(settings.data.train)
    return None if place.startswith("sample:") else Path(place).parent.name, settings.text.max_length


def _written(file: Path, rows: Sequence[Row]) -> Path:
    with open(file, "w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


def _sides(asked: argparse.Namespace, max_length: int, folder: Path) -> dict[str, Side]:
    """Returns the sides by name; the first one is what the labels of the others are compared with."""
    sides: dict[str, Side] = {}
    for run in asked.run:
        sides[f"{run.name}"] = partial(_ours, "run", run, BY_DEFAULT)
        for precision in _precisions():
            sides[f"{run.name} servable {precision}"] = partial(_ours, "servable", run, precision)
    if asked.peers:
        sides |= {name: partial(_peer, name, asked.peers, asked.run[0], max_length, folder) for name in PEERS}
    kept = {name: side for name, side in sides.items() if not asked.only or any(word in name for word in asked.only)}
    if not kept:
        sys.exit(f"--only {' '.join(asked.only)} leaves no side; there are {', '.join(sides)}")
    return kept


def _precisions() -> tuple[str, ...]:
    from tfclassify.hardware import multiplies_bfloat16

    return ("float32", "bfloat16") if multiplies_bfloat16() else ("float32",)


def _ours(kind: str, run: Path, precision: str, file: Path, output: Path) -> dict[str, Any]:
    place = exported(run) if kind == "servable" else run
    script = HERE / "peers" / "own_prediction.py"
    words = [sys.executable, str(script), kind, str(place), str(file), str(output), precision]
    return json.loads(printed_by(words))


def _peer(name: str, python: str, run: Path, max_length: int, folder: Path, file: Path, output: Path) -> dict[str, Any]:
    kind, _, mode = name.rpartition(" ")
    script = HERE / "peers" / ("onnx_prediction.py" if kind == "onnx" else "pytorch_prediction.py")
    words = [python, str(script), str(run / "huggingface"), str(file), str(output), str(max_length), mode]
    return json.loads(printed_by([*words, str(folder)] if kind == "onnx" else words))


def _round(sides: dict[str, Side], file: Path, turn: int) -> dict[str, dict[str, Any]]:
    """Asks each side; each round begins with another one."""
    names, found = list(sides), {}
    first = turn % len(names)
    for name in names[first:] + names[:first]:
        output = file.with_name("labels.csv")
        printed = sides[name](file, output)
        with open(output, encoding="utf-8", newline="") as opened:
            found[name] = {**printed, "labels": [row["label"] for row in csv.DictReader(opened)]}
        print(f"{name}: {printed['texts_per_second']:.1f} texts a second", file=sys.stderr, flush=True)
    return {name: found[name] for name in names}


def _judged(found: dict[str, dict[str, Any]], rows: Sequence[Row], own: str | None) -> dict[str, dict[str, Any]]:
    """Puts in the place of each side's labels how many are those of the first side, and are right."""
    first = next(iter(found.values()))["labels"]
    figures = {}
    for name, printed in found.items():
        labels = printed.pop("labels")
        same = [a == b for a, b in zip(labels, first, strict=True)]
        right = [label == row["label"] for label, row in zip(labels, rows, strict=True) if row["set"] == own]
        figures[name] = {
            **printed,
            "texts_per_second": round(printed["texts_per_second"], 1),
            "accuracy": round(mean(right), 4) if right else None,
            "judged_rows": len(right),
            "same_labels": round(mean(same), 4),
        }
    return figures


if __name__ == "__main__":
    main()
