"""The confusion matrix: each count where it belongs, at any number of classes."""

from __future__ import annotations

import numpy as np
import pytest
from page_reader import read, shapes, texts
from stories import HOSTILE, make_story

from tfclassify.quality.metrics import confusion
from tfclassify.quality.report.pictures.confusion import confusion_matrix, most_confused, part


def matrix_of(classes: int, rows: int) -> tuple[np.ndarray, tuple[str, ...]]:
    predictions = make_story(classes, rows).predictions
    return confusion(predictions), predictions.labels


@pytest.mark.parametrize("classes", [2, 6, 12, 30])
def test_a_matrix_of_few_classes_shows_each_count(classes):
    matrix, labels = matrix_of(classes, 600)
    picture = confusion_matrix(matrix, labels)
    numbers = [int(words.replace(",", "")) for words in texts(picture) if words.replace(",", "").isdigit()]
    assert sorted(numbers) == sorted(matrix[matrix > 0].tolist())
    assert set(labels) <= set(read(picture.svg).words) | {"others"}


@pytest.mark.parametrize("classes", [31, 77, 150])
def test_a_matrix_of_many_classes_shows_thirty_and_the_sum_of_others(classes):
    matrix, labels = matrix_of(classes, classes * 20)
    shown = part(matrix, labels)
    assert shown.matrix.shape == (31, 31)
    assert shown.labels[-1] == "others"
    assert shown.matrix.sum() == matrix.sum()
    for row, label in enumerate(shown.labels[:-1]):
        place = labels.index(label)
        assert shown.matrix[row].sum() == matrix[place].sum()
        assert shown.matrix[:, row].sum() == matrix[:, place].sum()
        assert shown.matrix[row, row] == matrix[place, place]
    errors = matrix.sum() - matrix.trace()
    inner = shown.matrix[:-1, :-1]
    caption = confusion_matrix(matrix, labels).caption
    assert f"The 30 most confused of {classes} classes" in caption
    assert f"they hold {inner.sum() - inner.trace():,} of {errors:,} errors" in caption


def test_the_most_confused_classes_are_those_of_the_most_frequent_confusions():
    wrong = np.zeros((40, 40), np.int64)
    wrong[3, 17], wrong[17, 20], wrong[5, 6] = 9, 8, 1
    assert most_confused(wrong, 3) == [3, 17, 20]
    # A pair that no longer fits as a whole is passed over; the first unconfused class fills up.
    assert most_confused(wrong, 4) == [0, 3, 17, 20]
    assert most_confused(wrong, 5) == [3, 5, 6, 17, 20]
    assert most_confused(wrong[:4, :4], 30) == [0, 1, 2, 3]


def test_classes_confused_with_each_other_lie_side_by_side():
    matrix = np.diag(np.full(20, 50))
    for row in range(10):
        matrix[row, row + 10] = 8
    labels = [f"c{number}" for number in range(20)]
    order = part(matrix, labels).labels
    assert sorted(order) == sorted(labels)
    for row in range(10):
        assert abs(order.index(f"c{row}") - order.index(f"c{row + 10}")) == 1


def test_few_classes_keep_their_order():
    matrix, labels = matrix_of(12, 240)
    assert part(matrix, labels).labels == labels


def test_stronger_colours_are_larger_shares_and_none_hides_its_number():
    picture = confusion_matrix(np.array([[90, 10], [1, 99]]), ["a", "b"])
    right = [float(cell["fill-opacity"]) for cell in shapes(picture, "rect", "cell right")]
    wrong = [float(cell["fill-opacity"]) for cell in shapes(picture, "rect", "cell wrong")]
    assert right[0] < right[1]
    assert wrong[0] > wrong[1]
    assert max(*right, *wrong) <= 0.6


def test_a_matrix_without_rows_or_errors_can_be_drawn():
    assert "0 of 0 rows" in confusion_matrix(np.zeros((3, 3), np.int64), ["a", "b", "c"]).svg
    assert not shapes(confusion_matrix(np.diag([5, 5]), ["a", "b"]), "rect", "wrong")


def test_long_and_hostile_labels_are_cut_and_escaped():
    picture = confusion_matrix(np.eye(2, dtype=np.int64), ["".join(HOSTILE), "x" * 10_000])
    found = read(picture.svg)
    assert found.spoilt == []
    assert "script" not in [tag for tag, _ in found.elements]
    assert len(picture.svg) < 5000
    assert "\u202e" not in picture.svg
