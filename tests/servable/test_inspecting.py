"""The stages of a graph as its facts and weights have them, and which node belongs to which."""

from __future__ import annotations

from typing import Any

import pytest

from tfclassify.servable.inspecting import _stages, stage_of

WEIGHTS = {
    "network/bert/embeddings/weight": (100, 16),
    "network/bert/encoder/layer_._0/attention/query/kernel": (16, 16),
    "baseline/places": (4096,),
}
FACTS: dict[str, Any] = {"labels": ["no", "yes"], "max_length": 12, "pairs": False, "data": {"features": {}}}
RULE = {"name": "R1", "pattern": "x", "label": "no"}
PLAIN = ["word pieces", "packing", "embeddings", "layer 1", "pooling", "head", "answer"]


def names(**facts: Any) -> list[str]:
    return [stage.name for stage in _stages({**FACTS, **facts}, WEIGHTS)]


def test_what_comes_before_the_network_and_behind_it() -> None:
    baseline = {"stack": [1.0, 0.5], "margin": 2.0}
    assert names() == names(rules=[], baseline=None) == PLAIN
    both = names(rules=[RULE], baseline=baseline)
    assert both == [*PLAIN[:2], "rules", "baseline", *PLAIN[2:-1], "stack", "answer"]
    assert "stack" not in names(baseline={**baseline, "stack": None})


def test_words_say_what_goes_on() -> None:
    stages = {
        each.name: each
        for each in _stages({**FACTS, "rules": [RULE], "baseline": {"stack": None, "margin": 2.0}}, WEIGHTS)
    }
    assert stages["rules"].text == "texts that one of 1 patterns is found in have its label; the others go on"
    assert stages["baseline"].text == (
        "1- and 2-grams of word pieces in 4,096 buckets, a linear model over them; texts that it is sure of leave, "
        "the others go on"
    )
    never = next(
        each
        for each in _stages({**FACTS, "baseline": {"stack": [1, 1], "margin": None}}, WEIGHTS)
        if each.name == "baseline"
    )
    assert never.text.endswith("a linear model over them")


@pytest.mark.parametrize(
    ("node", "stage"),
    [
        ("rules/StaticRegexFullMatch", "rules"),
        ("baseline/places", "baseline"),
        ("cond/baseline/UniqueWithCounts", "baseline"),
        ("stacking/add", "stack"),
        ("strided_slice/stack", None),
        ("network/bert/encoder/layer_._3/output/add", "layer 4"),
    ],
)
def test_nodes_by_their_scope(node: str, stage: str | None) -> None:
    assert stage_of(node) == stage
