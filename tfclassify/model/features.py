"""Features as the network takes them: numbers normalised, categories looked up, by Keras layers that go into the graph.

What the layers know is measured on the training rows and kept as plain values, from which they are made again.

* A number is (value - mean) / spread, held between -10 and 10. A missing one (NaN, or not finite) is 0, which is the
  mean, and has a flag beside it.
* A category is the index of its value: 0 where it is missing (""), 1 where it is unseen, then the values by falling
  frequency. A value that only one training row has is taken for an unseen one: nothing could be learnt of it, and what
  an unseen value means is learnt from such rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from math import log2
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray

from tfclassify.errors import UsageError

NUMBERS, CATEGORIES = "feature_numbers", "feature_categories"
FEATURE_INPUTS = (NUMBERS, CATEGORIES)
# So far from the mean a number says no more than that it is far.
FURTHEST = 10.0
MOST_VALUES = 10_000
LEAST_ROWS = 2
MISSING, UNSEEN_MARK = "", "\0"
KNOWN_FROM = 2


@dataclass(frozen=True)
class Measures:
    """What is known of the features of the training rows.

    Attributes:
        numbers: mean and spread of each column of numbers.
        categories: the values of each column of categories, most frequent first.
        width: units of the layer in which features meet the text's vector.
    """

    numbers: Mapping[str, tuple[float, float]]
    categories: Mapping[str, tuple[str, ...]]
    width: int

    @property
    def flags_and_numbers(self) -> int:
        """How many values :func:`encode` makes of the numbers of a row."""
        return 2 * len(self.numbers)

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many indices each column of categories has."""
        return tuple(len(values) + KNOWN_FROM for values in self.categories.values())

    def described(self) -> dict[str, Any]:
        """Returns the measures as JSON has them."""
        return asdict(self)


def measures_of(described: Mapping[str, Any]) -> Measures:
    """Reads measures from what :meth:`Measures.described` gave.

    Raises:
        LookupError, TypeError, ValueError: it is something else.
    """
    return Measures(
        {str(name): (float(mean), float(spread)) for name, (mean, spread) in described["numbers"].items()},
        {str(name): tuple(map(str, values)) for name, values in described["categories"].items()},
        int(described["width"]),
    )


