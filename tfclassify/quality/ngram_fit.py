"""Fits the linear model over n-grams of word pieces that goes into the graph."""

from __future__ import annotations

from math import floor, log2

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.preprocessing import normalize

from tfclassify.model.ngrams import DAMPED, MOST_COUNTED, UNIT, NgramModel
from tfclassify.quality.baseline import fit_column, log_odds
from tfclassify.text.ngram_hashing import PieceRun, hashed_ngrams

# A bucket that one training row has says nothing of another, and takes two thirds of the room.
LEAST_ROWS = 2
LARGEST_WEIGHT = np.iinfo(np.int16).max


def fit_ngrams(
    pieces: PieceRun, truth: NDArray[np.int32] | NDArray[np.bool_], *, classes: int, buckets: int
) -> NgramModel:
    """Fits one logistic regression per class to damped counts times inverse document frequencies, of length one.

    It is the baseline of the reports on word pieces in place of words and letters; the same input gives the same
    weights.

    Args:
        pieces: of N texts, all in scope.
        truth: int32[N], or bool[N, C] when multi-label.
        classes: C.
        buckets: M.
    """
    rows = len(truth)
    several = np.ndim(truth) == 2
    targets = np.asarray(truth, bool) if several else np.asarray(truth)[:, None] == np.arange(classes)
    counts = _counts(pieces, rows, buckets)
    used = np.flatnonzero(np.bincount(counts.indices, minlength=buckets) >= LEAST_ROWS)
    counts = counts[:, used]
    having = np.bincount(counts.indices, minlength=len(used))
    idf = np.rint(UNIT * (np.log((1 + rows) / (1 + having)) + 1)).astype(np.int32)
    coefficients, bias = _fitted(_weighted(counts, idf), targets, mirrored=not several and classes == 2)
    scaled = coefficients * idf[:, None]
    # Weights are stored in as many binary places as the largest leaves room for.
    shift = floor(log2(LARGEST_WEIGHT / max(float(np.abs(scaled).max(initial=0.0)), 2.0**-20)))
    places = np.full(buckets, -1, np.int32)
    places[used] = np.arange(len(used))
    return NgramModel(places, idf, np.rint(scaled * 2.0**shift).astype(np.int16), bias, shift)


def _counts(pieces: PieceRun, rows: int, buckets: int) -> csr_matrix:
    owners, hashed = hashed_ngrams(pieces, buckets)
    counted = csr_matrix((np.ones(len(owners), np.int32), (owners, hashed)), shape=(rows, buckets))
    counted.sum_duplicates()
    return counted


def _weighted(counts: csr_matrix, idf: NDArray[np.int32]) -> csr_matrix:
    if not counts.shape[1]:
        return counts.astype(np.float32)
    damped = DAMPED[np.minimum(counts.data, MOST_COUNTED - 1)] * idf[counts.indices]
    return normalize(csr_matrix((damped.astype(np.float32), counts.indices, counts.indptr), shape=counts.shape))


def _fitted(
    features: csr_matrix, targets: NDArray[np.bool_], *, mirrored: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns float64[F, C] coefficients and float64[C] biases; two classes that exclude each other are asked once."""
    shares = targets.mean(axis=0)
    bias = np.array([log_odds(share) for share in shares], np.float64)
    weights = np.zeros((features.shape[1], len(bias)))
    if not features.nnz:
        return weights, bias
    for column in np.flatnonzero((shares > 0) & (shares < 1))[: 1 if mirrored else None]:
        weights[:, column], bias[column] = fit_column(features, targets[:, column])
        if mirrored:
            weights[:, 1 - column], bias[1 - column] = -weights[:, column], -bias[column]
    return weights, bias
