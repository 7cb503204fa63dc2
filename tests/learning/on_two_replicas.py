"""Run in a process of its own, whose processor is two devices: what they do together, against one alone.

Prints the largest differences as JSON. Devices are divided before anything else is done, which a test cannot.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)

from small_networks import batch_of, network, small_files  # noqa: E402

from tfclassify.learning.objectives import OBJECTIVES, choose  # noqa: E402
from tfclassify.learning.optimizers import AdamW, WarmupLinearDecay  # noqa: E402
from tfclassify.learning.step import training_step  # noqa: E402
from tfclassify.learning.strategies import STRATEGIES  # noqa: E402
from tfclassify.model.weights import Found  # noqa: E402

STEPS = 20
# Rows and length of the batches of one epoch; the weights of the first four rows, the third of which only fills.
SHAPES = {"even": ([4], [4, 7, 5]), "odd": ([4, 3, 1], [4, 7, 5]), "longer": ([4], [9])}
WEIGHTS = [1.0, 0.5, 0.0, 2.0]


def batches(rows: Sequence[int], lengths: Sequence[int]) -> tf.data.Dataset:
    made = [
        batch_of(
            rows[step % len(rows)], lengths[step % len(lengths)], seed=step, weights=WEIGHTS[: rows[step % len(rows)]]
        )
        for step in range(STEPS)
    ]

    def given() -> Iterator[Any]:
        yield from made

    spec = {name: tf.TensorSpec([None] * tensor.shape.rank, tensor.dtype) for name, tensor in made[0].items()}
    return tf.data.Dataset.from_generator(given, output_signature=spec)


def trained(found: Found, strategy: str, data: tf.data.Dataset) -> tuple[float, list[np.ndarray]]:
    with STRATEGIES[strategy]().scope():
        model = network(found)
        rate = WarmupLinearDecay(1e-3, warmup_steps=2, total_steps=STEPS)
        optimizer = AdamW(rate, weight_decay=1.0, clip_norm=0.5, row_wise=False)
        model.compile(optimizer=optimizer, step=training_step(choose(["cross_entropy"])))
        optimizer.build(model.trainable_variables)
    history = model.fit(data, epochs=1, steps_per_epoch=STEPS, verbose=0)
    return history.history["loss"][0], [variable.numpy() for variable in model.trainable_variables]


def compared(found: Found, shape: str) -> dict[str, float]:
    (loss, alone), (loss_together, together) = (
        trained(found, strategy, batches(*SHAPES[shape])) for strategy in ("one", "mirrored")
    )
    start = [variable.numpy() for variable in network(found).trainable_variables]
    return {
        "weights": float(max(np.abs(a - b).max() for a, b in zip(alone, together, strict=True))),
        "loss": abs(loss - loss_together),
        "moved": float(max(np.abs(a - b).max() for a, b in zip(alone, start, strict=True))),
    }


def objective(name: str) -> float:
    """Returns how far the losses of two halves of a batch are from those of the whole."""
    several = name == "binary_cross_entropy"
    batch = {name: tensor for name, tensor in batch_of(4, 5, multilabel=several).items() if name == "labels"}
    given = {**batch, "logits": tf.random.stateless_normal([4, 3], [1, 2])}
    strategy = STRATEGIES["mirrored"]()
    halves = strategy.experimental_distribute_values_from_function(
        lambda context: {key: tensor[2 * context.replica_id_in_sync_group :][:2] for key, tensor in given.items()}
    )

    @tf.function
    def run(each: Any) -> Any:
        return strategy.run(lambda own: OBJECTIVES[name]({"logits": own["logits"]}, own, None), args=(each,))

    parts = strategy.experimental_local_results(run(halves))
    whole = OBJECTIVES[name]({"logits": given["logits"]}, given, None)
    assert len(parts) == 2
    return float(tf.reduce_max(tf.abs(tf.concat(parts, 0) - whole)))


def main(folder: str) -> None:
    found = small_files(Path(folder))
    made: dict[str, Any] = {f"objective {name}": objective(name) for name in OBJECTIVES}
    # One after the other in one process, as when a search or a cross-validation trains many times.
    print(json.dumps({**made, **{shape: compared(found, shape) for shape in SHAPES}}))


if __name__ == "__main__":
    main(sys.argv[1])
