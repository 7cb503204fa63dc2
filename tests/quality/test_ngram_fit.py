"""The fit of the in-graph baseline: what it learns, what it leaves out, and that it is scikit-learn's model."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tfclassify.model.ngrams import UNIT, ngram_logits
from tfclassify.quality.ngram_fit import _counts, _weighted, fit_ngrams
from tfclassify.text.ngram_hashing import PieceRun

BUCKETS = 1 << 16


def run_of(texts: list[str]) -> PieceRun:
    return PieceRun(
        np.array([ord(letter) for text in texts for letter in text], np.int64),
        np.array([2 * row for row, text in enumerate(texts) for _ in text], np.int64),
    )


def made(rows: int, labels: str, seed: int = 0) -> tuple[list[str], np.ndarray]:
    chance = Random(seed)
    truth = [chance.randrange(len(labels)) for _ in range(rows)]
    texts = ["".join(chance.choices(labels[each] * 2 + "xyz", k=6)) for each in truth]
    return texts, np.array(truth, np.int32)


@pytest.mark.parametrize("labels", ["ab", "abcd"])
def test_it_learns(labels: str) -> None:
    texts, truth = made(300, labels)
    model = fit_ngrams(run_of(texts), truth, classes=len(labels), buckets=BUCKETS)
    new, expected = made(200, labels, seed=1)
    right = ngram_logits(model, run_of(new), rows=200).argmax(axis=1) == expected
    assert right.mean() > 0.9


def test_its_logits_are_those_of_the_library_but_for_rounding() -> None:
    texts, truth = made(200, "abc")
    model = fit_ngrams(run_of(texts), truth, classes=3, buckets=BUCKETS)
    counts = _counts(run_of(texts), 200, BUCKETS)[:, np.flatnonzero(model.places >= 0)]
    features = _weighted(counts, model.idf)
    own = LogisticRegression(C=10.0, max_iter=300, tol=1e-2, solver="liblinear", dual=True, random_state=0)
    expected = own.fit(features, truth == 1).decision_function(features)
    found = ngram_logits(model, run_of(texts), rows=200)[:, 1]
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_ngrams_of_one_row_are_left_out() -> None:
    texts = ["aab", "aa", "bb", "qb"]
    model = fit_ngrams(run_of(texts), np.array([0, 0, 1, 1], np.int32), classes=2, buckets=BUCKETS)
    # a, b and aa are in two rows; ab, bb, q and qb in one.
    assert len(model.idf) == 3
    assert sorted(np.unique(model.places).tolist()) == [-1, 0, 1, 2]
    np.testing.assert_array_equal(np.sort(model.idf), np.rint(UNIT * (np.log(5 / np.array([4, 3, 3])) + 1)))


def test_several_labels() -> None:
    texts = ["a", "b", "ab", "ba", "x", "a", "b", "xx"] * 4
    truth = np.array([["a" in text, "b" in text] for text in texts])
    model = fit_ngrams(run_of(texts), truth, classes=2, buckets=BUCKETS)
    found = ngram_logits(model, run_of(texts), rows=len(texts)) > 0
    np.testing.assert_array_equal(found, truth)


@pytest.mark.parametrize("texts", [["", "", ""], ["q", "r", "s"]])
def test_without_any_ngram_only_shares_are_left(texts: list[str]) -> None:
    model = fit_ngrams(run_of(texts), np.array([0, 1, 1], np.int32), classes=3, buckets=256)
    found = ngram_logits(model, run_of(["", "zz"]), rows=2)
    np.testing.assert_allclose(found, [[np.log(1 / 2), np.log(2), -20.0]] * 2)


def test_the_same_rows_give_the_same_weights() -> None:
    texts, truth = made(60, "ab")
    one, other = (fit_ngrams(run_of(texts), truth, classes=2, buckets=BUCKETS) for _ in range(2))
    np.testing.assert_array_equal(one.weights, other.weights)
    np.testing.assert_array_equal(one.weights[:, 0], -one.weights[:, 1])
