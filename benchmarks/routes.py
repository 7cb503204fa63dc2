"""The cascade beside the whole network: texts per second through the SavedModel, strings in, and accuracy.

python benchmarks/routes.py measure --data DIR --sets sms_spam ag_news_subset --runs FOLDER
python benchmarks/routes.py table
python benchmarks/routes.py picture          # of this and of the early exits, one for each data set

Trains a network with the planned cascade, and a tiny one from random weights. From the former come SavedModels without
routes, with the cascade planned for several bounds on lost accuracy, and of the baseline alone. All answer the same
texts in turn, several rounds; a ratio is one within a round.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import escape
from math import log10
from pathlib import Path
from typing import Any

from asking import (
    ALONE,
    PLAIN,
    ROWS,
    TINY,
    asking,
    baseline_alone,
    cells_of,
    compared,
    opened,
    read_rows,
    routes_told,
    saved,
    tiny,
    trained_once,
)
from measured import is_kept, keep, pieces

HERE = Path(__file__).parent / "results"
RESULTS, EXITS = HERE / "routes.jsonl", HERE / "exits.jsonl"
BOUNDS = (0.0, 0.002, 0.005, 0.01, 0.02, 0.05)
ROUNDS = 5
PLANNED, STACKED = "planned", "stacked"
BOUND = "bound "

# Of a data set what was measured of each side; texts per second, and accuracy in percent.
Sides = dict[str, dict[str, Any]]
Point = tuple[float, float]


def main() -> None:
    """Runs what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("measure", "table", "picture"))
    parser.add_argument("--data", type=Path, help="folder with one sub-folder per data set")
    parser.add_argument("--sets", nargs="+", default=["sms_spam", "ag_news_subset"])
    parser.add_argument("--runs", type=Path, help="folder for runs; those that are there are taken")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--batch", type=int, default=ROWS, help="texts that are asked together")
    parser.add_argument("--rows", type=int, help="test rows, at most; by default all")
    parser.add_argument("--set", nargs="*", default=[], dest="more", help="further settings of the trainings")
    asked = parser.parse_args()
    if asked.what != "measure":
        {"table": table, "picture": pictures}[asked.what]()
        return
    if asked.data is None or asked.runs is None:
        parser.error("measure needs --data and --runs")
    for name in asked.sets:
        measure(name, asked)


def measure(name: str, asked: argparse.Namespace) -> None:
    """Trains and saves what is not there yet, and lets all SavedModels answer the test texts in turn."""
    piece = {"piece": "routes", "data": name, "rows": asked.batch, "settings": asked.more, "most_rows": asked.rows}
    if is_kept(RESULTS, piece):
        return
    rows = read_rows(asked.data / name / "test.csv")[: asked.rows]
    with tempfile.TemporaryDirectory() as folder:
        made = dict(_sides(name, asked, Path(folder)))
        sides = {side: asking(place, asked.batch) for side, (place, _) in made.items()}
        found = compared(sides, rows, rounds=asked.rounds)
    figures = {side: {"settled": made[side][1], **each} for side, each in found.items()}
    keep(RESULTS, {**piece, "test_rows": len(rows), "sides": figures})


def _sides(name: str, asked: argparse.Namespace, folder: Path) -> Iterator[tuple[str, tuple[Path, Any]]]:
    """Saves the graphs that are compared; each with what its validation rows settled."""
    from tfclassify.data.corpus import read_corpus
    from tfclassify.display import SILENT
    from tfclassify.learning.routing import baseline_logits
    from tfclassify.learning.score_calibration import calibrated
    from tfclassify.learning.settling import fit_on, settle_cascade, settle_stack, without_idle_baseline
    from tfclassify.learning.trained import predict_split
    from tfclassify.learning.views import views_of_split
    from tfclassify.runs import cache_folder
    from tfclassify.settings import changed

    settings = {"goal": "fast", "model.name": "minilm"}
    run = trained_once(asked.runs / f"{name}-{PLANNED}", asked.data / name, settings, asked.more)
    trained = opened(run)
    told = trained.settings
    corpus = read_corpus(told.data, trained.pieces, seed=told.seed, cache=cache_folder(), display=SILENT)
    alone = replace(trained, baseline=None, early=None, settings=changed(trained.settings, {"answer.rules": ()}))
    predictions = predict_split(alone, corpus.splits["validation"])
    alone = calibrated(alone, predictions)
    model = fit_on(alone, corpus.splits["train"])
    said = baseline_logits(model, views_of_split(corpus.splits["validation"], alone.pieces))

    def settled(**answer: Any) -> tuple[Any, Any]:
        asks = {
            "answer.stack": "none",
            "answer.cascade": "none",
            **{f"answer.{key}": each for key, each in answer.items()},
        }
        told = replace(alone, settings=changed(alone.settings, asks))
        made, both = settle_stack(told, predictions, said, model)
        if told.settings.answer.cascade != "none":
            made = settle_cascade(made, both, said)
        made = without_idle_baseline(made)
        return made.trained, made.numbers

    plain = settled()[0]
    sides = {
        PLAIN: (plain, None),
        PLANNED: (trained, json.loads((run / "settled.json").read_text(encoding="utf-8"))),
        STACKED: settled(stack="validation"),
        **{f"{BOUND}{bound}": settled(stack="validation", cascade=bound) for bound in BOUNDS},
        ALONE: (baseline_alone(plain, model), None),
        TINY: (tiny(asked.runs, asked.data / name, asked.more), None),
    }
    for side, (each, numbers) in sides.items():
        yield side, (saved(each, folder / side.replace(" ", "-")), numbers)


