"""Calibrates the cost model on this machine, and holds its predictions against training steps of whole networks.

    python benchmarks/costs.py calibrate    # prints what was measured, and how long that took
    python benchmarks/costs.py check        # one line per model and number format, appended to results/costs.jsonl

Only sizes matter here, so weights are random. Steps are those that ``train`` makes. Each model is measured in a process
of its own, right after the machine was calibrated.
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
ANSWERS = ((1, 16), (1, 64), (1, 256), (32, 16), (32, 64))
MODELS = ("bert-tiny", "bert-mini", "minilm", "bert-base")
FORMATS = ("float32", "bfloat16")
WARM, TIMED = 1, 6
# Longer shapes of the large model take minutes and tell nothing new.
MOST_FLOPS = 3e11


def main() -> None:
    """Runs what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("calibrate", "check", "one"))
    parser.add_argument("model", nargs="?")
    parser.add_argument("precision", nargs="?")
    asked = parser.parse_args()
    if asked.what == "one":
        print(json.dumps(one(asked.model, asked.precision)))
    else:
        {"calibrate": calibrate, "check": check}[asked.what]()


def calibrate() -> None:
    """Calibrates in both number formats, whatever is cached."""
    for precision in FORMATS:
        begun = time.perf_counter()
        found = _calibration(precision)
        print(json.dumps({**found, "with_start_seconds": round(time.perf_counter() - begun, 1)}), flush=True)


def check() -> None:
    """Measures each model and number format, and says how far the predictions are from it."""
    for precision in FORMATS:
        calibration = _calibration(precision)
        for model in MODELS:
            words = [sys.executable, __file__, "one", model, precision]
            done = subprocess.run(words, capture_output=True, text=True, check=True)
            measured = json.loads(done.stdout.strip().splitlines()[-1])
            line = {"model": model, "precision": precision, **_compared(model, measured, calibration)}
            print(json.dumps(line), flush=True)
            RESULTS.parent.mkdir(exist_ok=True)
            with open(RESULTS, "a", encoding="utf-8") as file:
                file.write(json.dumps({**line, "measured": measured, "calibration": calibration}) + "\n")


def _calibration(precision: str) -> dict[str, Any]:
    from tfclassify.display import SILENT
    from tfclassify.hardware import detect_cpu
    from tfclassify.learning.calibrations import calibration_for
    from tfclassify.planning.calibration import plain

    with tempfile.TemporaryDirectory() as cache:
        found = calibration_for(detect_cpu(), precision, cache=Path(cache), renew=True, display=SILENT)
    if found is None:
        raise SystemExit("there are accelerators here, which are not calibrated")
    return plain(found)


def _compared(model: str, measured: dict[str, dict[str, float]], values: dict[str, Any]) -> dict[str, Any]:
    """Returns predicted over measured for each shape of steps and answers."""
    from tfclassify.planning.calibration import calibration_of, seconds_of_step, seconds_to_answer
    from tfclassify.planning.presets import PRESETS

    calibration, size = calibration_of(values), PRESETS[model].size
    predict = {"steps": seconds_of_step, "answers": seconds_to_answer}
    return {
        kind: {
            shape: round(predict[kind](calibration, size, *map(int, shape.split("x"))) / seconds, 2)
            for shape, seconds in found.items()
        }
        for kind, found in measured.items()
    }


def one(name: str, precision: str) -> dict[str, dict[str, float]]:
    """Times the steps and the answers of one model."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    from tfclassify.learning.objectives import cross_entropy
    from tfclassify.learning.optimizers import AdamW
    from tfclassify.learning.prediction import forward
    from tfclassify.learning.step import training_step
    from tfclassify.learning.strategies import set_precision
    from tfclassify.model.classifier import build
    from tfclassify.planning.calibration import step_flops
    from tfclassify.planning.presets import PRESETS

    size = PRESETS[name].size
    with tempfile.TemporaryDirectory() as folder:
        model = build(_random(size, Path(folder)), labels=list("abcd"), multilabel=False, dropout=0.1)
    optimizer = AdamW(1e-5)
    model.compile(optimizer=optimizer, step=training_step([(1.0, cross_entropy)]))
    optimizer.build(model.trainable_variables)
    set_precision("float32")
    run, inputs = forward(model), ("input_ids", "attention_mask", "token_type_ids")
    answers = _seconds(
        lambda batch: run(*(batch[key] for key in inputs)).numpy(),
        {_named(shape): _batch(shape, size.vocabulary) for shape in ANSWERS},
    )
    set_precision(precision)
    tokens, rows = tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.int32)
    names = (*inputs, "labels", "weights")
    signature = [dict(zip(names, (tokens, tokens, tokens, rows, tf.TensorSpec([None], tf.float32)), strict=True))]
    step = tf.function(model.train_step, input_signature=signature)
    shapes = [shape for shape in SHAPES if step_flops(size, *shape) <= MOST_FLOPS]
    batches = {_named(shape): _batch(shape, size.vocabulary) for shape in shapes}
    return {"steps": _seconds(lambda batch: float(step(batch)["loss"]), batches), "answers": answers}


def _seconds(run: Any, batches: dict[str, Any]) -> dict[str, float]:
    """Takes the shapes in turn, as a training does: the same shape again and again would find its memory warm."""
    taken: dict[str, list[float]] = {shape: [] for shape in batches}
    for _ in range(WARM + TIMED):
        for shape, batch in batches.items():
            begun = time.perf_counter()
            run(batch)
            taken[shape].append(time.perf_counter() - begun)
    return {shape: statistics.median(times[WARM:]) for shape, times in taken.items()}


def _named(shape: tuple[int, int]) -> str:
    return "x".join(map(str, shape))


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


if __name__ == "__main__":
    main()
