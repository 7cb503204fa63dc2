"""A program for a process of its own: answers texts with a SavedModel, knowing only TensorFlow and the op library.

``python fresh_process.py SERVABLE OP_LIBRARY QUESTIONS ANSWERS``: QUESTIONS is JSON ``{"text": [...]}`` (of pairs also
``text_b``, and of each feature a list of numbers or texts); ANSWERS gets the outputs of ``serving_default``, and the
``input_ids`` of ``encode`` without padding.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import tensorflow as tf

CHUNK_ROWS = 32


def answers(servable: Any, texts: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Returns the outputs by name, each a list of as many rows as there are texts."""
    answer, encode = servable.signatures["serving_default"], servable.signatures["encode"]
    found: dict[str, list[Any]] = {}
    for start in range(0, len(texts["text"]), CHUNK_ROWS):
        given = {name: tf.constant(rows[start : start + CHUNK_ROWS]) for name, rows in texts.items()}
        tokens = encode(**given)
        kept = tf.cast(tokens["attention_mask"], tf.bool)
        outputs = {**answer(**given), "input_ids": tf.ragged.boolean_mask(tokens["input_ids"], kept)}
        for name, tensor in outputs.items():
            found.setdefault(name, []).extend(_plain(tensor))
    return found


def _plain(tensor: Any) -> list[Any]:
    if tensor.dtype != tf.string:
        return tensor.to_list() if isinstance(tensor, tf.RaggedTensor) else tensor.numpy().tolist()
    rows = tensor.numpy().tolist()
    return [[each.decode() for each in row] if isinstance(row, list) else row.decode() for row in rows]


if __name__ == "__main__":
    folder, library, questions, place = sys.argv[1:]
    tf.load_op_library(library)
    with open(questions, encoding="utf-8") as file:
        asked = json.load(file)
    made = answers(tf.saved_model.load(folder), asked)
    with open(place, "w", encoding="utf-8") as file:
        json.dump(made, file)
