"""Run in a process of its own: what trackers are fed on one device, and on two that share each batch."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import tensorflow as tf
from small_networks import batch_of, network, small_files

from tfclassify.display import SILENT
from tfclassify.learning.objectives import choose
from tfclassify.learning.optimizers import AdamW, WarmupLinearDecay
from tfclassify.learning.step import training_step
from tfclassify.learning.strategies import STRATEGIES
from tfclassify.learning.tracking.background import Background
from tfclassify.learning.tracking.tracker import Ending, Figures, Tracker
from tfclassify.learning.tracking.watching import Watching
from tfclassify.model.weights import Found

STEPS = 4


def fed(found: Found, strategy: str) -> list[Figures]:
    given: list[Figures] = []
    with STRATEGIES[strategy]().scope():
        model = network(found)
        rate = WarmupLinearDecay(1e-2, warmup_steps=2, total_steps=STEPS)
        optimizer = AdamW(rate, clip_norm=0.1, row_wise=False)
        model.compile(optimizer=optimizer, step=training_step(choose(["cross_entropy"])))
        optimizer.build(model.trainable_variables)
    tracker = Background(
        strategy,
        lambda say: Tracker(lambda steps, figures: given.append(figures), lambda *_: None, lambda *_: None),
    )
    batch = batch_of(4, 6, weights=[1.0, 0.5, 0.0, 2.0])
    data = tf.data.Dataset.from_tensor_slices(batch).batch(4).repeat()
    model.fit(data, steps_per_epoch=STEPS, callbacks=[Watching([tracker], SILENT)], verbose=0)
    tracker.end(STEPS, Ending("finished"))
    return given


def main(folder: Path) -> None:
    devices = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], devices)
    found = small_files(folder)
    sys.stdout.write(json.dumps({strategy: fed(found, strategy) for strategy in ("one", "mirrored")}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
