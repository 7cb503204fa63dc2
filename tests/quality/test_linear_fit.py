"""Linear classifiers on vectors: they find what is there, whatever its scale, and do not fall over what is not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from tfclassify.quality.linear_fit import NEVER, fit_linear

ROWS, WIDTH = 400, 6


def vectors(*, scale: float = 1.0, seed: int = 0) -> np.ndarray:
    return (scale * np.random.default_rng(seed).normal(3.0, 1.0, (ROWS, WIDTH))).astype(np.float32)


def logits(fitted: tuple[np.ndarray, np.ndarray], given: np.ndarray) -> np.ndarray:
    return given @ fitted[0] + fitted[1]


@pytest.mark.parametrize("classes", [2, 3])
def test_it_finds_the_class_of_the_largest_number(classes: int) -> None:
    given = vectors()
    truth = given[:, :classes].argmax(axis=1)
    fitted = fit_linear(given, truth, classes=classes)
    assert (fitted[0].shape, fitted[1].shape) == ((WIDTH, classes), (classes,))
    assert (fitted[0].dtype, fitted[1].dtype) == (np.float32, np.float32)
    made = logits(fitted, given)
    assert (made.argmax(axis=1) == truth).mean() > 0.9
    # What all classes have in common says how much a text looks like any of them, and is not left to chance.
    np.testing.assert_allclose(made.mean(axis=1), 0.0, atol=1e-3)


def test_labels_that_a_row_may_have_several_of() -> None:
    given = vectors()
    truth = given[:, :2] > 3.0
    made = logits(fit_linear(given, truth, classes=2), given)
    assert ((made > 0) == truth).mean() > 0.9


def test_the_scale_of_the_vectors_changes_nothing() -> None:
    truth = vectors().argmax(axis=1)
    made = [logits(fit_linear(vectors(scale=scale), truth, classes=WIDTH), vectors(scale=scale)) for scale in (1, 50)]
    np.testing.assert_allclose(made[0], made[1], atol=2e-2)


def test_a_label_that_no_row_has_is_never_given() -> None:
    given = vectors()
    truth = np.where(given[:, 0] > 3.0, 0, 3)
    kernel, bias = fit_linear(given, truth, classes=4)
    assert bias[1:3].tolist() == [NEVER, NEVER]
    assert not kernel[:, 1:3].any()
    assert softmax(logits((kernel, bias), given), axis=1)[:, 1:3].max() < 1e-10


def test_one_label_alone() -> None:
    given = vectors()
    assert (logits(fit_linear(given, np.full(ROWS, 1), classes=3), given).argmax(axis=1) == 1).all()
    several = np.tile([True, False], (ROWS, 1))
    made = logits(fit_linear(given, several, classes=2), given)
    assert (made[:, 0] > 0).all()
    assert (made[:, 1] < 0).all()


def test_a_number_that_is_the_same_in_all_rows() -> None:
    given = vectors()
    given[:, 5] = 7.0
    assert np.isfinite(fit_linear(given, given[:, :2].argmax(axis=1), classes=2)[0]).all()
