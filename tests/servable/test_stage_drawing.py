"""The drawing of the graph: every stage and cost is there, and nothing covers anything."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from page_reader import read, shapes, texts

from tfclassify.quality.report.wording import width
from tfclassify.servable.stage_drawing import BAR, BOX, COSTS, graph_picture
from tfclassify.servable.stages import Stage

MAPS = Stage("text maps", "masks", ("text: string[B]",), ("text: string[B]",), 0, 0, 40)
LAYER = Stage("layer 1", "attends " * 60, ("h: float32[B, L, 8]", "mask"), ("h: float32[B, L, 8]",), 1000, 2000, 10)
HEAD = Stage("head", "dense", ("h: float32[B, L, 8]",), ("scores: float32[B, 3]",), 24, 48, 2)
STAGES = [MAPS, LAYER, replace(LAYER, name="layer 2"), HEAD]


def test_every_stage_is_drawn_with_its_tensors_and_costs() -> None:
    picture = graph_picture(STAGES)
    assert read(picture.svg).spoilt == []
    written = texts(picture)
    for said in (
        "text maps",
        "layer 1 to 2",
        "2 ×",
        "head",
        "scores: float32[B, 3]",
        "2k",
        "2 × 1k",
        "4k",
        "2 × 2k",
        "40",
    ):
        assert said in written
    assert written.count("none") == 2
    assert [words for words in written if words.startswith("also takes")] == [
        "also takes h: float32[B, L, 8] · mask"  # the arrow before it holds the text only
    ]


def test_bars_are_as_long_as_their_share_of_the_longest() -> None:
    bars = shapes(graph_picture(STAGES), "rect", "bar")
    by_column = {cost.title: [float(bar["width"]) for bar in bars if float(bar["x"]) == cost.left] for cost in COSTS}
    assert by_column["Parameters"] == [BAR, 1.5]
    assert by_column["Ops"] == pytest.approx([BAR, BAR / 2, BAR / 20], abs=0.06)


def test_boxes_stand_below_each_other() -> None:
    boxes = [box for box in shapes(graph_picture(STAGES), "rect", "stage") if "behind" not in box["class"]]
    tops = [float(box["y"]) for box in boxes]
    assert len(boxes) == 3
    assert all(top + float(box["height"]) < below for top, box, below in zip(tops, boxes, tops[1:], strict=False))


def test_long_words_stay_in_their_box() -> None:
    many = tuple(f"output_{number}: float32[B, 1024, 1024]" for number in range(40))
    stage = replace(LAYER, name="x" * 10_000, text="汉字 " * 3000, outputs=many)
    written = texts(graph_picture([stage]))
    assert max(width(words) for words in written) * 5.5 < BOX
    assert any(re.search(r"… · \d+ more$|· \d+ more$", words) for words in written)
    assert any(words.endswith("…") for words in written)


def test_one_stage_alone_without_costs_is_a_drawing() -> None:
    picture = graph_picture([Stage("a", "", (), (), 0, 0, 0)])
    assert read(picture.svg).spoilt == []
    assert texts(picture).count("none") == 3


def test_it_is_read_out_in_order() -> None:
    (svg,) = [attributes for tag, attributes in read(graph_picture(STAGES).svg).elements if tag == "svg"]
    assert svg["aria-label"] == "From top to bottom: text maps, then layer 1 to 2, then head."
