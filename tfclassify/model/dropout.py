"""Dropout as a pure function of (seed, step, part of the batch, replica, place in the step): nothing to be saved.

Keras's own layer draws from a state that no checkpoint holds, so that a training that goes on would drop other units
than one that was never interrupted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import tensorflow as tf
import tf_keras as keras

# Room in one 64-bit word for the run's seed (31 bits) above the number of the mask within its step, and in another for
# the step above the part and the replica.
MASK_BITS, PART_BITS, REPLICA_BITS = 20, 12, 12
# Of 16 random bits; and the algorithm by its number, which is the same on every device.
LEVELS, PHILOX = 1 << 16, 1


@dataclass(frozen=True)
class _Chance:
    """The two words that a pass draws from, and the masks that it has drawn so far."""

    seed: int
    place: tf.Tensor
    masks: Iterator[int] = field(default_factory=count)


# A variable of the context, because each replica traces the step in a thread of its own.
_CHANCE: ContextVar[_Chance | None] = ContextVar("chance", default=None)


@contextmanager
def drawn_from(seed: int, step: tf.Tensor, part: tf.Tensor | int = 0) -> Iterator[None]:
    """Gives all forward passes inside it their dropout; each mask is numbered, so that two passes have different ones.

    Args:
        seed: of the run, below 2**31.
        step: int64[], counted from 0.
        part: which part of the batch is computed, where it is computed in several.
    """
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    place = tf.cast(step, tf.int64) * (1 << PART_BITS) + tf.cast(part, tf.int64)
    place = place * (1 << REPLICA_BITS) + tf.cast(replica, tf.int64)
    token = _CHANCE.set(_Chance(seed, place))
    try:
        yield
    finally:
        _CHANCE.reset(token)


def dropped_share(rate: float) -> float:
    """Returns the share that :func:`kept` drops: the nearest that 16 bits can tell."""
    return round(rate * LEVELS) / LEVELS


def kept(shape: tf.Tensor, rate: float) -> tf.Tensor:
    """Draws which units stay, as the surrounding :func:`drawn_from` says: bool of a shape, 16 random bits for each.

    On a processor half of the time of dropout goes into random numbers, and of 16 bits they take half the time of
    floats.

    Raises:
        RuntimeError: nobody has said what to draw from.
    """
    first, place = _words()
    units = tf.reduce_prod(shape)
    # The mask is the key, and the step the upper half of the counter, of which the numbers of a mask are the lower.
    bits = tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=[(units + 3) // 4],
        key=tf.constant([first], tf.uint64),
        counter=tf.stack([tf.constant(0, tf.uint64), tf.cast(place, tf.uint64)]),
        alg=PHILOX,
        dtype=tf.uint64,
    )
    drawn = tf.reshape(tf.reshape(tf.bitcast(bits, tf.uint16), [-1])[:units], shape)
    return drawn >= tf.constant(round(rate * LEVELS), tf.uint16)


def _words() -> tuple[int, tf.Tensor]:
    """Returns the two words that the next mask is drawn from."""
    chance = _CHANCE.get()
    if chance is None:
        raise RuntimeError("a forward pass in training has to be inside drawn_from(seed, step)")
    return (chance.seed << MASK_BITS) + next(chance.masks), chance.place


class SeededDropout(keras.layers.Layer):
    """Sets a share of its inputs to 0 and scales the others up, as the surrounding :func:`drawn_from` says."""

    def __init__(self, rate: float, **options: Any) -> None:
        """Keeps the share that is dropped."""
        super().__init__(**options)
        self.rate = rate
        self.supports_masking = True

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Drops in training, else returns the inputs (of any shape).

        Raises:
            RuntimeError: nobody has said what to draw from.
        """
        if not training or not self.rate:
            return inputs
        first, place = _words()
        # The algorithm by name: the one that is chosen by itself differs from device to device.
        return tf.nn.experimental.stateless_dropout(
            inputs, self.rate, seed=tf.stack([tf.constant(first, tf.int64), place]), rng_alg="philox"
        )

    def get_config(self) -> dict[str, Any]:
        """Returns what is needed to make the layer again."""
        return {**super().get_config(), "rate": self.rate}


def seed_dropout(model: keras.Model) -> None:
    """Puts a :class:`SeededDropout` in the place of each dropout layer of a network."""
    for owner in [model, *model.submodules]:
        for name, layer in list(vars(owner).items()):
            if isinstance(layer, keras.layers.Dropout):
                setattr(owner, name, SeededDropout(layer.rate, name=layer.name))
