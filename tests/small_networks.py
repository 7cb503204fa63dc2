"""The smallest BERT there can be, without dropout, so that what it computes depends on nothing but its weights."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tfclassify.model.classifier import BertClassifier, build, exit_means, outputs
from tfclassify.model.weights import Found

LABELS = ("a", "b", "c")
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxy"]
CONFIG = {
    "model_type": "bert",
    "num_hidden_layers": 1,
    "hidden_size": 8,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "vocab_size": len(PIECES),
    "max_position_embeddings": 16,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "pad_token_id": 0,
    # Ten times what is usual, so that texts are told apart without training.
    "initializer_range": 0.2,
}


def small_files(folder: Path, **config: Any) -> Found:
    """Writes the files of a model without weights."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({**CONFIG, **config}), encoding="utf-8")
    (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n", encoding="utf-8")
    return Found("small", folder, "folder", None)


def network(
    found: Found, *, labels: Sequence[str] = LABELS, multilabel: bool = False, seed: int = 0, **more: Any
) -> BertClassifier:
    """Builds a network with the random weights of a seed."""
    keras.utils.set_random_seed(seed)
    return build(found, labels=labels, multilabel=multilabel, dropout=more.pop("dropout", 0.0), **more)


def batch_of(
    rows: int, length: int, *, seed: int = 0, multilabel: bool = False, weights: Sequence[float] | None = None
) -> dict[str, tf.Tensor]:
    """A batch of random tokens: rows of which each second one is shorter than the shape."""
    random = np.random.default_rng(seed)
    mask = np.ones((rows, length), np.int32)
    mask[1::2, length - length // 3 :] = 0
    labels = random.integers(0, 2, (rows, 3)).astype(np.float32) if multilabel else random.integers(0, 3, rows)
    arrays = {
        "input_ids": random.integers(5, len(PIECES), (rows, length)) * mask,
        "attention_mask": mask,
        "token_type_ids": np.zeros((rows, length)),
        "labels": labels,
        "weights": np.ones(rows) if weights is None else np.array(weights),
    }
    floats = ("weights", "labels") if multilabel else ("weights",)
    return {name: tf.constant(array, tf.float32 if name in floats else tf.int32) for name, array in arrays.items()}


def all_heads(model: BertClassifier, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Returns ``logits`` float32[B, C] of the last head, and ``exits`` float32[B, E, C] of those of early exits."""
    assert model.exits is not None
    logits = outputs(model, batch, training=False)["logits"]
    return {"logits": logits, "exits": model.exits(exit_means(model, batch))}


def values(model: BertClassifier) -> dict[str, np.ndarray]:
    """The weights of a network by name, without the name of the network itself."""
    return {variable.name.partition("/")[2]: variable.numpy() for variable in model.trainable_variables}
