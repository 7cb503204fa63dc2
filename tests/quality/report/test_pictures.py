"""Every picture: within its frame, read out, without colours of its own; and those that have no other file."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_reader import read, shapes, texts
from stories import make_story

from tfclassify.quality.calibration import reliability
from tfclassify.quality.metrics import confusion
from tfclassify.quality.predictions import in_scope
from tfclassify.quality.report.pictures.confusion import confusion_matrix
from tfclassify.quality.report.pictures.curves import learning_curves
from tfclassify.quality.report.pictures.lengths import bars_of, length_histogram
from tfclassify.quality.report.pictures.reliability import reliability_diagram
from tfclassify.quality.report.pictures.scope import let_in_threshold, scope_histogram
from tfclassify.quality.report.pictures.shares import accuracy_strip
from tfclassify.quality.report.verdict import Share


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
