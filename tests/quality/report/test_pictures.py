"""Every picture: drawn where it should be, read out, and with its words escaped."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_reader import read
from stories import course, make_story

from tfclassify.quality.calibration import reliability
from tfclassify.quality.metrics import confusion
from tfclassify.quality.predictions import in_scope
from tfclassify.quality.report.pictures.confusion import confusion_matrix, most_confused, part
from tfclassify.quality.report.pictures.curves import learning_curves, series_name
from tfclassify.quality.report.pictures.drawing import Frame, element, padded, tick_words, ticks, whole_ticks
from tfclassify.quality.report.pictures.lengths import bars_of, length_histogram
from tfclassify.quality.report.pictures.reliability import reliability_diagram
from tfclassify.quality.report.pictures.scope import let_in_threshold, scope_histogram
from tfclassify.quality.report.pictures.shares import accuracy_strip
from tfclassify.quality.report.verdict import Share

HOSTILE = "</text><script>alert(1)</script>&\"'\u202e\x00"


def shapes(picture, tag: str, class_: str) -> list[dict[str, str]]:
    """The attributes of elements of a tag and a class."""
    elements = read(picture.svg).elements
    return [attributes for name, attributes in elements if name == tag and class_ in (attributes.get("class") or "")]


def texts(picture) -> list[str]:
    return [words for words in re.findall(r"<text[^>]*>(?:<title>.*?</title>)?([^<]*)</text>", picture.svg) if words]


def matrix_of(classes: int, rows: int) -> tuple[np.ndarray, tuple[str, ...]]:
    predictions = make_story(classes, rows).predictions
    return confusion(predictions), predictions.labels


def pictures():
    story = make_story(6, 300, out_of_scope=60)
    predictions = story.predictions
    return {
        "curves": learning_curves(story.history, 4)[0],
        "confusion": confusion_matrix(confusion(predictions), predictions.labels),
        "reliability": reliability_diagram(reliability(predictions), "row"),
        "lengths": length_histogram(story.lengths, story.buckets),
        "scope": scope_histogram(predictions.scope_scores, in_scope(predictions)),
        "shares": accuracy_strip([Share("this classifier", 0.9, (0.88, 0.92)), Share("the baseline", 0.85, None)]),
    }


@pytest.mark.parametrize("name", sorted(pictures()))
def test_every_picture_is_well_formed_read_out_and_has_no_colour_of_its_own(name):
    picture = pictures()[name]
    found = read(picture.svg)
    tag, attributes = found.elements[0]
    assert found.spoilt == []
    assert tag == "svg"
    assert attributes["role"] == "img"
    assert len(attributes["aria-label"]) > 20
    assert picture.width == round(float(attributes["width"]))
    for _, attributes in found.elements:
        assert not {"fill", "stroke", "style", "id", "href"} & set(attributes)


@pytest.mark.parametrize("name", sorted(pictures()))
def test_everything_is_drawn_within_the_picture(name):
    found = read(pictures()[name].svg)
    _, _, width, height = map(float, found.elements[0][1]["viewbox"].split())
    for tag, attributes in found.elements:
        for key, end in (("x", width), ("cx", width), ("x1", width), ("x2", width), ("y", height), ("cy", height)):
            if key in attributes and tag != "svg":
                assert -1 <= float(attributes[key]) <= end + 1, (tag, attributes)


def test_an_element_escapes_its_words_and_attributes():
    assert element("text", "</text>", "<b>", x=1.25, class_='a"b', text_anchor=None) == (
        '<text x="1.2" class="a&#34;b">&lt;/text&gt;&lt;b&gt;</text>'
    )
    assert element("rect", width=10.0, aria_label="x") == '<rect width="10" aria-label="x"/>'
    assert element("rect", x=float("nan")) == '<rect x="0"/>'


@pytest.mark.parametrize(
    ("low", "high", "number", "expected"),
    [
        (0, 1, 5, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0.73, 0.93, 5, [0.75, 0.8, 0.85, 0.9]),
        (-1, 1, 4, [-1, -0.5, 0, 0.5, 1]),
        (0, 4000, 4, [0, 1000, 2000, 3000, 4000]),
        (3, 3, 5, [3]),
    ],
)
def test_ticks_are_round(low, high, number, expected):
    assert ticks(low, high, number) == pytest.approx(expected)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 10))
def test_ticks_lie_within_and_are_evenly_apart(low, span, number):
    found = ticks(low, low + span, number)
    assert all(low - span * 1e-6 <= value <= low + span * (1 + 1e-6) for value in found)
    assert 1 <= len(found) <= number + 1
    steps = [after - before for before, after in pairwise(found)]
    assert steps == pytest.approx([steps[0]] * len(steps) if steps else [], rel=1e-3)


@given(st.floats(-1e4, 1e4), st.floats(0.01, 1e4))
def test_words_of_ticks_tell_them_apart(low, span):
    words = [written for _, written in tick_words(ticks(low, low + span))]
    assert len(set(words)) == len(words)
    assert len({len(written.partition(".")[2]) for written in words}) == 1


def test_whole_ticks_have_no_halves():
    assert whole_ticks(1, 4, 8) == [1, 2, 3, 4]
    assert whole_ticks(0.5, 1.5, 8) == [1]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_a_padded_range_is_never_empty(values):
    low, high = padded(values)
    assert low < min(values)
    assert high > max(values)


def test_a_frame_maps_its_edges():
    frame = Frame(10, 20, 100, 50, (0, 4), (1, 3))
    assert (frame.x(0), frame.x(4), frame.x(2)) == (10, 110, 60)
    assert (frame.y(1), frame.y(3), frame.y(2)) == (70, 20, 45)


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
    picture = confusion_matrix(np.eye(2, dtype=np.int64), [HOSTILE, "x" * 10_000])
    found = read(picture.svg)
    assert found.spoilt == []
    assert "script" not in [tag for tag, _ in found.elements]
    assert len(picture.svg) < 5000
    assert "\u202e" not in picture.svg


def test_the_reliability_diagram_has_a_point_per_filled_bin_and_bars_of_their_counts():
    bins = reliability(make_story(6, 800).predictions)
    filled = [each for each in bins if each.rows]
    picture = reliability_diagram(bins, "row")
    points = shapes(picture, "circle", "dot")[1:]
    assert len(points) == len(filled)
    assert len(shapes(picture, "line", "whisker")) == len(filled)
    heights = [float(point["cy"]) for point in points]
    order = np.argsort([-each.accuracy for each in filled], kind="stable")
    assert sorted(heights) == pytest.approx([heights[place] for place in order], abs=0.11)
    for each in filled:
        assert f"{each.rows:,}, mean score {each.confidence:.3f}" in picture.svg


def test_lengths_are_drawn_with_every_bucket():
    lengths, buckets = [0, 0, 4, 8, 2, 1, 0, 0, 3], [(16, 3), (8, 5)]
    picture = length_histogram(lengths, buckets)
    bars = shapes(picture, "rect", "bar")
    assert len(bars) == 4
    assert float(bars[1]["height"]) == pytest.approx(2 * float(bars[0]["height"]), abs=0.2)
    assert len(shapes(picture, "line", "edge")) == 2
    assert {"16 × 3", "8 × 5"} <= set(texts(picture))
    assert picture.caption.endswith("3 texts longer than 5 tokens.")


def test_crowded_buckets_do_not_write_over_each_other():
    buckets = [(256 - length, length) for length in range(10, 40, 2)] + [(4, 512)]
    picture = length_histogram([0, *[5] * 512], buckets)
    labels = [(shape["y"], float(shape["x"])) for shape in shapes(picture, "text", "note") if "text-anchor" in shape]
    assert len(shapes(picture, "line", "edge")) == len(buckets)
    for row in {y for y, _ in labels}:
        places = sorted(x for y, x in labels if y == row)
        assert all(after - before > 40 for before, after in pairwise(places))


def test_without_buckets_all_lengths_are_drawn():
    picture = length_histogram([0, 3, 5], [])
    assert picture.title == "Lengths"
    assert picture.caption == ""
    assert len(shapes(picture, "rect", "bar")) == 2


@given(st.lists(st.integers(0, 50), min_size=1, max_size=700))
def test_bars_hold_every_row(lengths):
    bars = bars_of(lengths)
    assert sum(bar.rows for bar in bars) == sum(lengths)
    assert len(bars) <= 96
    assert [bar.low for bar in bars[1:]] == [bar.high + 1 for bar in bars[:-1]]
    assert bars[-1].high == len(lengths) - 1


def test_scope_scores_are_drawn_back_to_back():
    inside = np.array([True] * 20 + [False] * 10)
    scores = np.concatenate([np.linspace(5, 9, 20), np.linspace(0, 5.5, 10)]).astype(np.float32)
    picture = scope_histogram(scores, inside)
    (middle,) = [float(shape["y1"]) for shape in shapes(picture, "line", "axis") if shape["y1"] == shape["y2"]][1:]
    assert all(
        float(bar["y"]) + float(bar["height"]) <= middle + 0.2 for bar in shapes(picture, "rect", "bar right")[1:]
    )
    assert all(float(bar["y"]) >= middle - 0.2 for bar in shapes(picture, "rect", "bar wrong")[1:])
    assert "20 texts in scope and 10 out of scope" in picture.svg
    assert "lets in 10.0% of the second" in picture.svg


def test_the_threshold_lets_in_95_of_a_hundred():
    scores = np.arange(100.0)
    threshold = let_in_threshold(scores)
    assert (scores >= threshold).mean() == 0.95
    assert let_in_threshold(np.array([3.0])) == 3.0


def test_equal_and_infinite_scope_scores_can_be_drawn():
    scores = np.array([1, 1, 1, np.inf, np.nan], np.float32)
    picture = scope_histogram(scores, np.array([True, True, False, False, True]))
    assert "2 texts in scope and 1 out of scope" in picture.svg


def test_accuracies_share_a_scale():
    shares = [Share("this classifier", 0.9, (0.8, 0.95)), Share("the baseline", 0.8, None)]
    picture = accuracy_strip(shares)
    first, second = shapes(picture, "circle", "dot")
    (spread,) = shapes(picture, "line", "spread")
    assert float(second["cx"]) == pytest.approx(float(spread["x1"]), abs=0.11)
    assert float(first["cx"]) > float(second["cx"])
    assert "this classifier  90.0% (80.0% to 95.0%)" in texts(picture)


def test_extreme_accuracies_can_be_drawn():
    assert "100.0%" in accuracy_strip([Share("this classifier", 1.0, (0.2, 1.0))]).svg
    assert "0.0%" in accuracy_strip([Share("this classifier", 0.0, None)]).svg
