"""Learning curves: what is drawn, where, and what is not."""

from __future__ import annotations

import pytest
from page_reader import shapes, texts
from stories import course

from tfclassify.quality.report.pictures.curves import learning_curves, series_name


def test_curves_of_losses_and_of_validation_metrics():
    losses, metrics = learning_curves(course(4), 3)
    assert (losses.title, metrics.title) == ("Loss", "Validation metrics")
    assert texts(losses)[:2] == ["training loss", "validation log loss"]
    # Micro-F1 is accuracy where each row has one label: one line, both names.
    assert texts(metrics)[:3] == ["accuracy = micro-F1", "macro-F1", "MCC"]
    assert "best epoch 3" in texts(losses)
    assert len(shapes(losses, "circle", "dot")) == 8


def test_the_best_epoch_is_marked_where_it_is():
    (losses, _) = learning_curves(course(5), 4)
    (mark,) = shapes(losses, "line", "best")
    places = sorted({circle["cx"] for circle in shapes(losses, "circle", "dot")}, key=float)
    assert mark["x1"] == places[3]


def test_higher_values_are_drawn_higher():
    history = [{"epoch": epoch, "loss": loss} for epoch, loss in enumerate([3.0, 1.0, 2.0], 1)]
    (picture,) = learning_curves(history, None)
    heights = [float(circle["cy"]) for circle in shapes(picture, "circle", "dot")]
    assert heights[1] > heights[2] > heights[0]
    assert not shapes(picture, "line", "best")


def test_one_epoch_is_a_point():
    losses, _ = learning_curves(course(1), 1)
    assert len(shapes(losses, "circle", "dot")) == 2
    assert "1" in texts(losses)


def test_many_epochs_are_lines_without_points():
    losses, _ = learning_curves(course(200), 5)
    assert shapes(losses, "circle", "dot") == []
    assert len(shapes(losses, "path", "line")) == 2


@pytest.mark.parametrize("history", [[], [{"epoch": 1}], [{"epoch": 1, "loss": float("nan"), "validation_mcc": None}]])
def test_what_was_never_measured_is_not_drawn(history):
    assert learning_curves(history, None) == []


def test_epochs_without_a_value_are_passed_over():
    (picture,) = learning_curves([{"epoch": 1, "loss": 2.0}, {"epoch": 2}, {"epoch": 3, "loss": 1.0}], None)
    assert len(shapes(picture, "circle", "dot")) == 2


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("loss", "training loss"),
        ("validation_macro_f1", "validation macro-F1"),
        ("validation_my_metric", "validation my metric"),
        ("learning_rate", "learning rate"),
    ],
)
def test_series_names(key, name):
    assert series_name(key) == name
