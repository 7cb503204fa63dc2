"""Batches as a pure function of (seed, epoch, step): every row exactly once per epoch, static shapes per bucket.

A row goes to the shortest bucket that holds it. Rows are dealt from the longest bucket down: what one lacks for its
last batch are the longest of the shorter rows, so that only a single batch of an epoch, of its shortest rows, is filled
up with rows of weight 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfclassify.data.rows import Rows
from tfclassify.planning.buckets import batches_of
from tfclassify.text.packing import WINDOW_COUNTS, WINDOW_PLACES, Drawn

Bucket = tuple[int, int]
Arrays = dict[str, NDArray]
# Batches that are made before the step asks for them.
AHEAD = 8


@dataclass(frozen=True)
class Batch:
    """One step: rows of a split (int32[N], N at most the bucket's rows), and the bucket they are put in."""

    rows: NDArray[np.int32]
    bucket: Bucket


@dataclass(frozen=True, eq=False)
class EpochBatches:
    """The S batches of an epoch, each made when it is asked for: of millions of rows a list would be many objects.

    ``rows`` int32[N] are all rows as they are dealt; ``ends`` int64[S + 1] and ``places`` int64[S] say where the rows
    of each batch begin and end, and which of the buckets is its own; ``order`` int64[S] is that of the steps.
    """

    rows: NDArray[np.int32]
    ends: NDArray[np.int64]
    places: NDArray[np.int64]
    order: NDArray[np.int64]
    buckets: Sequence[Bucket]

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[Batch]:
        return self.since(0)

    def since(self, step: int) -> Iterator[Batch]:
        """Gives the batches from a step on; those before it cost nothing."""
        for number in self.order[step:]:
            yield Batch(self.rows[self.ends[number] : self.ends[number + 1]], self.buckets[self.places[number]])


def epoch_batches(
    lengths: NDArray[np.int32], buckets: Sequence[Bucket], *, seed: int, epoch: int, shuffle: bool
) -> EpochBatches:
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
    places = _places(lengths, buckets)
    random = np.random.default_rng((seed, epoch))
    every = np.arange(len(lengths), dtype=np.int32)
    order = random.permutation(every) if shuffle else np.argsort(lengths, kind="stable").astype(np.int32)
    rows = np.concatenate([order[places[order] == place] for place in range(len(buckets))])
    numbers = batches_of(np.bincount(places, minlength=len(buckets)).tolist(), [size for size, _ in buckets])
    shapes = np.repeat(np.arange(len(buckets)), numbers)
    sizes = np.repeat(np.array([size for size, _ in buckets], np.int64), numbers)
    # What the first one lacks is counted as rows before all others.
    ends = np.concatenate([[0], np.cumsum(sizes) - sizes.sum() + len(rows)])
    steps = random.permutation(len(shapes)) if shuffle else np.arange(len(shapes))
    return EpochBatches(rows, ends, shapes, steps, buckets)


def _places(lengths: NDArray[np.int32], buckets: Sequence[Bucket]) -> NDArray[np.uint16]:
    """Returns the place of each row's bucket, by a table whose entries are small: there may be millions of rows."""
    ends = [length for _, length in buckets]
    if len(lengths) and lengths.max() > ends[-1]:
        raise ValueError(f"a row has {lengths.max()} tokens; expected at most {ends[-1]}, as in the last bucket")
    return np.searchsorted(ends, np.arange(ends[-1] + 1)).astype(np.uint16)[lengths]


def steps_per_epoch(lengths: NDArray[np.int32], buckets: Sequence[Bucket]) -> int:
    """Returns the number of batches of an epoch, which is the same in each epoch."""
    return len(epoch_batches(lengths, buckets, seed=0, epoch=0, shuffle=False))


def padding_share(lengths: NDArray[np.int32], batches: Iterable[Batch]) -> float:
    """Returns the share of the tokens of these batches that is padding."""
    shown = sum(rows * length for rows, length in (batch.bucket for batch in batches))
    return 1.0 - float(lengths.sum()) / shown if shown else 0.0


def fill(rows: Rows, batch: Batch, *, multiple: int = 1) -> Arrays:
    """Makes the arrays of a batch, in the static shape of its bucket.

    Args:
        rows: those of the split.
        batch: which of them, and the bucket.
        multiple: of which B is one, so that the batch can be shared out evenly: the bucket's rows, or a few more.

    Returns:
        ``input_ids``, ``attention_mask``, ``token_type_ids`` int32[B, L]; ``labels`` int32[B] or float32[B, C];
        ``weights`` float32[B], 0 for rows that only fill the batch; what the rows' features are, [B, ...]; and where at
        most M windows of a text are drawn, which: ``window_places`` int32[B, M] and ``window_counts`` int32[B].
    """
    size, used = shared_rows(batch.bucket[0], multiple), len(batch.rows)
    packed = rows.pack(batch.rows, (size, batch.bucket[1]))
    # A row without any token to attend to would make the softmax undefined.
    packed.mask[used:, 0] = 1
    return {
        "input_ids": packed.ids,
        "attention_mask": packed.mask,
        "token_type_ids": packed.types,
        "labels": _filled(rows.targets[batch.rows], size),
        "weights": _filled(rows.weights[batch.rows], size),
        **{name: _filled(values, size) for name, values in _features(rows, batch.rows).items()},
        **{name: _filled(values, size) for name, values in _windows(packed.drawn).items()},
    }


def _windows(drawn: Drawn | None) -> Mapping[str, NDArray[np.int32]]:
    return {} if drawn is None else {WINDOW_PLACES: drawn.places, WINDOW_COUNTS: drawn.counts}


def _features(rows: Rows, chosen: NDArray[np.int32]) -> Mapping[str, NDArray]:
    return {} if rows.features is None else rows.features(chosen)


def shared_rows(rows: int, multiple: int) -> int:
    """Returns how many rows a batch is filled up to, to be shared out evenly."""
    return -(-rows // multiple) * multiple


def training_batches(
    rows: Rows,
    buckets: Sequence[Bucket],
    *,
    seed: int,
    epochs: int,
    first_epoch: int = 0,
    first_step: int = 0,
    multiple: int = 1,
) -> tf.data.Dataset:
    """Returns the batches of all epochs, one after the other, made ahead of the training step.

    They hold the same rows whatever ``multiple`` is, which their number of rows is filled up to be one of. They begin
    in the middle where a training goes on: with a step of an epoch, both counted from 0.
    """

    def made() -> Iterator[Arrays]:
        for epoch in range(first_epoch, epochs):
            dealt = epoch_batches(rows.lengths, buckets, seed=seed, epoch=epoch, shuffle=True)
            read = rows.of_epoch(epoch)
            for batch in dealt.since(first_step if epoch == first_epoch else 0):
                yield fill(read, batch, multiple=multiple)

    return _ahead(made, rows)


def one_batch(rows: Rows, bucket: Bucket, *, multiple: int = 1) -> tf.data.Dataset:
    """Returns a single batch of a shape, full of the longest row that fits, of the form of the training's batches."""
    longest = np.where(rows.lengths <= bucket[1], rows.lengths, -1).argmax()
    batch = Batch(np.full(bucket[0], longest, np.int32), bucket)

    def made() -> Iterator[Arrays]:
        yield fill(rows, batch, multiple=multiple)

    return _ahead(made, rows)


def _ahead(made: Callable[[], Iterator[Arrays]], rows: Rows) -> tf.data.Dataset:
    return untuned(tf.data.Dataset.from_generator(made, output_signature=_signature(rows)).prefetch(AHEAD))


def untuned(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Returns batches whose iterator can be let go of at any time.

    TensorFlow's tuner, which has nothing to tune in batches of a generator, sleeps longer and longer, up to a minute,
    and who lets go of an iterator may wait for the end of its sleep.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.with_options(options)


def _signature(rows: Rows) -> Mapping[str, tf.TensorSpec]:
    targets = rows.targets
    features = _features(rows, np.zeros(0, np.int32))
    tokens = tf.TensorSpec([None, None], tf.int32)
    return {
        "input_ids": tokens,
        "attention_mask": tokens,
        "token_type_ids": tokens,
        "labels": tf.TensorSpec([None, *targets.shape[1:]], targets.dtype),
        "weights": tf.TensorSpec([None], tf.float32),
        **{name: tf.TensorSpec([None, *values.shape[1:]], values.dtype) for name, values in features.items()},
        **({} if rows.drawn is None else _specs_of_windows(rows.drawn)),
    }


def _specs_of_windows(most: int) -> Mapping[str, tf.TensorSpec]:
    return {WINDOW_PLACES: tf.TensorSpec([None, most], tf.int32), WINDOW_COUNTS: tf.TensorSpec([None], tf.int32)}


def _filled(values: NDArray, size: int) -> NDArray:
    """Appends rows of zeros."""
    filled = np.zeros((size, *values.shape[1:]), values.dtype)
    filled[: len(values)] = values
    return filled
