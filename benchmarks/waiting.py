"""How much of a training's time its step waits for the next batch: the planned batches of a data set, stepped through.

python benchmarks/waiting.py --data DIR [--sets trec6 sst2_sentences] [--model minilm] [--steps 60]

Batches come from the pipeline of a training, as far ahead of the step as there, on the same cores. Apart from it, how
long a batch takes to be made when nothing else is done. A line of JSON is printed for each data set.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from itertools import islice
from pathlib import Path
from typing import Any

from padding import prepared

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
# The first steps are traced, and meanwhile the pipeline gets ahead as far as it goes.
WARM = 10
# As far ahead as a pipeline gets: so many more batches must be made while they are counted.
FEWEST_STEPS = 20


def main() -> None:
    """Measures each data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with one sub-folder per data set")
    parser.add_argument("--sets", nargs="+", default=["trec6", "sst2_sentences"])
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rows", type=int, help="rows read, at most")
    asked = parser.parse_args()
    if asked.steps < FEWEST_STEPS:
        parser.error(f"--steps is {asked.steps}; expected {FEWEST_STEPS} or more")
    for name in asked.sets:
        made = prepared(asked.data / name, {"model.name": asked.model}, rows=asked.rows)
        print(json.dumps({"data": name, "model": asked.model, **measured(made, asked.steps)}), flush=True)


def measured(made: Any, steps: int) -> dict[str, float]:
    """Returns the share of the time that was waited, and the milliseconds of a step and of a batch alone."""
    import tensorflow as tf

    from tfclassify.data.batches import training_batches
    from tfclassify.learning.learnt_rows import learnt_rows
    from tfclassify.learning.networks import compiled
    from tfclassify.learning.strategies import set_precision
    from tfclassify.learning.trained import limits_of

    settings = made.plan.settings
    set_precision(settings.train.precision)
    rows = learnt_rows(made.corpus, settings, limits_of(made.pieces, settings.text), None)
    model = compiled(made.found, made.corpus, settings, None, total_steps=WARM + steps, folding=None)
    step = model.make_train_function()
    waited, stepped = [], []
    batches = iter(training_batches(rows, settings.train.buckets, seed=settings.seed, epochs=1000))
    for _ in range(WARM + steps):
        begun = time.perf_counter()
        batch = next(batches)
        got = time.perf_counter()
        # Reading the loss waits for the step.
        float(step(iter(tf.data.Dataset.from_tensors(batch)))["loss"])
        waited.append(got - begun)
        stepped.append(time.perf_counter() - got)
    alone = _alone(training_batches(rows, settings.train.buckets, seed=settings.seed, epochs=1000), steps)
    waits, works = sum(waited[WARM:]), sum(stepped[WARM:])
    return {
        "steps": steps,
        "waiting_share": round(waits / (waits + works), 5),
        "step_ms": round(1000 * works / steps, 2),
        "batch_alone_ms": round(1000 * alone, 3),
    }


def _alone(batches: Any, steps: int) -> float:
    """Returns the seconds that a batch takes to be made, with nothing else to do."""
    made = iter(batches)
    for _ in islice(made, WARM):
        pass
    begun = time.perf_counter()
    for _ in islice(made, steps):
        pass
    return (time.perf_counter() - begun) / steps


if __name__ == "__main__":
    main()
