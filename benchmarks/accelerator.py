"""Measures training steps on whatever is there, beside the least time that the plan predicts for it.

    python benchmarks/accelerator.py                                    # BERT-base at length 128, on every device
    python benchmarks/accelerator.py --model bert-tiny --rows 4 --length 16 --steps 4 --shapes compiled    # a CPU
    python benchmarks/accelerator.py --model minilm --rows 16 --length 32 --devices 2 --strategy mirrored    # two of it

Steps are those of a training: elements of one constant shape, a branch for each bucket, the optimizer's update. The
first steps, in which everything is compiled, do not count.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

WARM = 3


def main() -> None:
    """Measures and prints one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="bert-base")
    parser.add_argument("--rows", type=int, default=32, help="of each device")
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--precision", help="by default what the plan would take")
    parser.add_argument("--strategy", help="by default what the plan would take")
    parser.add_argument("--shapes", help="by default what the plan would take")
    parser.add_argument("--devices", type=int, default=1, help="that a processor is taken for, where there is no other")
    asked = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from tfclassify.learning.strategies import begin
    from tfclassify.settings import AUTO

    if asked.devices > 1:
        split_processor(asked.devices)
    begin(asked.strategy or AUTO)
    print(json.dumps(measured(asked)))


def split_processor(devices: int) -> None:
    """Makes several devices of one processor; each of them may still use all of its cores."""
    import tensorflow as tf

    (processor,) = tf.config.list_physical_devices("CPU")
    parts = [tf.config.LogicalDeviceConfiguration() for _ in range(devices)]
    tf.config.set_logical_device_configuration(processor, parts)


def measured(asked: argparse.Namespace) -> dict[str, Any]:
    """Trains for a few steps; returns rates, and what is predicted."""
    from tfclassify.display import SILENT
    from tfclassify.hardware import detect_cpu
    from tfclassify.learning.calibrations import calibration_for
    from tfclassify.learning.strategies import STRATEGIES, accelerators, set_precision
    from tfclassify.planning.calibration import step_flops
    from tfclassify.planning.chips import CHIPS, chip_name, peak
    from tfclassify.planning.costs import step_seconds
    from tfclassify.planning.presets import PRESETS
    from tfclassify.runs import cache_folder

    hardware, size = replace(detect_cpu(), accelerators=accelerators()), PRESETS[asked.model].size
    known = facts(hardware, size)
    plan = planned(asked, known)
    calibration = calibration_for(hardware, plan["precision"], cache=cache_folder(), renew=False, display=SILENT)
    known = replace(known, calibration=calibration)
    set_precision(plan["precision"])
    strategy = STRATEGIES[plan["strategy"]]()
    replicas = strategy.num_replicas_in_sync
    bucket = (asked.rows * replicas, asked.length)
    seconds = statistics.median(step_times(asked, plan, strategy, bucket)[WARM:])
    found = {
        **plan,
        "model": asked.model,
        "shape": bucket,
        "replicas": replicas,
        "seconds_per_step": seconds,
        "examples_per_second": bucket[0] / seconds,
        "predicted_seconds_per_step": step_seconds(bucket, known, precision=plan["precision"]),
    }
    if hardware.accelerators:
        name = chip_name(hardware.accelerators[0])
        own = step_flops(size, asked.rows, asked.length) / seconds
        found |= {"chip": name, "utilisation": own / peak(CHIPS[name], plan["precision"])}
    return found


def planned(asked: argparse.Namespace, known: Any) -> dict[str, str]:
    """Returns what the plan takes for what was not asked for."""
    from tfclassify.planning.deciders.machine import MACHINE
    from tfclassify.settings import Settings

    names = ("precision", "strategy", "shapes", "embedding_updates")
    return {name: getattr(asked, name, None) or MACHINE[f"train.{name}"](Settings(), known).value for name in names}


def step_times(asked: argparse.Namespace, plan: dict[str, str], strategy: Any, bucket: tuple[int, int]) -> list[float]:
    """Fits through Keras, as a training does; returns the seconds of each step."""
    import tf_keras as keras

    from tfclassify.data.batches import training_batches
    from tfclassify.data.shares import share_shapes
    from tfclassify.learning.feeding import fed
    from tfclassify.learning.step import Folding

    times: list[float] = []

    class Clock(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            self.begun = time.perf_counter()

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            # Reading the loss waits for the device.
            float(logs["loss"])
            times.append(time.perf_counter() - self.begun)

    # A second, shorter bucket, so that there is a branch to be chosen.
    buckets = ((bucket[0], max(4, asked.length // 2)), bucket)
    shapes = share_shapes(buckets, shares=strategy.num_replicas_in_sync)
    folding = None if plan["shapes"] == "dynamic" else Folding(shapes, plan["shapes"] == "compiled")
    rows, steps = material(bucket[0] * (asked.steps + WARM), asked.length), asked.steps + WARM
    with strategy.scope():
        model = network(asked.model, folding, row_wise=plan["embedding_updates"] == "rows" and folding is None)

    def batches() -> Any:
        return training_batches(rows, buckets, seed=0, epochs=1, multiple=strategy.num_replicas_in_sync)

    data = fed(batches, strategy, shapes=None if folding is None else shapes)
    model.fit(data, steps_per_epoch=steps, epochs=1, verbose=0, callbacks=[Clock()])
    return times


def network(name: str, folding: Any, *, row_wise: bool, layers: bool = False) -> Any:
    """Builds and compiles a model with random weights, which learns by its own layers or as the package takes it."""
    from tfclassify.learning.objectives import cross_entropy
    from tfclassify.learning.optimizers import AdamW
    from tfclassify.learning.step import training_step
    from tfclassify.model.classifier import build
    from tfclassify.model.weights import SIZE_KEYS, Found
    from tfclassify.planning.presets import PRESETS

    size = PRESETS[name].size
    config = {"model_type": "bert", **{key: getattr(size, field) for field, key in SIZE_KEYS.items()}}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(config), encoding="utf-8")
        found = Found("random", Path(folder), "generated", None)
        model = build(found, labels=list("abcd"), multilabel=False, dropout=0.1)
    optimizer = AdamW(1e-5, row_wise=row_wise)
    step = training_step([(1.0, cross_entropy)], folding=folding, layers=layers)
    model.compile(optimizer=optimizer, step=step)
    optimizer.build(model.trainable_variables)
    return model


def material(number: int, length: int) -> Any:
    """Makes rows that all fill the bucket, of words that come as often as in language."""
    from tfclassify.data.ragged import Ragged
    from tfclassify.data.rows import Limits, rows_of_pieces

    pieces = np.minimum(np.random.default_rng(0).zipf(1.3, number * (length - 2)) + 10, 100).astype(np.int32)
    return rows_of_pieces(Ragged(pieces, np.arange(number + 1) * (length - 2)), None, Limits(length, 1, 2))


def facts(hardware: Any, size: Any) -> Any:
    """Returns what planning needs to know of the machine; there are no data."""
    from tfclassify.planning.facts import Facts
    from tfclassify.planning.statistics import Statistics

    return Facts(Statistics({}, (), False, False, {}), hardware, size, True, {})


if __name__ == "__main__":
    main()
