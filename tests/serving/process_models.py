"""SavedModels for servers that are processes of their own: they wait, fail and ask for memory as they are told."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

TEXTS = tf.TensorSpec([None], tf.string, name="text")
# No machine has so much. TensorFlow waits for ten seconds whether it becomes free.
ALL_MEMORY = 2**46
# For this memory is exhausted at once.
EXHAUSTED = -1
LONGEST_PAUSE = 100_000


class Numbers(tf.Module):
    """Texts as numbers: a batch takes as many milliseconds as its greatest one; what is no number fails.

    A number beyond ``LONGEST_PAUSE`` is not waited for; each takes 8 bytes times itself of memory, and ``EXHAUSTED``
    takes more than there is.
    """

    @tf.function(input_signature=[TEXTS])
    def read(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        number = tf.strings.to_number(text, tf.int64)
        greatest = tf.maximum(tf.reduce_max(number), 0)
        milliseconds = tf.where(greatest > LONGEST_PAUSE, tf.constant(0, tf.int64), greatest)
        exhausted = tf.cond(tf.reduce_any(number == EXHAUSTED), _exhaust, lambda: tf.constant(0))
        with tf.control_dependencies([_pause(milliseconds), exhausted]):
            filled = tf.fill([greatest + 1], tf.constant(0, tf.int64))
        return {"number": number + tf.reduce_sum(filled)}


class Tagged(tf.Module):
    """Answers every text with the same number."""

    def __init__(self, tag: int) -> None:
        super().__init__()
        self.tag = tf.Variable(tf.fill([20_000], tag))

    @tf.function(input_signature=[TEXTS])
    def answer(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"tag": tf.fill(tf.shape(text), self.tag[0])}


class Lengths(tf.Module):
    """Texts with their lengths in bytes."""

    @tf.function(input_signature=[TEXTS])
    def answer(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"label": tf.identity(text), "length": tf.strings.length(text)}


class Floats(tf.Module):
    """Numbers as they are."""

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, name="x")])
    def answer(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"out": tf.identity(x)}


def save_numbers(folder: Path) -> Path:
    return _save(model := Numbers(), model.read, folder)


def save_tagged(folder: Path, tag: int) -> Path:
    """Writes a version that answers with a number; aside first, as an exporter does."""
    model = Tagged(tag)
    aside = folder.with_name(f"writing-{folder.name}")
    return _save(model, model.answer, aside).rename(folder)


def save_lengths(folder: Path) -> Path:
    return _save(model := Lengths(), model.answer, folder)


def save_floats(folder: Path) -> Path:
    return _save(model := Floats(), model.answer, folder)


def _save(model: tf.Module, signature: tf.types.experimental.GenericFunction, folder: Path) -> Path:
    tf.saved_model.save(model, str(folder), signatures={"serving_default": signature})
    return folder


def _exhaust() -> tf.Tensor:
    with tf.control_dependencies([tf.raw_ops.Stage(values=[tf.zeros([100])], memory_limit=1)]):
        return tf.constant(1)


def _pause(milliseconds: tf.Tensor) -> tf.Operation:
    element = {"output_types": [tf.int32], "output_shapes": [tf.TensorShape([])]}
    one = tf.data.Dataset.from_tensors(0)._variant_tensor
    # It sleeps once for the element and once for the end.
    sleeping = tf.raw_ops.SleepDataset(input_dataset=one, sleep_microseconds=milliseconds * 500, **element)
    return tf.raw_ops.DatasetToSingleElement(dataset=sleeping, **element)[0].op
