"""Early exits, the whole network, a baseline and a tiny network: texts per second through SavedModels, and accuracy.

python benchmarks/exits.py measure --data DIR --sets trec6 sst2_sentences banking77 --runs FOLDER
python benchmarks/exits.py table

Trains a network, whose exits are fitted afterwards, and exports it. A curve is measured by settling what stands beside
the network again for other bounds on lost accuracy; at the bound 0 it is the network without exits.
All SavedModels answer the same texts in turn, several rounds; a ratio is one within a round.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from asking import (
    ALONE,
    PLAIN,
    ROWS,
    TINY,
    Ask,
    asking,
    baseline_alone,
    cells_of,
    compared,
    exported,
    opened,
    read_rows,
    routes_told,
    saved,
    tiny,
    trained_once,
)
from measured import is_kept, keep, pieces

RESULTS = Path(__file__).parent / "results" / "exits.jsonl"
BOUNDS = (0.0, 0.002, 0.005, 0.01, 0.015, 0.02, 0.05)
ROUNDS = 5
PLANNED = "planned"
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
        found = compared(sides, rows, rounds=asked.rounds)
    figures = {side: {"plan": plans.get(side), **each} for side, each in found.items()}
    keep(RESULTS, {**piece, "test_rows": len(rows), "sides": figures})


def _sides(name: str, asked: argparse.Namespace, folder: Path) -> tuple[dict[str, Ask], dict[str, Any]]:
    """Returns what answers: the export of the run, its network with exits planned for each bound, and two others."""
    run = _run(name, asked)
    sides, plans = {PLANNED: asking(exported(run), asked.batch)}, {}
    for side, (trained, plan) in _bounds(run):
        plans[side] = plan
        sides[side] = asking(saved(trained, folder / side.replace(" ", "-")), asked.batch)
    small = tiny(asked.runs, asked.data / name, asked.more)
    sides[TINY] = asking(saved(small, folder / TINY), asked.batch)
    return sides, plans


def _run(name: str, asked: argparse.Namespace) -> Path:
    # A baseline that answers by itself would be a cascade.
    keys = {"model.name": MODEL, "model.exits": asked.exits, "answer.cascade": "none"}
    return trained_once(asked.runs / name, asked.data / name, keys, asked.more)


def _bounds(run: Path) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Plans the exits of a run for each bound; with the bound 0 there are none. The last is the baseline alone."""
    from tfclassify.display import SILENT
    from tfclassify.learning.routing import baseline_logits
    from tfclassify.learning.score_calibration import calibrated
    from tfclassify.learning.settling import fit_on, settle_exits, settle_stack, without_idle_baseline
    from tfclassify.learning.trained import predict_split
    from tfclassify.learning.views import views_of_split
    from tfclassify.model.classifier import build
    from tfclassify.model.weights import find
    from tfclassify.plan import prepare
    from tfclassify.runs import cache_folder, open_run
    from tfclassify.settings import Settings, changed, read

    settings = read([str(run / "plan.yaml")], Settings)
    corpus = prepare(settings, display=SILENT).corpus
    files, trained = open_run(str(run)), replace(opened(run), early=None, baseline=None)
    found = find(str(files.huggingface), cache=cache_folder())
    labels = trained.labels
    model = build(
        found,
        labels=labels.names,
        multilabel=labels.multilabel,
        dropout=0.0,
        weights=files.weights,
        exits=settings.model.exits,
    )
    validation, ngrams = corpus.splits["validation"], fit_on(trained, corpus.splits["train"])
    said, alone = (
        baseline_logits(ngrams, views_of_split(validation, trained.pieces)),
        predict_split(trained, validation),
    )
    for bound in BOUNDS:
        asks = replace(trained, settings=changed(settings, {"answer.exit_loss": bound}))
        made, both = settle_stack(calibrated(asks, alone), alone, said, ngrams)
        if bound > 0:
            made = settle_exits(made, model, validation, both, said)
        made = without_idle_baseline(made)
        early = made.trained.early
        yield PLAIN if bound == 0 else f"bound {bound}", (made.trained, None if early is None else asdict(early.plan))
    yield ALONE, (baseline_alone(trained, ngrams), None)


def table() -> None:
    """Prints what has been measured: medians over the rounds."""
    print(
        "| data set | batch | exits planned for | texts a second | times plain | accuracy | than plain | layers run"
        " | routes |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for piece in pieces(RESULTS):
        for side, found in piece["sides"].items():
            run = "" if found["plan"] is None else f"{found['plan']['layers_run']:.2f}"
            cells = [*cells_of(piece, side), run, routes_told(found)]
            print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
