"""SavedModels small enough to be written for each test."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf


class Scaled(tf.Module):
    """``y = x * factor``, with a variable; ``serving_default`` takes x of [-1, 1]."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = tf.Variable(tf.fill([1000], factor))

    @tf.function(input_signature=[tf.TensorSpec([None, 1], tf.float32, name="x")])
    def scale(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x * self.factor[0]}


class Texts(tf.Module):
    """Lengths of texts, the texts themselves, and a scalar that repeats a loop."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text"), tf.TensorSpec([], tf.int32, name="n")])
    def lengths(self, text: tf.Tensor, n: tf.Tensor) -> dict[str, tf.Tensor]:
        turns = tf.while_loop(lambda turn: turn < n, lambda turn: [turn + 1], [tf.constant(0)])[0]
        return {"length": tf.strings.length(text), "text": text, "turns": turns, "first": text[0]}


def save_scaled(folder: Path, factor: float = 2.0) -> Path:
    model = Scaled(factor)
    tf.saved_model.save(model, str(folder), signatures={"serving_default": model.scale})
    return folder


def save_texts(folder: Path) -> Path:
    model = Texts()
    tf.saved_model.save(model, str(folder), signatures={"serving_default": model.lengths})
    return folder
