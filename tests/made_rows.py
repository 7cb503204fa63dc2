"""Rows that nothing is wrong with, and ways to spoil them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from random import Random

from tfclassify.checkup.data.material import Material
from tfclassify.checkup.data.reading import read_material
from tfclassify.display import SILENT
from tfclassify.settings import DataSettings

LABELS = ("billing", "delivery", "returns", "warranty")
ROWS = {"train": 800, "validation": 200, "test": 200}
SYLLABLES = [first + second for first, second in product("bdfgklmnprstvz", "aeiou")]

Row = tuple[str, str]


def words(random: Random, number: int) -> list[str]:
    """Makes so many different words."""
    made: dict[str, None] = {}
    while len(made) < number:
        made["".join(random.choices(SYLLABLES, k=random.choice((2, 3))))] = None
    return list(made)


def clean_rows(seed: int = 0) -> dict[str, list[Row]]:
    """Three splits of texts, each of words of its label's and of words of everybody's; in no order."""
    random = Random(seed)
    own = {label: words(random, 60) for label in LABELS}
    shared = words(random, 400)

    def text(label: str) -> str:
        chosen = [random.choice(own[label] if random.random() < 0.4 else shared) for _ in range(random.randint(8, 30))]
        return " ".join(chosen).capitalize() + "."

    made = {split: [(text(label), label) for label in random.choices(LABELS, k=rows)] for split, rows in ROWS.items()}
    assert len({text for rows in made.values() for text, _ in rows}) == sum(ROWS.values())
    return made


def write_rows(path: Path, rows: Iterable[Sequence[str]], names: Sequence[str] = ("text", "label")) -> str:
    """Writes a CSV file and returns its name."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows)
    return str(path)


def write_splits(folder: Path, splits: dict[str, list[Row]]) -> dict[str, str]:
    """Writes the splits and returns their settings."""
    return {f"data.{name}": write_rows(folder / f"{name}.csv", rows) for name, rows in splits.items()}


def material_of(folder: Path, splits: dict[str, list[Row]], *, rows: int = 50_000, **data: str) -> Material:
    """Writes the splits and reads them for a check-up, without a vocabulary."""
    places = {key.removeprefix("data."): place for key, place in write_splits(folder, splits).items()}
    return read_material(DataSettings(**places, **data), None, rows=rows, shown=3, seed=0, display=SILENT)
