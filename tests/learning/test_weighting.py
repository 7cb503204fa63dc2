"""How much a row counts, by its own weight and by its label; steps as large as without weights; where heads begin."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from tfclassify.errors import UsageError
from tfclassify.learning.weighting import head_bias, label_weights, row_weights

LABELS = ("a", "b", "c")
COUNTS = {"a": 8, "b": 2, "c": 2}


def by_label(choice: Any) -> list[float]:
    weights = label_weights(choice, LABELS, COUNTS)
    assert weights.dtype == np.float32
    return weights.tolist()


def test_none() -> None:
    assert by_label("none") == [1.0, 1.0, 1.0]


def test_the_square_root_is_half_of_the_way_to_balanced() -> None:
    counts = {"a": 100, "b": 25, "c": 1}
    balanced, half = (label_weights(choice, tuple(counts), counts) for choice in ("balanced", "square_root"))
    np.testing.assert_allclose(half**2, balanced, rtol=1e-6)
    assert half[2] / half[0] == pytest.approx(10.0)


def test_balanced_is_as_in_scikit_learn() -> None:
    truth = np.repeat([0, 1, 2], [8, 2, 2])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=truth)
    np.testing.assert_allclose(by_label("balanced"), expected, rtol=1e-6)


def test_balanced_of_a_label_without_rows_is_finite() -> None:
    assert np.isfinite(label_weights("balanced", LABELS, {"a": 8, "b": 2, "c": 0})).all()


def test_by_name() -> None:
    assert by_label({"c": 3.0, "a": 0.5}) == [0.5, 1.0, 3.0]
    assert by_label({}) == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"a": 1.0, "B": 2.0}, "train.class_weights names 'B', which is no label; did you mean 'b'?"),
        ({"xyz": 2.0}, "train.class_weights names 'xyz', which is no label"),
        ("balance", "train.class_weights is 'balance'; expected none, balanced, square_root, or weights by label name"),
    ],
)
def test_what_is_no_weight(choice: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        by_label(choice)
    assert str(caught.value) == message


def bias(choice: str, *, multilabel: bool, counts: dict[str, int] = COUNTS) -> np.ndarray:
    found = head_bias(choice, LABELS, counts, rows=12, multilabel=multilabel)
    assert found.dtype == np.float32
    return found


@pytest.mark.parametrize("multilabel", [True, False])
def test_a_head_that_begins_at_zero(multilabel: bool) -> None:
    assert bias("zeros", multilabel=multilabel).tolist() == [0.0, 0.0, 0.0]


def test_a_head_that_begins_at_the_shares_of_the_labels() -> None:
    several = 1 / (1 + np.exp(-bias("shares", multilabel=True)))
    np.testing.assert_allclose(several, [8.5 / 13, 2.5 / 13, 2.5 / 13], rtol=1e-6)
    one = np.exp(bias("shares", multilabel=False))
    np.testing.assert_allclose(one, [8.5 / 13.5, 2.5 / 13.5, 2.5 / 13.5], rtol=1e-6)


@pytest.mark.parametrize("multilabel", [True, False])
def test_a_label_of_no_row_or_of_all_has_finite_odds(multilabel: bool) -> None:
    assert np.isfinite(bias("shares", multilabel=multilabel, counts={"a": 12, "b": 0, "c": 5})).all()


def of_rows(truth: Any, own: list[float] | None = None, labels: list[float] | None = None) -> list[float]:
    own = [1.0] * len(truth) if own is None else own
    weights = row_weights(np.array(truth), np.array(own, np.float32), np.array(labels or [1.0] * 3, np.float32))
    assert weights.dtype == np.float32
    return weights.tolist()


def test_a_row_counts_by_its_label() -> None:
    assert of_rows([0, 1, 1, 2], labels=[1.0, 2.0, 3.0]) == pytest.approx([0.5, 1.0, 1.0, 1.5])


def test_a_row_counts_by_its_own_weight() -> None:
    assert of_rows([0, 0, 0], own=[1.0, 2.0, 3.0]) == pytest.approx([0.5, 1.0, 1.5])


def test_weights_are_multiplied() -> None:
    assert of_rows([0, 1], own=[3.0, 1.0], labels=[1.0, 3.0, 1.0]) == pytest.approx([1.0, 1.0])
    assert of_rows([0, 1], own=[1.0, 1.0], labels=[1.0, 3.0, 1.0]) == pytest.approx([0.5, 1.5])


def test_a_row_of_several_labels_counts_by_the_heaviest() -> None:
    truth = [[True, True, False], [True, False, False], [False, False, False]]
    # A row without a label counts one.
    assert of_rows(truth, labels=[0.5, 4.5, 9.0]) == pytest.approx(np.array([4.5, 0.5, 1.0]) / 2.0)


def test_rows_that_do_not_count_make_the_others_no_heavier() -> None:
    """A step divides by the number of rows that count, so that their mean is what has to be 1."""
    assert of_rows([0, 0, 0, 0], own=[1.0, 1.0, 0.0, 0.0]) == [1.0, 1.0, 0.0, 0.0]


@given(
    st.lists(st.tuples(st.integers(0, 2), st.just(0.0) | st.floats(2**-60, 2**60, width=32)), min_size=1, max_size=20),
    st.lists(st.floats(0.015625, 1e3, width=32), min_size=3, max_size=3),
)
def test_the_mean_over_the_rows_that_count_is_one(rows: list[tuple[int, float]], labels: list[float]) -> None:
    own = np.array([weight for _, weight in rows], np.float32)
    if not own.any():
        return
    made = np.array(of_rows([label for label, _ in rows], own.tolist(), labels))
    assert np.isfinite(made).all()
    assert made[own > 0].mean() == pytest.approx(1.0, rel=1e-4)
    # The ratio of two rows is that of what was given.
    expected = own.astype(float) * np.array(labels, np.float32)[[label for label, _ in rows]]
    heaviest = expected.argmax()
    np.testing.assert_allclose(made / made[heaviest], expected / expected[heaviest], rtol=1e-4, atol=1e-30)


def test_no_row_counts() -> None:
    with pytest.raises(UsageError) as caught:
        of_rows([0, 1], own=[0.0, 0.0])
    assert str(caught.value) == (
        "data.weight: every training row has weight 0; expected one above 0 in at least one row"
    )
