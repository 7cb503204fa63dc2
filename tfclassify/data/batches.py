"""Batches as a pure function of (seed, epoch, step): every row exactly once per epoch, static shapes per bucket.

A row goes to the shortest bucket that holds it. Rows that do not fill a bucket's last batch move up into the next
bucket, so that only the very last batch of an epoch is filled up with rows of weight 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfclassify.data.rows import Rows

Bucket = tuple[int, int]
Arrays = dict[str, NDArray]


@dataclass(frozen=True)
class Batch:
    """One step: rows of a split (int32[N], N at most the bucket's rows), and the bucket they are put in."""

    rows: NDArray[np.int32]
    bucket: Bucket


def epoch_batches(
    lengths: NDArray[np.int32], buckets: Sequence[Bucket], *, seed: int, epoch: int, shuffle: bool
) -> list[Batch]:
    """Deals the rows of a split into batches.

    Args:
        lengths: tokens per row, int32[N], none above the last bucket's length.
        buckets: [rows, length] by rising length.
        seed: seed of the run.
        epoch: counted from 0; each epoch has its own order.
        shuffle: False sorts by length instead and keeps equal lengths in order, for prediction.

    Raises:
        ValueError: a row is longer than the last bucket, which would leave it out.
    """
    if len(lengths) and lengths.max() > buckets[-1][1]:
        raise ValueError(f"a row has {lengths.max()} tokens; expected at most {buckets[-1][1]}, as in the last bucket")
    random = np.random.default_rng((seed, epoch))
    every = np.arange(len(lengths), dtype=np.int32)
    order = random.permutation(every) if shuffle else np.argsort(lengths, kind="stable").astype(np.int32)
    # By a table, whose entries are small: there may be millions of rows.
    ends = [length for _, length in buckets]
    places = np.searchsorted(ends, np.arange(ends[-1] + 1)).astype(np.uint16)[lengths[order]]
    batches: list[Batch] = []
    waiting = np.zeros(0, np.int32)
    for place, bucket in enumerate(buckets):
        pool = np.concatenate([waiting, order[places == place]])
        full = len(pool) - len(pool) % bucket[0]
        batches += [Batch(rows, bucket) for rows in pool[:full].reshape(-1, bucket[0])]
        waiting = pool[full:]
    if len(waiting):
        batches.append(Batch(waiting, _shortest(int(lengths[waiting].max()), len(waiting), buckets)))
    return [batches[step] for step in random.permutation(len(batches))] if shuffle else batches


def steps_per_epoch(lengths: NDArray[np.int32], buckets: Sequence[Bucket]) -> int:
    """Returns the number of batches of an epoch, which is the same in each epoch."""
    return len(epoch_batches(lengths, buckets, seed=0, epoch=0, shuffle=False))


def padding_share(lengths: NDArray[np.int32], batches: Sequence[Batch]) -> float:
    """Returns the share of the tokens of these batches that is padding."""
    shown = sum(rows * length for rows, length in (batch.bucket for batch in batches))
    return 1.0 - float(lengths.sum()) / shown if shown else 0.0


def fill(rows: Rows, batch: Batch) -> Arrays:
    """Makes the arrays of a batch, in the static shape of its bucket.

    Returns:
        ``input_ids``, ``attention_mask``, ``token_type_ids`` int32[B, L]; ``labels`` int32[B] or float32[B, C];
        ``weights`` float32[B], 0 for rows that only fill the batch.
    """
    size, used = batch.bucket[0], len(batch.rows)
    packed = rows.pack(batch.rows, batch.bucket)
    # A row without any token to attend to would make the softmax undefined.
    packed.mask[used:, 0] = 1
    return {
        "input_ids": packed.ids,
        "attention_mask": packed.mask,
        "token_type_ids": packed.types,
        "labels": _filled(rows.targets[batch.rows], size),
        "weights": _filled(rows.weights[batch.rows], size),
    }


def training_batches(
    rows: Rows, buckets: Sequence[Bucket], *, seed: int, epochs: int, first_epoch: int = 0
) -> tf.data.Dataset:
    """Returns the batches of all epochs, one after the other, made ahead of the training step."""

    def made() -> Iterator[Arrays]:
        for epoch in range(first_epoch, epochs):
            for batch in epoch_batches(rows.lengths, buckets, seed=seed, epoch=epoch, shuffle=True):
                yield fill(rows, batch)

    return tf.data.Dataset.from_generator(made, output_signature=_signature(rows.targets)).prefetch(8)


def _signature(targets: NDArray) -> Mapping[str, tf.TensorSpec]:
    tokens = tf.TensorSpec([None, None], tf.int32)
    return {
        "input_ids": tokens,
        "attention_mask": tokens,
        "token_type_ids": tokens,
        "labels": tf.TensorSpec([None, *targets.shape[1:]], targets.dtype),
        "weights": tf.TensorSpec([None], tf.float32),
    }


def _filled(values: NDArray, size: int) -> NDArray:
    """Appends rows of zeros."""
    filled = np.zeros((size, *values.shape[1:]), values.dtype)
    filled[: len(values)] = values
    return filled


def _shortest(length: int, rows: int, buckets: Sequence[Bucket]) -> Bucket:
    """Returns the shortest bucket that holds so many rows of at most this length."""
    return next(bucket for bucket in buckets if bucket[0] >= rows and bucket[1] >= length)
