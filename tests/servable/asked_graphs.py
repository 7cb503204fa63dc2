"""Graphs as they are exported, asked in this process, and held against the run that they were made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

from tfclassify.learning.trained import Trained, answer
from tfclassify.servable.graph import ANSWER, save
from tfclassify.servable.lowering import lower
from tfclassify.servable.opened import as_answer
from tfclassify.servable.parity import check_parity
from tfclassify.text.word_pieces import text_ops


def written(trained: Trained, folder: Path) -> Path:
    text_ops()
    save(trained, folder, pairs=False)
    lower(folder)
    return folder


def signatures_of(folder: Path) -> Any:
    return tf.saved_model.load(str(folder)).signatures


def asked(signatures: Any, texts: list[str]) -> dict[str, Any]:
    outputs = signatures[ANSWER](text=tf.constant(texts, tf.string, [len(texts)]))
    return {name: value.numpy() for name, value in outputs.items()}


def same(trained: Trained, signatures: Any, texts: list[str]) -> None:
    """Fails where the graph answers otherwise than the run, or by another route."""
    expected, found = answer(trained, texts), asked(signatures, texts)
    plain = {
        name: [[each.decode() for each in row] for row in found["labels"]] if name == "labels" else value.tolist()
        for name, value in found.items()
    }
    check_parity(expected, plain)
    rows = [
        as_answer({name: value[row] for name, value in found.items()}, multilabel=trained.labels.multilabel)
        for row in range(len(texts))
    ]
    for one, other in zip(expected, rows, strict=True):
        assert {name: one[name] for name in ("route", "rule", "masked", "in_scope")} == {
            name: other[name] for name in ("route", "rule", "masked", "in_scope")
        }