@dataclass(frozen=True)
class Encoder:
    """The layers that encode features, by the name of the column, and the measures that they were made of."""

    measures: Measures
    numbers: Mapping[str, keras.layers.Normalization]
    categories: Mapping[str, keras.layers.StringLookup]

    @cached_property
    def traced_numbers(self) -> Callable[..., tf.Tensor]:
        """:func:`encode_numbers` as one graph, traced once: takes rows int32[], then each column float32[B]."""
        columns = [tf.TensorSpec([None], tf.float32)] * len(self.numbers)

        @tf.function(input_signature=[tf.TensorSpec([], tf.int32), *columns], autograph=False)
        def traced(rows: tf.Tensor, *given: tf.Tensor) -> tf.Tensor:
            return encode_numbers(self, given, rows=rows)

        return traced

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns: numbers, then categories."""
        return (*self.numbers, *self.categories)


def mean_and_spread(values: NDArray[np.float32]) -> tuple[float, float]:
    """Measures a column of numbers, float32[N], of which those that are missing are NaN.

    Returns:
        The mean, as a float32 has it; and the standard deviation to the nearest power of two, by which any machine
        divides exactly, whether by the quotient or, as graph optimizers will have it, by a product.
    """
    # In double precision: the squares of dates in seconds are beyond single.
    known = values[np.isfinite(values)].astype(np.float64)
    if not len(known):
        return 0.0, 1.0
    deviation = float(known.std())
    return float(np.float32(known.mean())), 2.0 ** round(min(60, max(-60, log2(deviation)))) if deviation else 1.0


def frequent(values: Sequence[str], counts: Sequence[int], *, name: str) -> tuple[str, ...]:
    """Returns the values of a category that at least two training rows have, most frequent first.

    Raises:
        UsageError: there is none, or there are too many.
    """
    shared = [
        (-int(count), value)
        for value, count in zip(values, counts, strict=True)
        if count >= LEAST_ROWS and value not in (MISSING, UNSEEN_MARK)
    ]
    if not shared:
        raise UsageError(
            f"data.features: no two training rows have the same value in column '{name}'; expected a category that "
            "rows share; leave it out"
        )
    if len(shared) > MOST_VALUES:
        raise UsageError(
            f"data.features: column '{name}' has {len(shared)} different values that training rows share; expected "
            f"at most {MOST_VALUES}; leave it out"
        )
    return tuple(value for _, value in sorted(shared))


def encoder(measures: Measures) -> Encoder:
    """Makes the layers."""
    return Encoder(
        measures,
        {name: _normalization(mean, spread) for name, (mean, spread) in measures.numbers.items()},
        {name: _lookup(values) for name, values in measures.categories.items()},
    )


def _normalization(mean: float, spread: float) -> keras.layers.Normalization:
    layer = keras.layers.Normalization(axis=None, mean=mean, variance=spread**2, dtype="float32")
    # Built in a graph it could only be used there.
    layer.build([None])
    return layer


def _lookup(values: Sequence[str]) -> keras.layers.StringLookup:
    return keras.layers.StringLookup(vocabulary=list(values), mask_token=MISSING, oov_token=UNSEEN_MARK)


def input_specs(encoder: Encoder) -> dict[str, tf.TensorSpec]:
    """Returns the inputs of a graph that takes features as they are: numbers float32[B], categories string[B]."""
    kinds = {**dict.fromkeys(encoder.numbers, tf.float32), **dict.fromkeys(encoder.categories, tf.string)}
    return {name: tf.TensorSpec([None], kind, name=name) for name, kind in kinds.items()}


def encode(encoder: Encoder, given: Mapping[str, tf.Tensor], *, rows: tf.Tensor) -> dict[str, tf.Tensor]:
    """Encodes the features of B rows, in any graph.

    Args:
        encoder: the layers.
        given: numbers float32[B] and categories string[B] by name.
        rows: int32[], B.

    Returns:
        ``feature_numbers`` float32[B, 2A], the A numbers and then a 1 for each that is missing; and
        ``feature_categories`` int32[B, C], indices.
    """
    with tf.name_scope("features"):
        numbers = encode_numbers(encoder, [given[name] for name in encoder.numbers], rows=rows)
        indices = [layer(given[name]) for name, layer in encoder.categories.items()]
        none = tf.zeros(tf.stack([rows, 0]), tf.int32)
        categories = tf.cast(tf.stack(indices, axis=1), tf.int32) if indices else none
    return {NUMBERS: numbers, CATEGORIES: categories}


def encode_numbers(encoder: Encoder, columns: Sequence[tf.Tensor], *, rows: tf.Tensor) -> tf.Tensor:
    """Encodes A columns of numbers float32[B] as float32[B, 2A]."""
    if not columns:
        return tf.zeros(tf.stack([rows, 0]), tf.float32)
    values, flags = [], []
    for column, (name, layer) in zip(columns, encoder.numbers.items(), strict=True):
        known, mean = tf.math.is_finite(column), encoder.measures.numbers[name][0]
        near = layer(tf.where(known, column, tf.constant(mean, tf.float32)))
        values.append(tf.clip_by_value(near, -FURTHEST, FURTHEST))
        flags.append(1.0 - tf.cast(known, tf.float32))
    return tf.stack([*values, *flags], axis=1)


def indices_of(encoder: Encoder, name: str, values: Sequence[str]) -> NDArray[np.int32]:
    """Looks up the values of a category, int32[N]."""
    if not values:
        return np.zeros(0, np.int32)
    return encoder.categories[name](tf.constant(list(values), tf.string)).numpy().astype(np.int32)


def tables(encoder: Encoder) -> list[Any]:
    """Returns what a SavedModel has to keep beside the weights: the tables of the categories."""
    return [layer.lookup_table for layer in encoder.categories.values()]
