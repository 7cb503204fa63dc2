"""The baseline that goes into the graph: a linear model over hashed n-grams of word pieces, in integers.

A word that the vocabulary does not know counts as itself, where it is known which it is.

Counts, weights and norms are integers, so that sums are exact whatever their order, and what is done with them in
double precision is correctly rounded everywhere: a text has the same logits, to the last bit, in NumPy and in the
graph, alone and in any batch. What is sure enough for an answer is so on both sides.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from tfclassify.errors import UsageError
from tfclassify.text import ngram_hashing, ngram_hashing_ops
from tfclassify.text.ngram_hashing import PieceRun
from tfclassify.text.ngram_hashing_ops import PieceRunOps

# A count, or an inverse document frequency, of one.
UNIT = 256
# 1 + log(count), by count; more often than that is as often as that.
MOST_COUNTED = 4096
DAMPED = np.array([0, *(round(UNIT * (1 + log(count))) for count in range(1, MOST_COUNTED))], np.int64)
# Its name scope in the graph.
SCOPE = "baseline"
SHIFT = "shift"
# Of what is hashed: since 2, a word that is unknown counts as itself.
VERSION, FORMAT = "version", "2"
MOST_PRODUCTS = 4_000_000


@dataclass(frozen=True, eq=False)
class NgramModel:
    """A linear model of C labels over the F of M buckets that are used.

    The logit of a label is ``sum(d * weights) * 2^-shift / norm + bias``, where d is the damped count of a bucket and
    norm the length of the vector of all ``d * idf``.

    Attributes:
        places: int32[M], the row of a bucket in ``weights``, or -1 where it is not used.
        idf: int32[F], inverse document frequencies times 256.
        weights: int16[F, C], times the inverse document frequency and 2^shift.
        bias: float64[C].
        shift: binary places of the weights.
    """

    places: NDArray[np.int32]
    idf: NDArray[np.int32]
    weights: NDArray[np.int16]
    bias: NDArray[np.float64]
    shift: int

    @property
    def size(self) -> int:
        """How many numbers it is made of."""
        return self.places.size + self.idf.size + self.weights.size + self.bias.size


def ngram_logits(model: NgramModel, pieces: PieceRun, *, rows: int) -> NDArray[np.float64]:
    """Returns float64[N, C], the logits of N texts.

    Args:
        model: of C labels.
        pieces: of the texts.
        rows: N.
    """
    owners, features, damped = _counted(model, pieces)
    squares = np.zeros(rows, np.int64)
    np.add.at(squares, owners, (damped * model.idf[features]) ** 2)
    sums = np.zeros((rows, len(model.bias)), np.int64)
    # So that some tens of megabytes are worked on at a time.
    step = max(1, MOST_PRODUCTS // len(model.bias))
    for start in range(0, len(owners), step):
        part = slice(start, start + step)
        products = damped[part, None] * model.weights[features[part]].astype(np.int64)
        starts = np.flatnonzero(np.diff(owners[part], prepend=-1))
        sums[owners[part][starts]] += np.add.reduceat(products, starts)
    norms = np.sqrt(np.maximum(squares, 1).astype(np.float64))
    return sums.astype(np.float64) / norms[:, None] * 2.0**-model.shift + model.bias


def _counted(model: NgramModel, pieces: PieceRun) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Returns for each used bucket of each text: the text, the row of the weights, and the damped count."""
    owners, buckets = ngram_hashing.hashed_ngrams(pieces, len(model.places))
    places = model.places[buckets].astype(np.int64)
    used = places >= 0
    keys, counts = np.unique(owners[used] * len(model.idf) + places[used], return_counts=True)
    features = max(len(model.idf), 1)
    return keys // features, keys % features, DAMPED[np.minimum(counts, MOST_COUNTED - 1)]


@dataclass(frozen=True, eq=False)
class NgramOps:
    """A model as variables of a graph, which are written beside it and not into it."""

    places: tf.Variable
    idf: tf.Variable
    weights: tf.Variable
    bias: tf.Variable
    shift: int

    @property
    def variables(self) -> tuple[tf.Variable, ...]:
        """All of them."""
        return self.places, self.idf, self.weights, self.bias


def in_graph(model: NgramModel) -> NgramOps:
    """Makes the variables of a model."""

    def variable(name: str, values: NDArray) -> tf.Variable:
        return tf.Variable(values, trainable=False, name=f"{SCOPE}/{name}")

    return NgramOps(
        variable("places", model.places),
        variable("idf", model.idf),
        variable("weights", model.weights),
        variable("bias", model.bias),
        model.shift,
    )


def ngram_logits_ops(model: NgramOps, pieces: PieceRunOps) -> tf.Tensor:
    """Returns float64[B, C]: what :func:`ngram_logits` gives, in ops."""
    buckets = int(model.places.shape[0])
    owners, hashed = ngram_hashing_ops.hashed_ngrams(pieces, buckets)
    places = tf.cast(tf.gather(model.places, hashed), tf.int64)
    used = places >= 0
    features = max(int(model.idf.shape[0]), 1)
    keys = tf.boolean_mask(owners, used) * features + tf.boolean_mask(places, used)
    found, _, counts = tf.unique_with_counts(keys, tf.int64)
    damped = tf.gather(tf.constant(DAMPED), tf.minimum(counts, MOST_COUNTED - 1))
    owners, rows = found // features, found % features
    weighted = damped[:, None] * tf.cast(tf.gather(model.weights, rows), tf.int64)
    lengths = (damped * tf.cast(tf.gather(model.idf, rows), tf.int64)) ** 2
    sums = tf.math.unsorted_segment_sum(weighted, owners, pieces.rows)
    squares = tf.maximum(tf.math.unsorted_segment_sum(lengths, owners, pieces.rows), 1)
    norms = tf.sqrt(tf.cast(squares, tf.float64))
    return tf.cast(sums, tf.float64) / norms[:, None] * 2.0**-model.shift + model.bias


def margins(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns float64[N]: how far the best label of each text is ahead of the second."""
    best = np.partition(logits, -2, axis=1)[:, -2:]
    return best[:, 1] - best[:, 0]


def margins_ops(logits: tf.Tensor) -> tf.Tensor:
    """Returns float64[B]: what :func:`margins` gives, in ops."""
    best = tf.math.top_k(logits, 2).values
    return best[:, 0] - best[:, 1]


def write_ngrams(model: NgramModel, file: Path) -> None:
    """Writes a model to a safetensors file, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    arrays: dict[str, NDArray] = {
        "places": model.places,
        "idf": model.idf,
        "weights": model.weights,
        "bias": model.bias,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        aside.write_bytes(save(arrays, metadata={SHIFT: str(model.shift), VERSION: FORMAT}))
        aside.replace(file)
    finally:
        aside.unlink(missing_ok=True)


def read_ngrams(file: Path) -> NgramModel:
    """Reads a model.

    Raises:
        UsageError: the file is not what a training writes.
    """
    try:
        with safe_open(file, framework="numpy") as opened:
            arrays: Mapping[str, NDArray] = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
            facts = opened.metadata()
        version, shift = facts.get(VERSION), int(facts[SHIFT])
        model = NgramModel(arrays["places"], arrays["idf"], arrays["weights"], arrays["bias"], shift)
    except (OSError, SafetensorError, LookupError, TypeError, ValueError) as error:
        raise UsageError(f"{file} is not what a training writes ({error!r}); train again") from error
    if version != FORMAT:
        raise UsageError(f"{file} is of another version of tfclassify; train again")
    return model
