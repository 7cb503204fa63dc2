"""Early exits beside the whole network: texts per second through the SavedModel, strings in, and accuracy.

python benchmarks/exits.py measure --data DIR --sets trec6 sst2_sentences banking77 --runs FOLDER
python benchmarks/exits.py table

Trains a network, whose exits are fitted afterwards, and exports it. A curve is measured by planning the exits again for
other bounds on lost accuracy; at the bound 0 nobody leaves, which is the network without them. All SavedModels answer
the same texts in turn, several rounds; a ratio is one within a round.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from asking import ROWS, Ask, asking, exported, one_round, read_rows
from measured import is_kept, keep, pieces

RESULTS = Path(__file__).parent / "results" / "exits.jsonl"
BOUNDS = (0.0, 0.002, 0.005, 0.01, 0.02, 0.05)
ROUNDS = 5
SPLITS = ("train", "validation", "test")
PLAIN, PLANNED = "plain", "planned"
MODEL = "minilm"


def main() -> None:
    """Runs what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("measure", "table"))
    parser.add_argument("--data", type=Path, help="folder with one sub-folder per data set")
    parser.add_argument("--sets", nargs="+", default=["trec6", "sst2_sentences", "banking77"])
    parser.add_argument("--runs", type=Path, help="folder for runs and exports; those that are there are taken")
    parser.add_argument("--exits", type=json.loads, default=[2, 3, 4], help="layers, such as [1,2,3]")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--batch", type=int, default=ROWS, help="texts that are asked together")
    parser.add_argument("--set", nargs="*", default=[], dest="more", help="further settings of the training")
    asked = parser.parse_args()
    if asked.what == "table":
        table()
        return
    if asked.data is None or asked.runs is None:
        parser.error("measure needs --data and --runs")
    for name in asked.sets:
        measure(name, asked)


def measure(name: str, asked: argparse.Namespace) -> None:
    """Trains and exports what is not there yet, and lets all SavedModels answer the test texts in turn."""
    piece = {"piece": "exits", "data": name, "exits": asked.exits, "rows": asked.batch, "settings": asked.more}
    if is_kept(RESULTS, piece):
        return
    rows = read_rows(asked.data / name / "test.csv")
    with tempfile.TemporaryDirectory() as folder:
        sides, plans = _sides(name, asked, Path(folder))
        answers = {side: ask([text for text, _ in rows]) for side, ask in sides.items()}
        speeds = [one_round(sides, [text for text, _ in rows], turn) for turn in range(asked.rounds)]
    right = {
        side: np.array([a[0] == row[1] for a, row in zip(made, rows, strict=True)]) for side, made in answers.items()
    }
    figures = {
        side: {
            "plan": plans.get(side),
            "accuracy": round(float(right[side].mean()), 4),
            "more_accurate_than_plain": _rounded(_difference(right[side], right[PLAIN])),
            "routes": dict(Counter(route for _, route in answers[side]).most_common()),
            "texts_per_second": round(median(each[side] for each in speeds), 1),
            "times_plain": [round(each[side] / each[PLAIN], 3) for each in speeds],
        }
        for side in sides
    }
    keep(RESULTS, {**piece, "test_rows": len(rows), "sides": figures})


def _sides(name: str, asked: argparse.Namespace, folder: Path) -> tuple[dict[str, Ask], dict[str, Any]]:
    """Returns what answers: the export of the run, and its network with exits planned for each bound."""
    run = _run(name, asked)
    sides, plans = {PLANNED: asking(exported(run), asked.batch)}, {}
    for side, (save, plan) in _bounds(run, folder):
        plans[side] = plan
        sides[side] = asking(save, asked.batch)
    return sides, plans


def _run(name: str, asked: argparse.Namespace) -> Path:
    from tfclassify.settings import Settings, read
    from tfclassify.train import train

    folder = asked.runs / name
    if not (folder / "report.json").is_file():
        data = {f"data.{split}": str(asked.data / name / f"{split}.csv") for split in SPLITS}
        there = {key: path for key, path in data.items() if Path(path).is_file()}
        # A baseline beside the network would answer, too.
        alone = {"model.name": MODEL, "model.exits": asked.exits, "answer.stack": "none", "run": str(folder)}
        words = [f"{key}={json.dumps(value)}" for key, value in {**there, **alone}.items()]
        train(read([*words, *asked.more], Settings))
    return folder


def _bounds(run: Path, folder: Path) -> Iterator[tuple[str, tuple[Path, Any]]]:
    """Plans the exits of a run for each bound, and saves the graph; with the bound 0 nobody leaves."""
    from tfclassify.data.rows import rows_of
    from tfclassify.display import SILENT
    from tfclassify.learning.exits import early_exits
    from tfclassify.learning.prediction import covering
    from tfclassify.learning.trained import open_trained, predict_split
    from tfclassify.model.classifier import build
    from tfclassify.model.exits import Scale
    from tfclassify.model.weights import find
    from tfclassify.plan import prepare
    from tfclassify.runs import cache_folder, open_run
    from tfclassify.servable.graph import save
    from tfclassify.servable.lowering import lower
    from tfclassify.settings import Settings, read

    settings = read([str(run / "plan.yaml")], Settings)
    split = prepare(settings, display=SILENT).corpus.splits["validation"]
    opened = open_run(str(run))
    trained = replace(open_trained(opened, precision="float32"), early=None)
    found = find(str(opened.huggingface), cache=cache_folder())
    labels = trained.labels
    model = build(
        found,
        labels=labels.names,
        multilabel=labels.multilabel,
        dropout=0.0,
        weights=opened.weights,
        exits=settings.model.exits,
    )
    whole = predict_split(trained, split)
    scale = Scale(labels.multilabel, trained.temperature, trained.scope_threshold)
    buckets = covering(settings.train.buckets, trained.limits.max_length)
    for bound in BOUNDS:
        answer = settings.answer.model_copy(update={"exit_loss": bound})
        early = early_exits(model, rows_of(split, trained.limits), buckets, whole, scale, answer)
        place = folder / f"{run.name}-{bound}" / "1"
        save(replace(trained, early=early), place, pairs=False)
        lower(place)
        yield PLAIN if bound == 0 else f"bound {bound}", (place, None if early is None else asdict(early.plan))


def _difference(right: np.ndarray, other: np.ndarray) -> tuple[float, float, float]:
    from tfclassify.quality.intervals import paired_difference

    return paired_difference(right, other)


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 4) for value in values]


def table() -> None:
    """Prints what has been measured: medians over the rounds."""
    print(
        "| data set | batch | exits planned for | texts a second | times plain | accuracy | than plain | layers run"
        " | routes |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for piece in pieces(RESULTS):
        for side, found in piece["sides"].items():
            difference, low, high = found["more_accurate_than_plain"]
            run = "" if found["plan"] is None else f"{found['plan']['layers_run']:.2f}"
            routes = ", ".join(f"{route} {number}" for route, number in found["routes"].items())
            cells = [
                piece["data"],
                str(piece["rows"]),
                side,
                f"{found['texts_per_second']:.0f}",
                f"{median(found['times_plain']):.2f}x",
                f"{found['accuracy']:.4f}",
                f"{difference:+.4f} [{low:+.4f}, {high:+.4f}]",
                run,
                routes,
            ]
            print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
