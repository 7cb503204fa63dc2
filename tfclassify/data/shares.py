"""Batches as devices get them: a share for each replica, and in one constant shape where a device asks for that.

A data set of several shapes would be one graph of unknown dimensions to ``model.fit``, which no accelerator compiles.
So an element is as large as the largest bucket, all tokens in a row, and says which bucket it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf

from tfclassify.data.batches import Bucket, shared_rows

# What has a column for each token; everything else in a batch has one entry for each row.
TOKENS = ("input_ids", "attention_mask", "token_type_ids")
# The name under which an element says which bucket it is, int32[].
BUCKET = "bucket"


def share_shapes(buckets: Sequence[Bucket], *, shares: int, multiple: int = 1) -> tuple[Bucket, ...]:
    """Returns [rows, length] of what a replica gets of each bucket.

    Args:
        buckets: [rows, length] of whole batches.
        shares: the number of replicas.
        multiple: of which the rows of a share are one.
    """
    return tuple((shared_rows(rows, shares * multiple) // shares, length) for rows, length in buckets)


def shared_out(batches: tf.data.Dataset, *, shares: int, first: int = 0, number: int | None = None) -> tf.data.Dataset:
    """Cuts each batch into as many elements as there are replicas, one after the other.

    Args:
        batches: tensors [B, ...], where B is a multiple of the shares.
        shares: the number of replicas.
        first: the first replica that gets its share from here.
        number: how many do; by default all.
    """
    last = shares if number is None else first + number

    def cut(batch: Mapping[str, tf.Tensor]) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensor_slices(
            {name: _cut(each, shares)[first:last] for name, each in batch.items()}
        )

    return batches if shares == 1 else batches.flat_map(cut)


def flattened(batches: tf.data.Dataset, shapes: Sequence[Bucket]) -> tf.data.Dataset:
    """Gives every element the same constant shape.

    Args:
        batches: tensors of the shapes, [rows, length] or [rows, ...].
        shapes: all that there are, by rising length.

    Returns:
        Of R rows and T tokens in the largest shape: ``input_ids``, ``attention_mask``, ``token_type_ids`` int32[T],
        the others [R, ...], filled up with zeros; and ``bucket`` int32[], the place of the shape.
    """
    tokens, rows = max(size * length for size, length in shapes), max(size for size, _ in shapes)
    lengths = tf.constant([length for _, length in shapes])

    def flat(batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        made = {
            name: _padded(tf.reshape(each, [-1]), tokens) if name in TOKENS else _padded(each, rows)
            for name, each in batch.items()
        }
        length = tf.shape(batch[TOKENS[0]])[1]
        return {**made, BUCKET: tf.searchsorted(lengths, length[None], out_type=tf.int32)[0]}

    return batches.map(flat)


def unflattened(element: Mapping[str, tf.Tensor], shape: Bucket) -> dict[str, tf.Tensor]:
    """Returns the batch that an element holds, in the static shape of its bucket."""
    rows, length = shape
    return {
        name: tf.reshape(each[: rows * length], shape) if name in TOKENS else each[:rows]
        for name, each in element.items()
        if name != BUCKET
    }


def _cut(tensor: tf.Tensor, shares: int) -> tf.Tensor:
    """Returns [shares, B / shares, ...]; a number of rows that is no multiple is refused by the reshaping."""
    size = tf.shape(tensor)[0] // shares
    cut = tf.reshape(tensor, tf.concat([[shares, size], tf.shape(tensor)[1:]], 0))
    return tf.ensure_shape(cut, [shares, None, *tensor.shape[1:]])


def _padded(tensor: tf.Tensor, size: int) -> tf.Tensor:
    filling = [[0, size - tf.shape(tensor)[0]], *([0, 0] for _ in tensor.shape[1:])]
    return tf.ensure_shape(tf.pad(tensor, filling), [size, *tensor.shape[1:]])
