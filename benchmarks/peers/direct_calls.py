"""A SavedModel asked without a server: texts one at a time, or all of them in sorted batches of several sizes.

direct_calls.py VERSION_FOLDER TEXTS_JSON single|batches
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from tfclassify.serving.session import load_saved_model

SIZES = (8, 16, 32, 64, 128)
WARM_UP, ROUNDS = 20, 2


def main(folder: Path, texts: list[str], mode: str) -> None:
    """Prints one JSON line."""
    loaded = load_saved_model(folder, name="direct", version=1, timeout_seconds=600.0)

    def ask(some: list[str]) -> Any:
        return loaded.call("serving_default", {"text": np.array([text.encode() for text in some], dtype=object)})

    for text in texts[:WARM_UP]:
        ask([text])
    found = {"single": single, "batches": batches}[mode](ask, texts)
    sys.stdout.write(json.dumps(found) + "\n")


def single(ask: Callable[[list[str]], Any], texts: list[str]) -> dict[str, Any]:
    """Times every text on its own."""
    seconds = [timed(ask, [text]) for text in texts]
    return {"seconds": seconds, "median_seconds": median(seconds)}


def batches(ask: Callable[[list[str]], Any], texts: list[str]) -> dict[str, Any]:
    """Times all texts by rising length, in batches of each size; the best round of each."""
    ordered = sorted(texts, key=lambda text: len(text.encode()))
    speeds = {}
    for size in SIZES:
        cut = [ordered[at : at + size] for at in range(0, len(ordered), size)]
        speeds[size] = len(texts) / min(sum(timed(ask, batch) for batch in cut) for _ in range(ROUNDS))
    best = max(speeds, key=lambda size: speeds[size])
    return {"texts_per_second": speeds, "best_rows": best, "best": speeds[best]}


def timed(ask: Callable[[list[str]], Any], some: list[str]) -> float:
    """Returns the seconds of a call."""
    begun = time.perf_counter()
    ask(some)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")), sys.argv[3])
