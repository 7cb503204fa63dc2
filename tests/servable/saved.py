"""SavedModels of a few ops each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import tensorflow as tf


def saved(folder: Path, function: Callable[[tf.Tensor], tf.Tensor]) -> Path:
    """Writes a SavedModel whose one signature maps ``x`` float32[N] to ``y``."""
    module = tf.Module()
    module.weight = tf.Variable(1.0)
    module.run = tf.function(lambda x: {"y": function(x) * module.weight}, autograph=False)
    signature = module.run.get_concrete_function(x=tf.TensorSpec([None], tf.float32, name="x"))
    tf.saved_model.save(module, str(folder), signatures={"serving_default": signature})
    return folder
