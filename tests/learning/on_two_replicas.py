"""Run in a process of its own: what two devices do together, against one alone.

Of one machine (``mirrored``), whose processor is two devices, or one of two (``multi_worker``), as ``TF_CONFIG`` says.
Either has to be said before TensorFlow does anything, which a test cannot. Writes the largest differences as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from small_networks import batch_of, network, small_files

from tfclassify.display import SILENT
from tfclassify.learning.fitting import Orders, fit
from tfclassify.learning.objectives import OBJECTIVES, choose
from tfclassify.learning.optimizers import AdamW, WarmupLinearDecay
from tfclassify.learning.prediction import forward
from tfclassify.learning.step import training_step
from tfclassify.learning.strategies import STRATEGIES, begin
from tfclassify.model.weights import Found

STEPS, EPOCHS = 20, 2
# Rows and length of the batches, in turns; the weights of the first four rows, the third of which only fills.
SHAPES = {"even": ([4], [4, 7, 5]), "odd": ([4, 3, 1], [4, 7, 5]), "longer": ([4], [9])}
WEIGHTS = [1.0, 0.5, 0.0, 2.0]


def batches(rows: Sequence[int], lengths: Sequence[int]) -> tf.data.Dataset:
    sizes = [(rows[step % len(rows)], lengths[step % len(lengths)]) for step in range(STEPS)]
    made = [batch_of(*size, seed=step, weights=WEIGHTS[: size[0]]) for step, size in enumerate(sizes)]

    def given() -> Iterator[Any]:
        yield from made

    spec = {name: tf.TensorSpec([None] * tensor.shape.rank, tensor.dtype) for name, tensor in made[0].items()}
    return tf.data.Dataset.from_generator(given, output_signature=spec)


def trained(
    found: Found, folder: Path, strategy: str, data: tf.data.Dataset
) -> tuple[list[float | None], list[np.ndarray]]:
    with STRATEGIES[strategy]().scope():
        model = network(found)
        rate = WarmupLinearDecay(1e-3, warmup_steps=2, total_steps=STEPS)
        optimizer = AdamW(rate, weight_decay=1.0, clip_norm=0.5, row_wise=False)
        model.compile(optimizer=optimizer, step=training_step(choose(["cross_entropy"])))
        optimizer.build(model.trainable_variables)
    run, tokens = forward(model), tf.ones([2, 5], tf.int32)

    def judge() -> Mapping[str, float | None]:
        return {"accuracy": float(tf.reduce_sum(run(tokens, tokens, tokens)))}

    orders = Orders(
        epochs=EPOCHS,
        steps_per_epoch=STEPS // EPOCHS,
        total_steps=STEPS,
        rows_per_epoch=4 * STEPS // EPOCHS,
        # Nothing that is measured has this name, so that the last weights are those that are left.
        metric="none",
        patience=0,
        weights=folder / f"{strategy}.safetensors",
        history=folder / f"{strategy}.jsonl",
    )
    course = fit(model, data, orders=orders, judge=judge, display=SILENT)
    told = [entry[name] for entry in course.history for name in ("loss", "learning_rate", "validation_accuracy")]
    return told, [variable.numpy() for variable in model.trainable_variables]


def compared(found: Found, folder: Path, strategy: str, shape: str) -> dict[str, float]:
    (told, alone), (told_together, together) = (
        trained(found, folder, each, batches(*SHAPES[shape])) for each in ("one", strategy)
    )
    start = [variable.numpy() for variable in network(found).trainable_variables]
    return {
        "weights": float(max(np.abs(a - b).max() for a, b in zip(alone, together, strict=True))),
        "history": float(np.abs(np.array(told, float) - np.array(told_together, float)).max()),
        "moved": float(max(np.abs(a - b).max() for a, b in zip(alone, start, strict=True))),
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


def main(folder: Path, strategy: str) -> None:
    if strategy == "mirrored":
        devices = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], devices)
    begin(strategy)
    found, made = small_files(folder / "model"), {}
    if strategy == "mirrored":
        made = {f"objective {name}": objective(name) for name in OBJECTIVES}
    # One after the other in one process, as when a search or a cross-validation trains many times.
    shapes = SHAPES if strategy == "mirrored" else ["odd"]
    compare = {shape: compared(found, folder, strategy, shape) for shape in shapes}
    sys.stdout.write(json.dumps({**made, **compare}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
