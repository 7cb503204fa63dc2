"""The recipe that most people copy: every text padded to 128 tokens, float32, plain ``fit``; prints its speed."""

from __future__ import annotations

import csv
import json
import os
import sys
import time
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np
import tensorflow as tf
from transformers import AutoTokenizer, BertConfig, TFBertForSequenceClassification

from tfclassify.model.weights import find

LENGTH = 128


def main(train: Path, *, rate: float, batch: int, steps: int) -> None:
    """Trains for some steps after two that warm up."""
    with open(train, encoding="utf-8", newline="") as file:
        rows = [(row["text"], row["label"]) for row in csv.DictReader(file)]
    labels = sorted({label for _, label in rows})
    rows = rows[: batch * steps]
    folder = find("minilm", cache=Path("unused")).folder
    model = TFBertForSequenceClassification(BertConfig.from_pretrained(folder, num_labels=len(labels)))
    model.compile(
        optimizer=tf.keras.optimizers.Adam(rate),
        loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    tokenizer = AutoTokenizer.from_pretrained(folder)
    encoded = tokenizer(
        [text for text, _ in rows], truncation=True, max_length=LENGTH, padding="max_length", return_tensors="np"
    )
    targets = np.array([labels.index(label) for _, label in rows], np.int32)
    batches = tf.data.Dataset.from_tensor_slices((dict(encoded), targets)).batch(batch, drop_remainder=True)
    model.fit(batches.take(2), verbose=0)
    begun = time.perf_counter()
    model.fit(batches, verbose=0)
    seconds = time.perf_counter() - begun
    done = len(rows) // batch * batch
    sys.stdout.write(json.dumps({"examples_per_second": done / seconds, "steps": len(rows) // batch}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), rate=float(sys.argv[2]), batch=int(sys.argv[3]), steps=int(sys.argv[4]))
