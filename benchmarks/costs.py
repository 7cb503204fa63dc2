"""Times training steps by model, number format and shape, and fits the constants of ``tfclassify/planning/costs.py``.

    python benchmarks/costs.py measure      # one line per model and number format, appended to results/costs.jsonl
    python benchmarks/costs.py fit          # prints the constants, and how far each step is from what they predict

Only sizes matter here, so weights are random. Steps are those that ``train`` makes.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "costs.jsonl"
SHAPES = ((32, 8), (32, 16), (32, 32), (32, 64), (32, 128), (32, 256), (16, 512), (16, 16), (16, 64), (64, 32))
MODELS = ("bert-tiny", "bert-mini", "minilm", "bert-base")
WARM, TIMED = 1, 6
# Longer shapes of the large model take minutes and tell nothing new.
MOST_FLOPS = 3e11


def main() -> None:
    """Runs what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("measure", "fit", "one"))
    parser.add_argument("model", nargs="?")
    parser.add_argument("precision", nargs="?")
    asked = parser.parse_args()
    if asked.what == "one":
        print(json.dumps(one(asked.model, asked.precision)))
    elif asked.what == "measure":
        measure()
    else:
        fit()


def measure() -> None:
    """Measures each model and number format in a process of its own."""
    for model in MODELS:
        for precision in ("float32", "bfloat16"):
            if any(piece["model"] == model and piece["precision"] == precision for piece in _pieces()):
                continue
            words = [sys.executable, __file__, "one", model, precision]
            done = subprocess.run(words, capture_output=True, text=True, check=True)
            line = done.stdout.strip().splitlines()[-1]
            print(line, flush=True)
            RESULTS.parent.mkdir(exist_ok=True)
            with open(RESULTS, "a", encoding="utf-8") as file:
                file.write(line + "\n")


def one(name: str, precision: str) -> dict[str, Any]:
    """Times the steps of one model."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    from tfclassify.hardware import usable_cores
    from tfclassify.learning.objectives import cross_entropy
    from tfclassify.learning.optimizers import AdamW
    from tfclassify.learning.step import training_step
    from tfclassify.learning.strategies import set_precision
    from tfclassify.model.classifier import build
    from tfclassify.planning.costs import step_flops
    from tfclassify.planning.presets import PRESETS

    size = PRESETS[name].size
    set_precision(precision)
    with tempfile.TemporaryDirectory() as folder:
        model = build(_random(size, Path(folder)), labels=list("abcd"), multilabel=False, dropout=0.1)
    optimizer = AdamW(1e-5)
    model.compile(optimizer=optimizer, step=training_step([(1.0, cross_entropy)]))
    optimizer.build(model.trainable_variables)
    tokens = tf.TensorSpec([None, None], tf.int32)
    rows = tf.TensorSpec([None], tf.int32)
    names = ("input_ids", "attention_mask", "token_type_ids", "labels", "weights")
    signature = [dict(zip(names, (tokens, tokens, tokens, rows, tf.TensorSpec([None], tf.float32)), strict=True))]
    step = tf.function(model.train_step, input_signature=signature)
    shapes = [shape for shape in SHAPES if step_flops(size, *shape) <= MOST_FLOPS]
    seconds, speed = _seconds(step, {"x".join(map(str, shape)): _batch(shape, size.vocabulary) for shape in shapes})
    return {"model": name, "precision": precision, "cores": usable_cores(), "matmul": speed, "seconds": seconds}


def fit() -> None:
    """Fits seconds = products / (speed * speedup) + constant + values * a + parameters * b, by least relative error."""
    from scipy.optimize import nnls

    from tfclassify.planning.costs import activations, step_flops
    from tfclassify.planning.presets import PRESETS

    for precision in ("float32", "bfloat16"):
        rows, names = [], []
        for piece in _pieces():
            size = PRESETS[piece["model"]].size
            for shape, seconds in piece["seconds"].items() if piece["precision"] == precision else ():
                batch, length = map(int, shape.split("x"))
                terms = (
                    step_flops(size, batch, length) / piece["matmul"],
                    1.0,
                    activations(size, batch, length),
                    size.layer_parameters,
                )
                rows.append([term / seconds for term in terms])
                names.append((piece["model"], shape, seconds))
        found, _ = nnls(np.array(rows), np.ones(len(rows)))
        print(
            f"{precision}: speedup {1 / found[0]:.3f}, per step {found[1]:.4g} s, per value {found[2]:.4g} s, ", end=""
        )
        print(f"per parameter {found[3]:.4g} s")
        for (model, shape, seconds), row in zip(names, rows, strict=True):
            print(f"  {model:<10} {shape:>7}  {seconds * 1e3:8.1f} ms, predicted / measured {float(row @ found):.2f}")


def _seconds(step: Any, batches: dict[str, Any]) -> tuple[dict[str, float], float]:
    """Takes the shapes in turn, as a training does: the same shape again and again would find its memory warm.

    Returns the median of the seconds of each shape, and that of the machine's speed, measured in each round as well.
    """
    from tfclassify.hardware import measure_matmul

    taken: dict[str, list[float]] = {shape: [] for shape in batches}
    speeds = []
    for _ in range(WARM + TIMED):
        # Around the cache, which keeps what was measured first.
        speeds.append(measure_matmul.__wrapped__())
        for shape, batch in batches.items():
            begun = time.perf_counter()
            float(step(batch)["loss"])
            taken[shape].append(time.perf_counter() - begun)
    return {shape: statistics.median(times[WARM:]) for shape, times in taken.items()}, statistics.median(speeds)


def _batch(shape: tuple[int, int], vocabulary: int) -> dict[str, Any]:
    import tensorflow as tf

    random = np.random.default_rng(0)
    # Words come as often as in language, not evenly from the whole vocabulary.
    ids = np.minimum(random.zipf(1.3, shape), vocabulary - 1).astype(np.int32)
    return {
        "input_ids": tf.constant(ids),
        "attention_mask": tf.ones(shape, tf.int32),
        "token_type_ids": tf.zeros(shape, tf.int32),
        "labels": tf.zeros(shape[0], tf.int32),
        "weights": tf.ones(shape[0]),
    }


def _random(size: Any, folder: Path) -> Any:
    """Makes the files of a model of this size, without weights."""
    from tfclassify.model.weights import SIZE_KEYS, Found

    config = {"model_type": "bert", **{key: getattr(size, name) for name, key in SIZE_KEYS.items()}}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return Found("random", folder, "generated", None)


def _pieces() -> list[dict[str, Any]]:
    return [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()] if RESULTS.is_file() else []


if __name__ == "__main__":
    main()
