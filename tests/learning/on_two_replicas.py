"""Run in a process of its own: what two devices do together, against one alone, from rows to weights.

Of one machine (``mirrored``), whose processor is two devices, or one of two (``multi_worker``), as ``TF_CONFIG`` says.
Either has to be said before TensorFlow does anything, which a test cannot. Writes the largest differences as JSON.
After the folder and the strategy come the cases.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras
from small_networks import PIECES, batch_of, network, small_files

from tfclassify.data.batches import epoch_batches, steps_per_epoch, training_batches
from tfclassify.data.ragged import Ragged
from tfclassify.data.rows import Limits, Rows, rows_of_pieces
from tfclassify.data.shares import share_shapes
from tfclassify.display import SILENT
from tfclassify.learning.averages import Average
from tfclassify.learning.course import Orders
from tfclassify.learning.feeding import fed
from tfclassify.learning.fitting import fit
from tfclassify.learning.objectives import OBJECTIVES, choose
from tfclassify.learning.optimizers import AdamW, WarmupLinearDecay
from tfclassify.learning.prediction import forward
from tfclassify.learning.step import Folding, training_step
from tfclassify.learning.strategies import STRATEGIES, begin
from tfclassify.learning.workers import agreed, is_chief_by
from tfclassify.model.weights import Found

# Rows of a bucket that two devices cannot share evenly, and a last batch that is not full.
BUCKETS = ((5, 5), (3, 8), (4, 12))
ROWS, EPOCHS = 101, 2


@dataclass(frozen=True)
class Case:
    """One way to train."""

    shapes: str = "dynamic"
    rows: bool = True
    parts: int = 1
    average: Average | None = None


CASES = {
    "dynamic": Case(),
    "parts": Case(parts=2, average=Average("ema", start=3, every=2, decay=0.9)),
    "static": Case("static", rows=False),
    "compiled": Case("compiled"),
}


def material() -> Rows:
    random = np.random.default_rng(0)
    lengths = random.integers(1, 11, ROWS)
    pieces = random.integers(5, len(PIECES), lengths.sum()).astype(np.int32)
    rows = rows_of_pieces(Ragged(pieces, np.concatenate([[0], np.cumsum(lengths)])), None, Limits(12, 2, 3))
    weights = random.choice([0.5, 1.0, 2.0], ROWS).astype(np.float32)
    return replace(rows, targets=random.integers(0, 3, ROWS).astype(np.int32), weights=weights)


def trained(found: Found, folder: Path, name: str, case: Case) -> dict[str, Any]:
    rows, strategy, losses = material(), STRATEGIES[name](), []
    replicas, steps = strategy.num_replicas_in_sync, steps_per_epoch(rows.lengths, BUCKETS)
    shapes = share_shapes(BUCKETS, shares=replicas, multiple=case.parts)
    folding = None if case.shapes == "dynamic" else Folding(shapes, case.shapes == "compiled", rows=case.rows)
    with strategy.scope():
        model = network(found)
        rate = WarmupLinearDecay(3e-3, warmup_steps=2, total_steps=EPOCHS * steps)
        optimizer = AdamW(rate, weight_decay=0.5, clip_norm=0.5, epsilon=1e-5, row_wise=case.rows, average=case.average)
        step = training_step(choose(["cross_entropy"]), accumulation_steps=case.parts, folding=folding)
        model.compile(optimizer=optimizer, step=step)
        optimizer.build(model.trainable_variables)
    run, tokens = forward(model), tf.ones([2, 5], tf.int32)
    orders = Orders(
        epochs=EPOCHS,
        steps_per_epoch=steps,
        total_steps=EPOCHS * steps,
        rows_per_epoch=ROWS,
        # Nothing that is measured has this name, so that the last weights are those that are left.
        metric="none",
        patience=0,
        weights=folder / f"{name}.safetensors",
        history=folder / f"{name}.jsonl",
    )

    def batches(epoch: int, step: int) -> Any:
        multiple = replicas * case.parts
        return fed(
            lambda: training_batches(
                rows, BUCKETS, seed=0, epochs=EPOCHS, first_epoch=epoch, first_step=step, multiple=multiple
            ),
            strategy,
            shapes=None if folding is None else folding.shapes,
        )

    class Recorder(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            losses.append(float(logs["loss"]))

    usual = model.fit
    model.fit = lambda data, callbacks, **more: usual(data, callbacks=[Recorder(), *callbacks], **more)
    course = fit(
        model,
        batches,
        orders=orders,
        judge=lambda: {"accuracy": float(tf.reduce_sum(run(tokens, tokens, tokens)))},
        display=SILENT,
    )
    told = [entry[key] for entry in course.history for key in ("loss", "learning_rate", "validation_accuracy")]
    return {
        "losses": losses,
        "told": told,
        "weights": [variable.numpy() for variable in model.trainable_variables],
        "traces": model.train_tf_function.experimental_get_tracing_count(),
    }


def compared(found: Found, folder: Path, strategy: str, case: Case) -> dict[str, float]:
    alone, together = (trained(found, folder, each, case) for each in ("one", strategy))
    start = [variable.numpy() for variable in network(found).trainable_variables]
    return {
        "steps": len(together["losses"]),
        "losses": float(np.abs(np.array(alone["losses"]) - np.array(together["losses"])).max()),
        "weights": float(max(np.abs(a - b).max() for a, b in zip(alone["weights"], together["weights"], strict=True))),
        "history": float(np.abs(np.array(alone["told"], float) - np.array(together["told"], float)).max()),
        "moved": float(max(np.abs(a - b).max() for a, b in zip(alone["weights"], start, strict=True))),
        "traces": together["traces"],
    }


def objective(name: str) -> float:
    """Returns how far the losses of two halves of a batch are from those of the whole."""
    several = name == "binary_cross_entropy"
    labels = batch_of(4, 5, multilabel=several)["labels"]
    given = {"labels": labels, "logits": tf.random.stateless_normal([4, 3], [1, 2])}
    strategy = STRATEGIES["mirrored"]()
    halves = strategy.experimental_distribute_values_from_function(
        lambda context: {key: tensor[2 * context.replica_id_in_sync_group :][:2] for key, tensor in given.items()}
    )

    @tf.function
    def run(each: Any) -> Any:
        return strategy.run(lambda own: OBJECTIVES[name](own, own, None), args=(each,))

    parts = strategy.experimental_local_results(run(halves))
    assert len(parts) == 2
    return float(tf.reduce_max(tf.abs(tf.concat(parts, 0) - OBJECTIVES[name](given, given, None))))


def seen(strategy: tf.distribute.Strategy, shapes: Any) -> list[list[int]]:
    """Returns the first piece of each row that counts, of this process's replicas, epoch by epoch."""
    rows, steps = material(), steps_per_epoch(material().lengths, BUCKETS)
    numbered = replace(rows, targets=np.arange(ROWS, dtype=np.int32), weights=np.ones(ROWS, np.float32))

    def batches() -> tf.data.Dataset:
        multiple = strategy.num_replicas_in_sync
        return training_batches(numbered, BUCKETS, seed=0, epochs=EPOCHS, multiple=multiple)

    given, epochs = iter(fed(batches, strategy, shapes=shapes)), []
    for _ in range(EPOCHS):
        found: list[int] = []
        for _ in range(steps):
            element = next(given)
            labels, weights = (strategy.experimental_local_results(element[name]) for name in ("labels", "weights"))
            for each, counts in zip(labels, weights, strict=True):
                found += each.numpy()[counts.numpy() > 0].tolist()
        epochs.append(found)
    return epochs


def main(folder: Path, name: str, cases: Sequence[str]) -> None:
    if name == "mirrored":
        devices = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], devices)
    begin(name)
    strategy = STRATEGIES[name]()
    found = small_files(folder / "model")
    made: dict[str, Any] = {"chief": is_chief_by(os.environ.get("TF_CONFIG"))}
    # One says so, all do: this one only if it is not the chief.
    made["agreed"] = [agreed(strategy, not made["chief"]), agreed(strategy, False)]
    if name == "mirrored":
        made |= {f"objective {each}": objective(each) for each in OBJECTIVES}
    shapes = share_shapes(BUCKETS, shares=strategy.num_replicas_in_sync)
    made["seen"] = {"dynamic": seen(strategy, None), "static": seen(strategy, shapes)}
    made["alone"] = [
        np.concatenate(
            [each.rows for each in epoch_batches(material().lengths, BUCKETS, seed=0, epoch=epoch, shuffle=True)]
        ).tolist()
        for epoch in range(EPOCHS)
    ]
    # One after the other in one process, as when a search or a cross-validation trains many times.
    for case in cases:
        made[case] = compared(found, folder, name, CASES[case])
    sys.stdout.write(json.dumps(made) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
