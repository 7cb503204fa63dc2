"""What trackers cost a training: seconds per step with them over seconds per step without, within rounds.

python benchmarks/tracking.py [--model NAME] [--steps 200] [--rounds 3]

W&B is offline, as where there is no network. Each training is a process of its own and makes the same steps; measured
is from one step's end to the next one's, so that what trackers do in between counts. Apart from that, what the
callback takes on the training's own thread.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from statistics import mean, median
from typing import Any

TRACKERS = {"none": [], "tensorboard": ["tensorboard"], "wandb": ["wandb"], "both": ["tensorboard", "wandb"]}
# The first steps are traced; and threads of trackers begin beside them.
LEFT_OUT = 20


def main() -> None:
    """Trains with each in turn, and prints what it found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=None, help="model.name; by default the planned one")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(train_one(asked)))
        return
    ratios: dict[str, list[float]] = {name: [] for name in TRACKERS}
    for number in range(asked.rounds):
        found = {name: in_a_process(asked, name) for name in TRACKERS}
        for name, (seconds, _) in found.items():
            ratios[name].append(seconds / found["none"][0])
        shown = (f"{name} {1000 * step:.2f} ({1000 * own:.3f} in the callback)" for name, (step, own) in found.items())
        print(f"round {number + 1}, ms per step: {'  '.join(shown)}", flush=True)
    for name, each in ratios.items():
        print(f"{name}: {median(each):.4f} of the time without ({min(each):.4f} to {max(each):.4f})")


def in_a_process(asked: argparse.Namespace, name: str) -> tuple[float, float]:
    """Returns the mean seconds per step, and those of them in the callback."""
    words = [sys.executable, __file__, "--one", name, "--steps", str(asked.steps)]
    words += ["--model", asked.model] if asked.model else []
    environment = {**os.environ, "WANDB_MODE": "offline", "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    step, own = json.loads(done.stdout.splitlines()[-1])
    return step, own


def train_one(asked: argparse.Namespace) -> tuple[float, float]:
    """Trains, and returns the mean time from one step's end to the next within an epoch, and that of the callback."""
    from tfclassify.display import Display
    from tfclassify.learning.tracking.watching import Watching
    from tfclassify.train import train

    taken, told = [], Watching.on_train_batch_end

    def timed(watching: Watching, batch: int, logs: Any = None) -> None:
        begun = time.perf_counter()
        told(watching, batch, logs)
        taken.append(time.perf_counter() - begun)

    # What trackers are fed by is what is timed; nothing else calls it.
    Watching.on_train_batch_end = timed  # type: ignore[method-assign]

    moments: list[float | None] = []
    display = Display(
        # Between epochs there is a validation.
        start=lambda title, total: moments.append(None),
        advance=lambda units, note: moments.append(time.perf_counter()) if note.startswith("loss") else None,
    )
    settings: dict[str, Any] = {"track": TRACKERS[asked.one], "train.steps": asked.steps, "train.early_stopping": 0}
    settings |= {"model.name": asked.model} if asked.model else {}
    with tempfile.TemporaryDirectory() as folder:
        train({**settings, "run": f"{folder}/run"}, display=display)
    gaps = [after - before for before, after in itertools.pairwise(moments) if before and after]
    return mean(gaps[LEFT_OUT:]), mean(taken[LEFT_OUT:] or [0.0])


if __name__ == "__main__":
    main()
