"""Training steps by the package's own pass beside those by the network's layers: one after the other, in one run.

    python benchmarks/passes.py --model minilm --shapes 32x16 32x32 16x128
    python benchmarks/passes.py --model bert-tiny --shapes 2x8 --steps 2          # a small one

A step is forwards, backwards and the optimizer's update of a batch that fills its shape. Beside the time on the clock
stands that of the processor, over all threads, which other programs disturb less.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from changes import step

WARM = 3


def main() -> None:
    """Measures each shape, and prints a line of JSON for it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--shapes", nargs="+", default=["32x16", "32x32", "16x128"], help="rows x length")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="bfloat16")
    asked = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from tfclassify.learning.strategies import set_precision

    set_precision(asked.precision)
    for shape in asked.shapes:
        rows, length = map(int, shape.split("x"))
        made = partial(step, asked.model, rows, length, own_adamw=True, precision=asked.precision)
        runs = {name: made(layers=name == "layers")[-1] for name in ("layers", "own")}
        print(json.dumps({"shape": shape, "precision": asked.precision, **compared(runs, asked.steps)}), flush=True)


def compared(runs: dict[str, Callable[[], object]], steps: int) -> dict[str, Any]:
    """Takes turns; returns medians in milliseconds, and how many times faster our own pass is."""
    for _ in range(WARM):
        for run in runs.values():
            run()
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for _ in range(steps):
        for name, run in runs.items():
            begun = used()
            run()
            clock, processor = used()
            spent[name].append((clock - begun[0], processor - begun[1]))
    found: dict[str, Any] = {}
    for place, kind in enumerate(("clock", "processor")):
        medians = {name: statistics.median(each[place] for each in times) for name, times in spent.items()}
        found |= {f"{name}_{kind}_ms": round(1000 * median, 1) for name, median in medians.items()}
        found[f"{kind}_ratio"] = round(medians["layers"] / medians["own"], 3)
    return found


def used() -> tuple[float, float]:
    """Returns the seconds of the clock, and those of all threads of this process."""
    so_far = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), so_far.ru_utime + so_far.ru_stime


if __name__ == "__main__":
    main()
