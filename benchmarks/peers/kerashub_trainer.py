"""KerasHub's ``BertTextClassifier`` with the same weights; prints examples per second and test accuracy.

kerashub_trainer.py FOLDER DATA_FOLDER RATE BATCH LENGTH STEPS

FOLDER is in Hugging Face's format, which KerasHub converts by itself. Every text is padded to the longest, or to LENGTH
tokens where that is less: its preprocessor knows one length. STEPS are timed after some that warm up; 0 is an epoch,
after which the test rows are answered.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import keras_hub
import numpy as np
import tensorflow as tf
from labelled_rows import Rows, read_rows

WARM_STEPS = 3


def main(folder: str, data: Path, *, rate: float, batch: int, length: int, steps: int) -> None:
    """Trains, and tests after a whole epoch."""
    keras.utils.set_random_seed(0)
    train, test = read_rows(data / "train.csv"), read_rows(data / "test.csv")
    labels = sorted({label for _, label in train})
    tokenizer = keras_hub.models.BertTokenizer.from_preset(folder)
    length = min(length, 2 + max(len(ids) for ids in tokenizer([text for text, _ in train])))
    prepare = keras_hub.models.BertTextClassifierPreprocessor(tokenizer, sequence_length=length)
    model = keras_hub.models.BertTextClassifier.from_preset(folder, num_classes=len(labels), preprocessor=None)
    model.compile(
        optimizer=keras.optimizers.AdamW(rate, weight_decay=0.01),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    made = _batches(train, labels, prepare, batch=batch).shuffle(1 + len(train) // batch, seed=0)
    model.fit(made.take(WARM_STEPS), verbose=0)
    made = made.take(steps) if steps else made
    begun = time.perf_counter()
    model.fit(made, verbose=0)
    seconds = time.perf_counter() - begun
    done = int(made.cardinality())
    result = {
        "examples_per_second": done * batch / seconds,
        "steps": done,
        "length": length,
        "test_accuracy": None if steps else _accuracy(model, test, labels, prepare),
        "keras": keras.__version__,
        "keras_hub": keras_hub.__version__,
        "tensorflow": tf.__version__,
    }
    sys.stdout.write(json.dumps(result) + "\n")


def _batches(rows: Rows, labels: list[str], prepare: Any, *, batch: int, whole: bool = True) -> tf.data.Dataset:
    """Prepares all texts beforehand, so that no step waits for it."""
    inputs = prepare(tf.constant([text for text, _ in rows]))
    targets = np.array([labels.index(label) for _, label in rows], np.int32)
    return tf.data.Dataset.from_tensor_slices((inputs, targets)).batch(batch, drop_remainder=whole).prefetch(8)


def _accuracy(model: Any, rows: Rows, labels: list[str], prepare: Any) -> float:
    logits = model.predict(_batches(rows, labels, prepare, batch=64, whole=False), verbose=0)
    return float(np.mean(logits.argmax(-1) == [labels.index(label) for _, label in rows]))


if __name__ == "__main__":
    main(
        sys.argv[1],
        Path(sys.argv[2]),
        rate=float(sys.argv[3]),
        batch=int(sys.argv[4]),
        length=int(sys.argv[5]),
        steps=int(sys.argv[6]),
    )
