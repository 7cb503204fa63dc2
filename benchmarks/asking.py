"""SavedModels asked beside one another: strings in, in batches of like length, in turn, for several rounds."""

from __future__ import annotations

import csv
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

ROWS, WARM_UP = 32, 3
SPLITS = ("train", "validation", "test")
# The side that others are compared with; and the two that any route has to be above, or faster than.
PLAIN, ALONE, TINY = "plain", "baseline alone", "tiny"

# Texts to their labels and routes.
Ask = Callable[[Sequence[str]], list[tuple[str, str]]]


def asking(version: Path, rows_of_batch: int = ROWS) -> Ask:
    """Loads a SavedModel as the server does; answers are labels and routes, asked for in batches of like length."""
    from tfclassify.serving.session import load_saved_model

    loaded = load_saved_model(version, name=version.parent.name, version=1, timeout_seconds=600.0)

    def ask(texts: Sequence[str]) -> list[tuple[str, str]]:
        order = sorted(range(len(texts)), key=lambda row: len(texts[row].encode()))
        made = [("", "")] * len(texts)
        for at in range(0, len(order), rows_of_batch):
            rows = order[at : at + rows_of_batch]
            found = loaded.call("serving_default", {"text": np.array([texts[row].encode() for row in rows], object)})
            for row, label, route in zip(rows, found["label"], found["route"], strict=True):
                made[row] = label.decode(), route.decode()
        return made

    return ask


def exported(run: Path) -> Path:
    """Returns the version that was exported beside a run, exported now where there is none."""
    from tfclassify.export import export

    servable = run.with_name(f"{run.name}-servable")
    return servable / "1" if (servable / "1").is_dir() else export({"run": str(run), "output": str(servable)}).folder


def one_round(sides: Mapping[str, Ask], texts: Sequence[str], turn: int) -> dict[str, float]:
    """Returns the texts per second of each side, asked in turn; each round begins with another one."""
    names = list(sides)
    speeds = {}
    for name in names[turn % len(names) :] + names[: turn % len(names)]:
        for _ in range(WARM_UP if turn == 0 else 1):
            sides[name](texts[: 4 * ROWS])
        begun = time.perf_counter()
        sides[name](texts)
        speeds[name] = len(texts) / (time.perf_counter() - begun)
    return speeds


def read_rows(file: Path) -> list[tuple[str, str]]:
    """Reads texts and labels; rows without a text are left out."""
    with open(file, encoding="utf-8", newline="") as opened:
        return [(row["text"], row["label"]) for row in csv.DictReader(opened) if row["text"].strip()]


def trained_once(run: Path, data: Path, settings: Mapping[str, Any], more: Sequence[str]) -> Path:
    """Returns a run on the splits of a folder, trained now where there is none."""
    from tfclassify.settings import Settings, read
    from tfclassify.train import train

    if not (run / "report.json").is_file():
        splits = {f"data.{split}": str(data / f"{split}.csv") for split in SPLITS}
        there = {key: path for key, path in splits.items() if Path(path).is_file()}
        words = [f"{key}={json.dumps(value)}" for key, value in {**there, **settings, "run": str(run)}.items()]
        train(read([*words, *more], Settings))
    return run


def opened(run: Path) -> Any:
    """Loads the classifier of a run, in float32."""
    from tfclassify.learning.trained import open_trained
    from tfclassify.runs import open_run

    return open_trained(open_run(str(run)), precision="float32")


def tiny(runs: Path, data: Path, more: Sequence[str]) -> Any:
    """Returns a tiny network alone, from random weights, trained now where there is none."""
    settings = {"model.name": "random-tiny", "answer.stack": "none", "answer.cascade": "none"}
    return opened(trained_once(runs / f"{data.name}-{TINY}", data, settings, more))


def baseline_alone(plain: Any, model: Any) -> Any:
    """Returns a classifier without routes as one whose in-graph baseline answers all texts."""
    from tfclassify.model.cascades import InGraphBaseline

    return replace(plain, baseline=InGraphBaseline(model, margin=0.0))


def saved(trained: Any, folder: Path) -> Path:
    """Writes the SavedModel of a classifier, and returns its version."""
    from tfclassify.servable.graph import save
    from tfclassify.servable.lowering import lower

    save(trained, folder / "1", pairs=False)
    lower(folder / "1")
    return folder / "1"


def compared(sides: Mapping[str, Ask], rows: Sequence[tuple[str, str]], *, rounds: int) -> dict[str, dict[str, Any]]:
    """Asks each side the same texts: its accuracy, its routes, its texts per second, and what that is to plain's."""
    texts = [text for text, _ in rows]
    answers = {side: ask(texts) for side, ask in sides.items()}
    speeds = [one_round(sides, texts, turn) for turn in range(rounds)]
    right = {
        side: np.array([label == row[1] for (label, _), row in zip(found, rows, strict=True)])
        for side, found in answers.items()
    }
    return {
        side: {
            "accuracy": round(float(right[side].mean()), 4),
            "more_accurate_than_plain": _difference(right[side], right[PLAIN]),
            "routes": dict(Counter(route for _, route in answers[side]).most_common()),
            "texts_per_second": round(median(each[side] for each in speeds), 1),
            "times_plain": [round(each[side] / each[PLAIN], 3) for each in speeds],
        }
        for side in sides
    }


def cells_of(piece: Mapping[str, Any], side: str) -> list[str]:
    """Returns what a table says of a side, but for its routes: medians over the rounds."""
    found = piece["sides"][side]
    difference, low, high = found["more_accurate_than_plain"]
    return [
        piece["data"],
        str(piece["rows"]),
        side,
        f"{found['texts_per_second']:.0f}",
        f"{median(found['times_plain']):.2f}x",
        f"{found['accuracy']:.4f}",
        f"{difference:+.4f} [{low:+.4f}, {high:+.4f}]",
    ]


def routes_told(found: Mapping[str, Any]) -> str:
    """Returns the routes of a side, those taken most first."""
    return ", ".join(f"{route} {number}" for route, number in found["routes"].items())


def _difference(right: np.ndarray, other: np.ndarray) -> list[float]:
    from tfclassify.quality.intervals import paired_difference

    return [round(value, 4) for value in paired_difference(right, other)]
