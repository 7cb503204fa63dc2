"""Data that a network of two layers learns in seconds, and the settings that make it do so."""

from __future__ import annotations

from pathlib import Path
from random import Random

TOY_SETTINGS = {"model.name": "random-tiny", "train.epochs": 6, "train.learning_rate": 3e-3, "train.batch_size": 8}


def toy_rows(split: str, rows: int) -> str:
    """Rows of two labels, told apart by a letter; of many lengths, each text once."""
    random = Random(split)
    lines = ["text,label"]
    for row in range(rows):
        label = ("bad", "good")[row % 2]
        letters = random.choices("abcd" if label == "bad" else "wxyz", k=random.randint(1, 12))
        lines.append(f"{' '.join(letters)} {row},{label}")
    return "\n".join(lines) + "\n"


def toy_words(folder: Path) -> dict[str, str]:
    """The settings that name the three splits."""
    return {f"data.{split}": str(folder / f"{split}.csv") for split in ("train", "validation", "test")}
