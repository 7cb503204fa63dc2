"""Answers made in the graph against those made outside of it."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfclassify.model.answer import Answering, answers
from tfclassify.model.routes import Routed
from tfclassify.quality.calibration import scope_score, scores

LOGITS = np.array([[1.0, 3.0, 2.0], [0.0, 0.0, 0.0], [-50.0, 40.0, -60.0]], np.float32)


def made(*, multilabel: bool = False, threshold: float = 0.5, scope: float | None = None) -> dict[str, np.ndarray]:
    how = Answering(("a", "b", "c"), multilabel, 2.0, threshold, scope)
    found = answers(Routed(tf.constant(LOGITS), tf.fill([3], "exit@2")), tf.constant([0, 1, 2]), how)
    return {name: value.numpy() for name, value in found.items()}


@pytest.mark.parametrize("multilabel", [False, True])
def test_scores_by_falling_score_under_the_names_of_their_labels(multilabel: bool) -> None:
    found = made(multilabel=multilabel)
    expected = scores(LOGITS, temperature=2.0, multilabel=multilabel)
    order = np.argsort(-expected, axis=1, kind="stable")
    np.testing.assert_allclose(found["scores"], np.take_along_axis(expected, order, 1), atol=1e-7)
    # Of equal scores the first label comes first.
    assert found["labels"].tolist() == np.array([b"a", b"b", b"c"])[order].tolist()
    assert found["label"].tolist() == [b"b", b"a", b"b"]
    np.testing.assert_array_equal(found["score"], found["scores"][:, 0])


def test_scope() -> None:
    expected = scope_score(LOGITS, 2.0)
    np.testing.assert_allclose(made()["scope_score"], expected, rtol=1e-6)
    assert made()["in_scope"].tolist() == [True, True, True]
    assert made(scope=float(expected[0]) - 1e-3)["in_scope"].tolist() == [True, False, True]


def test_labels_are_chosen_from_the_threshold_on_where_a_row_may_have_several() -> None:
    assert "chosen" not in made()
    found = made(multilabel=True, threshold=0.5)
    assert found["chosen"].tolist() == [[True, True, True], [True, True, True], [True, False, False]]
    assert made(multilabel=True, threshold=0.75)["chosen"].tolist()[0] == [True, False, False]


def test_what_is_the_same_for_all() -> None:
    found = made()
    assert found["route"].tolist() == [b"exit@2"] * 3
    assert found["rule"].tolist() == [b""] * 3
    assert found["masked"].tolist() == [0, 1, 2]
    assert {name: value.dtype for name, value in found.items()} == {
        "labels": object,
        "scores": np.float32,
        "label": object,
        "score": np.float32,
        "in_scope": np.bool_,
        "scope_score": np.float32,
        "route": object,
        "rule": object,
        "masked": np.int32,
    }