def table() -> None:
    """Prints what has been measured: medians over the rounds."""
    print("| data set | batch | side | texts a second | times plain | accuracy | than plain | routes |")
    print("|---|---|---|---|---|---|---|---|")
    for piece in pieces(RESULTS):
        for side, found in piece["sides"].items():
            cells = [*cells_of(piece, side), routes_told(found)]
            print(f"| {' | '.join(cells)} |")


WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 760, 440, 64, 40, 30, 56
COLOURS = {"cascade": "#1f6f8b", "early exits": "#b3541e"}


def pictures() -> None:
    """Draws accuracy against texts per second, for each data set and size of batches of which all has been measured."""
    cascades, exits = (
        {(each["data"], each["rows"]): each["sides"] for each in pieces(file)} for file in (RESULTS, EXITS)
    )
    for name, rows in {**cascades, **exits}:
        if TINY not in cascades.get((name, rows), exits.get((name, rows), {})):
            continue
        curves, points = _drawn(cascades.get((name, rows), {}), exits.get((name, rows), {}))
        file = HERE / (f"routes_{name}.svg" if rows == ROWS else f"routes_{name}_batches_of_{rows}.svg")
        file.write_text(_picture(f"{name}, batches of {rows}", curves, points), encoding="utf-8")
        print(file)


def _drawn(cascade: Sides, exits: Sides) -> tuple[dict[str, list[Point]], dict[str, Point]]:
    """Returns curves and single points; exits were measured on another day, which the plain network brings to this."""
    sides = cascade or exits
    scale = _speed(sides[PLAIN]) / _speed(exits[PLAIN]) if exits else 1.0
    curves = {"cascade": _curve(cascade, 1.0), "early exits": _curve(exits, scale)}
    points = {side: _point(sides[side], 1.0) for side in (PLAIN, STACKED, TINY, ALONE) if side in sides}
    return {label: curve for label, curve in curves.items() if curve}, points


def _curve(sides: Sides, scale: float) -> list[Point]:
    return sorted(_point(found, scale) for side, found in sides.items() if side.startswith(BOUND))


def _point(found: dict[str, Any], scale: float) -> Point:
    return _speed(found) * scale, 100 * found["accuracy"]


def _speed(found: dict[str, Any]) -> float:
    return float(found["texts_per_second"])


def _picture(name: str, curves: dict[str, list[Point]], points: dict[str, Point]) -> str:
    every = [*points.values(), *(point for curve in curves.values() for point in curve)]
    slow, fast = log10(min(x for x, _ in every)) - 0.1, log10(max(x for x, _ in every)) + 0.35
    low, high = min(y for _, y in every) - 0.5, max(y for _, y in every) + 0.5

    def place(point: Point) -> Point:
        x = LEFT + (WIDTH - LEFT - RIGHT) * (log10(point[0]) - slow) / (fast - slow)
        return round(x, 1), round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (point[1] - low) / (high - low), 1)

    drawn = [f'<text x="{LEFT}" y="22" font-size="15" font-weight="600">{escape(name)}</text>']
    drawn += _axes(place, (slow, fast), (low, high))
    for row, (label, curve) in enumerate(curves.items()):
        places, colour = [place(point) for point in curve], COLOURS[label]
        line = " ".join(f"{x},{y}" for x, y in places)
        drawn.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn += [f'<circle cx="{x}" cy="{y}" r="3.5" fill="{colour}"/>' for x, y in places]
        drawn.append(f'<text x="{WIDTH - RIGHT}" y="{22 + 17 * row}" fill="{colour}" text-anchor="end">{label}</text>')
    for label, point in points.items():
        x, y = place(point)
        drawn.append(f'<rect x="{x - 4}" y="{y - 4}" width="8" height="8" fill="#333"/>')
        drawn.append(f'<text x="{x + 9}" y="{y - 7}">{label}</text>')
    letters = 'font-family="sans-serif" font-size="13"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {letters}>'
    title = f"<title>Accuracy against texts per second on {escape(name)}</title>"
    return "\n".join([head, title, f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>', *drawn, "</svg>", ""])


def _axes(
    place: Callable[[tuple[float, float]], tuple[float, float]],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
) -> Iterator[str]:
    speeds = [digit * 10**power for power in range(6) for digit in (1, 2, 5)]
    for speed in (each for each in speeds if x_range[0] <= log10(each) <= x_range[1]):
        x, y = place((speed, y_range[0]))
        yield f'<line x1="{x}" y1="{TOP}" x2="{x}" y2="{y}" stroke="#ddd"/>'
        yield f'<text x="{x}" y="{y + 18}" text-anchor="middle">{speed:,}</text>'
    step = next(each for each in (0.5, 1, 2, 5, 10, 20) if (y_range[1] - y_range[0]) / each <= 8)
    for number in range(int(y_range[0] / step) + 1, int(y_range[1] / step) + 1):
        x, y = place((10 ** x_range[0], number * step))
        yield f'<line x1="{x}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}" stroke="#ddd"/>'
        yield f'<text x="{x - 8}" y="{y + 4}" text-anchor="end">{number * step:g}</text>'
    yield f'<text x="{WIDTH / 2}" y="{HEIGHT - 12}" text-anchor="middle">texts per second</text>'
    middle = HEIGHT / 2
    yield f'<text x="16" y="{middle}" text-anchor="middle" transform="rotate(-90 16 {middle})">accuracy, %</text>'


if __name__ == "__main__":
    main()
