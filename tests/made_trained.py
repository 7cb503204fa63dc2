"""A classifier without a network: the logit of a label is twice the number of its letter in the text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf
from made_stores import UNKNOWN

from tfclassify.data.labelling import LabelMap
from tfclassify.data.pieces import Pieces
from tfclassify.data.rows import Limits
from tfclassify.learning.trained import Trained
from tfclassify.settings import Settings, parse

SETTINGS = {
    "name": "letters",
    "text.max_length": 16,
    "train.buckets": [[4, 8], [2, 12]],
    "train.metric": "accuracy",
    "answer.thresholds": 0.5,
    "answer.scope": "none",
}


def made_trained(
    *labels: str, multilabel: bool = False, out_of_scope: str | None = None, temperature: float = 1.0, **asked: Any
) -> Trained:
    """A classifier of these labels, each named by a letter; its word pieces are code points, as in ``made_stores``."""

    def forward(ids: tf.Tensor, mask: tf.Tensor, types: tf.Tensor) -> tf.Tensor:
        counts = [tf.reduce_sum(tf.cast(ids == ord(label), tf.float32), axis=1) for label in labels]
        # In a multi-label task a letter that is not there has to count against its label.
        return 2.0 * tf.stack(counts, axis=1) - float(multilabel)

    settings = parse({**SETTINGS, **{key.replace("__", "."): value for key, value in asked.items()}}, Settings)
    pieces = Pieces(lambda texts: tf.strings.unicode_decode(texts, "UTF-8"), Path("vocab.txt"), True, UNKNOWN)
    known = LabelMap(labels, multilabel, out_of_scope)
    return Trained(settings, known, pieces, Limits(settings.text.max_length, 1, 2), forward, temperature)
