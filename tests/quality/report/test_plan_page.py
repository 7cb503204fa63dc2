"""The page of a plan: everything that the plan says is on it, escaped, with a picture of the alternatives."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from tfclassify.planning.alternatives import Alternative, Answered
from tfclassify.planning.costs import Costs
from tfclassify.planning.evidence import Band
from tfclassify.planning.facts import Decision
from tfclassify.planning.planner import Plan
from tfclassify.quality.report.pictures.alternatives import CHOSEN, OTHER, alternatives_picture
from tfclassify.quality.report.plan_page import plan_page
from tfclassify.settings import Settings, changed

FIRST = Alternative("minilm", 32, 16, False, 50.0, 1_500_000_000, 0.005, 0.001, 0.25, None)
SECOND = replace(FIRST, model="<b>ase", chosen=True, training_seconds=5000.0, accuracy=Band(0.9, 0.95, "a & b"))


@pytest.fixture
def plan() -> Plan:
    return Plan(
        changed(Settings(), {"name": "<mine>"}),
        {"train.epochs": Decision(3, "few <rows>", "a paper", "more rows")},
        Costs(60.0, 2 * 10**9, 0.05),
        alternatives=(FIRST, SECOND),
        answered=(Answered(16, 0.0061, 0.0012),),
    )


def test_the_page_says_what_the_plan_says(plan: Plan) -> None:
    page = plan_page(plan)
    for words in ("few &lt;rows&gt;", "a paper", "more rows", "6.1 ms", "1.2 ms", "0.900 to 0.950", "a &amp; b"):
        assert words in page
    assert "&lt;b&gt;ase (planned)" in page
    assert "60 seconds per epoch" in page
    assert "<mine>" not in page
    assert "<script" not in page


def test_a_plan_without_alternatives_has_no_picture(plan: Plan) -> None:
    assert "<svg" not in plan_page(replace(plan, alternatives=()))


def test_the_picture_has_two_dots_for_each_and_marks_the_planned_one() -> None:
    drawn = ET.fromstring(alternatives_picture((FIRST, SECOND)).svg)
    dots = [each for each in drawn.iter("circle") if each.find("title") is not None]
    assert [each.get("class") for each in dots] == [OTHER, CHOSEN] * 2
    # A hundred times the time is two decades further to the right.
    places = [float(each.get("cx") or 0) for each in dots]
    decades = places[1] - places[0]
    assert decades > 0
    assert places[2] == places[3]
    assert "Planned: <b>ase, 32 tokens, 16 rows" in (drawn.get("aria-label") or "")
