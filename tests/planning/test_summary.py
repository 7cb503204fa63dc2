"""A plan in a few lines, word for word."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml
from made_facts import facts

from tfclassify.planning.alternatives import Alternative
from tfclassify.planning.costs import Costs
from tfclassify.planning.planner import Plan, make_plan, plan_yaml
from tfclassify.planning.summary import BELOW, summary
from tfclassify.settings import Settings, parse

ASKED: dict[str, Any] = {
    "data.train": "reviews.csv",
    "model.name": "minilm",
    "model.task": "binary",
    "text.max_length": 64,
    "text.windows": 1,
    "train.epochs": 3,
    "train.scheduled_steps": None,
}
CHOSEN = Alternative("minilm", 64, 32, True, 204.0, 0, 0.0, 0.0, 0.0, None)


def plan(*, seconds: float = 204.0, **asked: Any) -> Plan:
    settings = parse({**ASKED, **{name.replace("__", "."): value for name, value in asked.items()}}, Settings)
    alternatives = (replace(CHOSEN, chosen=False), replace(CHOSEN, training_seconds=seconds))
    costs = Costs(62.0, 1_234_000_000, 0.05)
    return Plan(settings, {}, costs, alternatives=alternatives, rows={"train": 800, "validation": 100})


def test_the_whole() -> None:
    assert summary(plan()).splitlines() == [
        "# Model: minilm, binary",
        "# Data: reviews.csv (800 train, 100 validation rows)",
        "# Length: up to 64 tokens",
        "# Training: 3 epochs, 3.4 minutes in all, predicted",
        "# Memory: 1.23 GB at the most, predicted",
        f"# {BELOW}",
    ]
    assert len(BELOW) < 118


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({"text__windows": 4}, "# Length: up to 4 windows of 64 tokens"),
        ({"train__epochs": 1}, "# Training: 1 epoch, 3.4 minutes in all, predicted"),
        ({"train__scheduled_steps": 9}, "# Training: 9 steps of 3 epochs, 3.4 minutes in all, predicted"),
        ({"seconds": 6000.0}, "# Training: 3 epochs, 100 minutes in all, predicted"),
        ({"seconds": 1.0}, "# Training: 3 epochs, less than 0.1 minutes in all, predicted"),
    ],
)
def test_what_else_there_may_be(asked: dict[str, Any], line: str) -> None:
    assert line in summary(plan(**asked)).splitlines()


def test_of_a_plan_of_which_less_is_known() -> None:
    made = summary(replace(plan(), alternatives=(), rows={}))
    assert "# Data: reviews.csv\n" in made
    assert "# Training: 3 epochs, 62 s each, predicted\n" in made


def test_it_says_what_was_planned_and_leaves_a_settings_file() -> None:
    made = make_plan(parse({"data.train": "a: b\nc\x00 # d"}, Settings), facts(lengths=[0] * 100 + [100_000]))
    assert made.rows == {"train": 1000, "validation": 100}
    assert made.alternatives
    told = summary(made)
    assert len(told.splitlines()) == 6
    chosen = next(each for each in made.alternatives if each.chosen)
    assert f"# Training: {made.settings.train.epochs} epochs, {chosen.training_seconds / 60:.0f} minutes in all" in told
    assert yaml.safe_load(f"{told}\n\n{plan_yaml(made)}") == yaml.safe_load(plan_yaml(made))
