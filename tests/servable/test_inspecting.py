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


def test_windows_are_rows_of_the_encoder() -> None:
    assert names(windows=4) == [*PLAIN[:-2], "windows", *PLAIN[-2:]]
    assert names(windows=4, chosen_share=0.5) == [*PLAIN[:2], "window choice", *PLAIN[2:-2], "windows", *PLAIN[-2:]]
    stages = {each.name: each for each in _stages({**FACTS, "windows": 4, "chosen_share": 0.5}, WEIGHTS)}
    assert stages["window choice"].text == (
        "50% of the windows of each text, rounded up, by a score of their words; the others go no further"
    )
    assert stages["packing"].outputs == ("int32[B, K * L], K ≤ 4, L ≤ 12",) * 3
    assert stages["layer 1"].inputs == ("float32[B * K, L ≤ 12, 16]", "int32[B * K, L ≤ 12]")
    assert (stages["pooling"].outputs, stages["windows"].outputs) == (("float32[B * K, 16]",), ("float32[B, 16]",))


@pytest.mark.parametrize(
    ("node", "stage"),
    [
        ("rules/StaticRegexFullMatch", "rules"),
        ("baseline/places", "baseline"),
        ("cond/baseline/UniqueWithCounts", "baseline"),
        ("stacking/add", "stack"),
        ("strided_slice/stack", None),
        ("network/windows/scorer/Max", "window choice"),
        ("windows/scorer/mean", "window choice"),
        ("network/windows/Softmax", "windows"),
        ("windows/query", "windows"),
        ("cond/network/exits/3/MatMul", "exit 3"),
        ("network/bert/encoder/layer_._3/output/add", "layer 4"),
    ],
)
def test_nodes_by_their_scope(node: str, stage: str | None) -> None:
    assert stage_of(node) == stage
