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


class Examples(tf.Module):
    """``tf.Example`` with float feature x: three classes with scores x, 2x, 3x, or the number 0.5x + 2."""

    def __init__(self) -> None:
        super().__init__()
        self.classes = tf.constant(["neg", "neu", "pos"])

    def x(self, inputs: tf.Tensor) -> tf.Tensor:
        return tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def classify(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        x = self.x(inputs)
        return {"classes": tf.tile(self.classes[None], [tf.size(x), 1]), "scores": x * [[1.0, 2.0, 3.0]]}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def regress(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"outputs": 0.5 * self.x(inputs) + 2.0}


def save_examples(folder: Path) -> Path:
    model = Examples()
    signatures = {"serving_default": model.classify, "classify": model.classify, "regress": model.regress}
    tf.saved_model.save(model, str(folder), signatures=signatures)
    return folder
