"""What the peers' training scripts share: the rows of a CSV file with texts and labels."""

from __future__ import annotations

import csv
from pathlib import Path

# Text and label of each row.
Rows = list[tuple[str, str]]


def read_rows(path: Path) -> Rows:
    """Reads the columns ``text`` and ``label``."""
    with open(path, encoding="utf-8", newline="") as file:
        return [(row["text"], row["label"]) for row in csv.DictReader(file)]
