"""Logits of many rows: the network's forward pass over batches of like length, answers in the rows' own order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfclassify.data.batches import Bucket, Rows, epoch_batches, fill
from tfclassify.model.classifier import BertClassifier, logits

Forward = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


def forward(model: BertClassifier) -> Forward:
    """Returns the network without dropout as one graph: ids, mask, types int32[B, L] to logits float32[B, C]."""
    tokens = tf.TensorSpec([None, None], tf.int32)

    @tf.function(input_signature=[tokens, tokens, tokens])
    def run(input_ids: tf.Tensor, attention_mask: tf.Tensor, token_type_ids: tf.Tensor) -> tf.Tensor:
        batch = {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "token_type_ids": token_type_ids,
        }
        return logits(model, batch, training=False)

    return run


def logits_of(
    run: Forward,
    rows: Rows,
    buckets: Sequence[Bucket],
    *,
    classes: int,
    advance: Callable[[int, str], None] | None = None,
) -> NDArray[np.float32]:
    """Returns float32[N, C] in the order of the rows."""
    found = np.zeros((len(rows.lengths), classes), np.float32)
    for batch in epoch_batches(rows.lengths, buckets, seed=0, epoch=0, shuffle=False):
        arrays = fill(rows, batch)
        # Rows that only fill the batch are not worth computing where shapes may differ.
        used = slice(0, len(batch.rows))
        length = int(rows.lengths[batch.rows].max())
        inputs = (arrays[name][used, :length] for name in ("input_ids", "attention_mask", "token_type_ids"))
        found[batch.rows] = run(*(tf.constant(array) for array in inputs)).numpy()
        if advance is not None:
            advance(len(batch.rows), "")
    return found


def covering(buckets: Sequence[Bucket], max_length: int) -> tuple[Bucket, ...]:
    """Returns the buckets with one more where new texts may be longer than any text of the training."""
    rows, length = buckets[-1]
    if length >= max_length:
        return tuple(buckets)
    return (*buckets, (max(1, rows * length // max_length), max_length))
