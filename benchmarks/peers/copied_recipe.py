"""The recipe that most people copy: every text padded to 128 tokens, float32, plain ``fit``; prints its speed.

copied_recipe.py TRAIN_CSV RATE BATCH STEPS [MODEL ANSWERS]

With ANSWERS it then answers so many of the texts by plain ``predict``, strings in, and prints that speed too.
"""

from __future__ import annotations

import csv
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np
import tensorflow as tf
from transformers import AutoTokenizer, BertConfig, TFBertForSequenceClassification

from tfclassify.model.weights import find
from tfclassify.runs import cache_folder

LENGTH = 128


def main(train: Path, *, rate: float, batch: int, steps: int, name: str = "minilm", answers: int = 0) -> None:
    """Trains for some steps after two that warm up."""
    with open(train, encoding="utf-8", newline="") as file:
        rows = [(row["text"], row["label"]) for row in csv.DictReader(file)]
    labels = sorted({label for _, label in rows})
    texts, rows = [text for text, _ in rows[:answers]], rows[: batch * steps]
    folder = find(name, cache=cache_folder()).folder
    model = TFBertForSequenceClassification(BertConfig.from_pretrained(folder, num_labels=len(labels)))
    model.compile(
        optimizer=tf.keras.optimizers.Adam(rate),
        loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    tokenizer = AutoTokenizer.from_pretrained(folder)
    encoded = padded(tokenizer, [text for text, _ in rows])
    targets = np.array([labels.index(label) for _, label in rows], np.int32)
    batches = tf.data.Dataset.from_tensor_slices((dict(encoded), targets)).batch(batch, drop_remainder=True)
    model.fit(batches.take(2), verbose=0)
    begun = time.perf_counter()
    model.fit(batches, verbose=0)
    seconds = time.perf_counter() - begun
    done = len(rows) // batch * batch
    result = {"examples_per_second": done / seconds, "steps": len(rows) // batch}
    if texts:
        result["answers_per_second"] = answering(model, tokenizer, texts, batch=batch)
    sys.stdout.write(json.dumps(result) + "\n")


def padded(tokenizer: Any, texts: list[str]) -> Any:
    """Pads every text to the same length, whatever its own is."""
    return tokenizer(texts, truncation=True, max_length=LENGTH, padding="max_length", return_tensors="np")


def answering(model: Any, tokenizer: Any, texts: list[str], *, batch: int) -> float:
    """Returns the texts per second of ``predict``, after a call that warms up."""

    def labels(some: list[str]) -> Any:
        return model.predict(dict(padded(tokenizer, some)), batch_size=batch, verbose=0).logits.argmax(-1)

    labels(texts[: 2 * batch])
    begun = time.perf_counter()
    labels(texts)
    return len(texts) / (time.perf_counter() - begun)


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        rate=float(sys.argv[2]),
        batch=int(sys.argv[3]),
        steps=int(sys.argv[4]),
        name=sys.argv[5] if len(sys.argv) > 5 else "minilm",
        answers=int(sys.argv[6]) if len(sys.argv) > 6 else 0,
    )
