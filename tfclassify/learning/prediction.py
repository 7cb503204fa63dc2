"""Logits of many rows: the network's forward pass over batches of like length, answers in the rows' own order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfclassify.data.batches import Bucket, epoch_batches, fill
from tfclassify.data.rows import Rows
from tfclassify.learning.strategies import accelerators
from tfclassify.model.classifier import BertClassifier, encoded, outputs
from tfclassify.model.exits import Leaving
from tfclassify.model.features import FEATURE_INPUTS
from tfclassify.model.routes import INPUTS

Forward = Callable[..., tf.Tensor]

# Of a batch that is answered: the products of fewer tokens are slower, for each token.
LEAST_TOKENS = 2048


def forward(model: BertClassifier) -> Forward:
    """Returns the network without dropout as one graph: ids, mask, types int32[B, L] to logits float32[B, C].

    Of a network with features the graph takes those after them.
    """
    tokens = tf.TensorSpec([None, None], tf.int32)
    names = INPUTS if model.join is None else (*INPUTS, *FEATURE_INPUTS)
    further = [] if model.join is None else model.join.specs()

    # Converting sources takes seconds, and makes the same graph.
    @tf.function(input_signature=[tokens, tokens, tokens, *further], autograph=False)
    def run(*given: tf.Tensor) -> tf.Tensor:
        batch = dict(zip(names, given, strict=True))
        return outputs(model, batch, training=False)["logits"]

    return run


def quickest(whole: Forward, answering: Forward | None) -> Forward:
    """Returns the forward pass that this machine answers by: the network's own, or the one for answers if there is one.

    Accelerators are at their best with whole shapes, padding and all.
    """
    return whole if answering is None or accelerators() else answering


def pooled(model: BertClassifier) -> Forward:
    """Returns the encoder without dropout: ids, mask, types int32[B, L] to what the head gets, float32[B, H]."""
    tokens = tf.TensorSpec([None, None], tf.int32)

    @tf.function(input_signature=[tokens, tokens, tokens], autograph=False)
    def run(input_ids: tf.Tensor, attention_mask: tf.Tensor, token_type_ids: tf.Tensor) -> tf.Tensor:
        batch = dict(zip(INPUTS, (input_ids, attention_mask, token_type_ids), strict=True))
        return tf.cast(encoded(model, batch, training=False), tf.float32)

    return run


def logits_of(
    run: Forward,
    rows: Rows,
    buckets: Sequence[Bucket],
    *,
    classes: int,
    said: NDArray[np.float64] | None = None,
    advance: Callable[[int, str], None] | None = None,
) -> NDArray[np.float32]:
    """Returns float32[N, C] in the order of the rows.

    Args:
        run: the network, or what else gives a row of C numbers for a row of tokens.
        rows: N of them.
        buckets: shapes, of which the last is as long as a row may be.
        classes: C.
        said: what else the network is given of each row, float64[N, ...].
        advance: is told of each batch of rows done.
    """
    found = np.zeros((len(rows), classes), np.float32)
    for batch in epoch_batches(rows.lengths, buckets, seed=0, epoch=0, shuffle=False):
        arrays = fill(rows, batch)
        # Rows and columns that only fill the shape are not worth computing where shapes may differ.
        used, length = len(batch.rows), int(rows.lengths[batch.rows].max())
        tokens = [tf.constant(arrays[name][:used, :length]) for name in INPUTS]
        further = [tf.constant(arrays[name][:used]) for name in FEATURE_INPUTS if name in arrays]
        further += [] if said is None else [tf.constant(said[batch.rows])]
        found[batch.rows] = run(*tokens, *further).numpy()
        if advance is not None:
            advance(used, "")
    return found


def routed_logits(
    leaving: Leaving,
    rows: Rows,
    buckets: Sequence[Bucket],
    *,
    classes: int,
    said: NDArray[np.float64] | None = None,
    advance: Callable[[int, str], None] | None = None,
) -> tuple[NDArray[np.float32], list[str]]:
    """Returns the logits of rows, float32[N, C], and the route of each, of a network that texts may leave early.

    ``said`` is what the in-graph baseline says of them, float64[N, C], where there is one.
    """

    def run(*given: tf.Tensor) -> tf.Tensor:
        logits, taken = leaving.numbered(*given)
        return tf.concat([logits, tf.cast(taken, tf.float32)[:, None]], axis=1)

    heard = None if leaving.beside is None else said
    made = logits_of(run, rows, buckets, classes=classes + 1, said=heard, advance=advance)
    return made[:, :classes], [leaving.routes[int(place)] for place in made[:, classes]]


def covering(buckets: Sequence[Bucket], max_length: int) -> tuple[Bucket, ...]:
    """Returns shapes for answers: those of the training, with more rows where products of so few tokens are slow.

    There is one more where new texts may be longer than any text of the training.
    """
    rows, length = buckets[-1]
    further = [] if length >= max_length else [(max(1, rows * length // max_length), max_length)]
    return tuple((max(rows, LEAST_TOKENS // length), length) for rows, length in (*buckets, *further))
