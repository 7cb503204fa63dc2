"""Padding of the planned batches of each data set by the number of shapes, beside the least that so many could have.

python benchmarks/padding.py --data DIR [--sets NAME ...] [--shapes 4 8 12 16 20 32] [--model minilm]

What is planned is dealt as a training deals it, left-over rows counted in. The least is that of batches without any
left over, each row in the best of so many lengths, which no dealing can go below.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

SHAPES = (4, 8, 12, 16, 20, 32)
# What a data set has to be told.
TOLD = {"clinc150": {"data.out_of_scope_label": "oos"}}


def main() -> None:
    """Prints a line of JSON for each data set and number of shapes, and a table of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with one sub-folder per data set")
    parser.add_argument("--sets", nargs="+", help="by default all with training rows")
    parser.add_argument("--shapes", type=int, nargs="+", default=list(SHAPES), help="at most so many")
    parser.add_argument("--model", default="minilm", help="whose word pieces")
    parser.add_argument("--rows", type=int, help="rows read, at most")
    asked = parser.parse_args()
    sets = asked.sets or sorted(path.parent.name for path in asked.data.glob("*/train.csv"))
    found = {name: list(_of_one(asked, name)) for name in sets}
    print(f"\n| data set | rows | mean tokens | {' | '.join(f'{most} shapes' for most in asked.shapes)} |")
    print("|---|---|---|" + "---|" * len(asked.shapes))
    for name, lines in found.items():
        cells = [f"{line['padding']:.2%} ({line['points_above_least']:+.2f})" for line in lines]
        print(f"| {name} | {lines[0]['rows']} | {lines[0]['mean_tokens']} | {' | '.join(cells)} |")


def _of_one(asked: argparse.Namespace, name: str) -> Iterator[dict[str, Any]]:
    from tfclassify.data.batches import epoch_batches, padding_share
    from tfclassify.learning.learnt_rows import training_rows
    from tfclassify.learning.trained import limits_of

    for most in asked.shapes:
        made = prepared(asked.data / name, {"model.name": asked.model, "train.max_shapes": most}, rows=asked.rows)
        settings = made.plan.settings
        rows = training_rows(made.corpus, limits_of(made.pieces, settings.text), settings)
        batches = epoch_batches(rows.lengths, settings.train.buckets, seed=settings.seed, epoch=0, shuffle=True)
        share, least = padding_share(rows.lengths, batches), least_share(rows.lengths, most)
        line = {
            "data": name,
            "rows": len(rows),
            "mean_tokens": round(float(rows.lengths.mean()), 1),
            "shapes_at_most": most,
            "shapes": len(settings.train.buckets),
            "batch_size": settings.train.batch_size,
            "padding": round(share, 5),
            "least": round(least, 5),
            "points_above_least": round(100 * (share - least), 3),
        }
        print(json.dumps(line), flush=True)
        yield line


def prepared(folder: Path, keys: dict[str, Any], *, rows: int | None = None) -> Any:
    """Plans the training of a data set with some keys told."""
    from tfclassify.display import SILENT
    from tfclassify.plan import prepare
    from tfclassify.settings import Settings, parse

    files = {f"data.{split}": folder / f"{split}.csv" for split in ("train", "validation", "test")}
    there = {key: str(file) for key, file in files.items() if file.is_file()}
    few = {} if rows is None else {"data.max_rows": rows}
    return prepare(parse({**there, **TOLD.get(folder.name, {}), **few, **keys}, Settings), display=SILENT)


def least_share(lengths: Iterable[int], most: int) -> float:
    """Returns the padding share of rows each in the shortest of the best lengths, so many at most, that holds it."""
    from tfclassify.planning.buckets import choose_lengths

    found = np.asarray(lengths)
    ends = np.array(choose_lengths(np.bincount(found).tolist(), max_shapes=most))
    shown = ends[np.searchsorted(ends, found)].sum(dtype=np.int64)
    return 1.0 - float(found.sum(dtype=np.int64)) / float(shown)


if __name__ == "__main__":
    main()
