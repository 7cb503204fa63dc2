"""SavedModels asked beside one another: strings in, in batches of like length, in turn, for several rounds."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

ROWS, WARM_UP = 32, 3

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


def one_round(sides: dict[str, Ask], texts: Sequence[str], turn: int) -> dict[str, float]:
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
