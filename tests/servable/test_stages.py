"""Equal stages in a row are one, and nothing is lost by it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.servable.stages import Stage, folded, stages_of

LAYER = Stage("layer 1", "of 6", ("h",), ("h",), 10, 20, 3)
LAYERS = [replace(LAYER, name=f"layer {number}", text=f"of {number}") for number in range(1, 7)]
HEAD = Stage("head", "dense", ("h",), ("logits",), 5, 0, 2)


def test_stages_are_read_in_order() -> None:
    described = {
        "name": "head",
        "text": "dense",
        "inputs": ["h"],
        "outputs": ["logits"],
        "parameters": 5,
        "flops_per_token": 0,
        "ops": 2,
    }
    assert stages_of([described, {**described, "name": "tail"}]) == [HEAD, replace(HEAD, name="tail")]
    with pytest.raises(KeyError, match="ops"):
        stages_of([{key: value for key, value in described.items() if key != "ops"}])


def test_equal_layers_are_one() -> None:
    assert folded([*LAYERS, HEAD]) == [Stage("layer 1 to 6", "of 1", ("h",), ("h",), 60, 120, 18, 6), HEAD]


@pytest.mark.parametrize("other", [{"parameters": 11}, {"ops": 4}, {"flops_per_token": 0}, {"outputs": ("g",)}])
def test_layers_that_differ_stay_apart(other: dict) -> None:
    assert len(folded([LAYER, replace(LAYER, name="layer 2", **other)])) == 2


@pytest.mark.parametrize(
    ("first", "last", "both"), [("1. a", "2. a", "1. a to 2. a"), ("a", "a", "a to a"), ("a 9", "a 10", "a 9 to 10")]
)
def test_both_names_are_told(first: str, last: str, both: str) -> None:
    assert [stage.name for stage in folded([replace(LAYER, name=first), replace(LAYER, name=last)])] == [both]


@given(st.lists(st.sampled_from([*LAYERS, HEAD, replace(HEAD, name="tail")]), max_size=12))
def test_no_cost_is_lost(stages: list[Stage]) -> None:
    made = folded(stages)
    for cost in ("parameters", "flops_per_token", "ops", "times"):
        assert sum(getattr(each, cost) for each in made) == sum(getattr(each, cost) for each in stages)
    assert [each.outputs for each in made] == [
        a.outputs for a, b in zip(stages, [*stages[1:], None], strict=False) if not alike(a, b)
    ]


def alike(one: Stage, other: Stage | None) -> bool:
    return other is not None and len(folded([one, other])) == 1
