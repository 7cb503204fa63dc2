"""Deciders of routes at their borders, each reason with the number that it rests on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made_facts import facts

from tfclassify.errors import UsageError
from tfclassify.planning.deciders.routes import (
    LEAST_BUCKETS,
    LOSS,
    MOST_BUCKETS,
    ROWS_TO_STACK,
    decide_baseline_buckets,
    decide_cascade,
    decide_cascade_share,
    decide_stack,
)
from tfclassify.planning.deciders.task import rows_to_show
from tfclassify.planning.planner import make_plan
from tfclassify.quality.intervals import highest_difference
from tfclassify.settings import Settings, parse


def asked(**values: Any) -> Settings:
    return parse({key.replace("__", "."): value for key, value in values.items()}, Settings)


@pytest.mark.parametrize(
    ("rows", "value"), [(ROWS_TO_STACK - 1, "none"), (ROWS_TO_STACK, "validation"), (None, "none")]
)
def test_stack(rows: int | None, value: str) -> None:
    made = decide_stack(asked(), facts(validation=rows))
    assert made.value == value
    assert str(rows or 0) in made.reason


@pytest.mark.parametrize(
    ("goal", "task", "rows", "value"),
    [
        ("fast", "binary", 167, LOSS),
        ("fast", "binary", 166, "none"),
        ("balanced", "binary", 6000, "none"),
        ("best", "binary", 6000, "none"),
        ("fast", "multilabel", 6000, "none"),
    ],
)
def test_cascade(goal: str, task: str, rows: int, value: Any) -> None:
    told = asked(goal=goal, model__task=task, answer__loss_confidence=0.8)
    made = decide_cascade(told, facts(validation=rows, multilabel=task == "multilabel"))
    assert made.value == value
    if goal == "fast" and task == "binary":
        assert str(rows) in made.reason
        assert "167 could" in made.reason or value == LOSS


def test_a_surer_bound_of_a_cascade_takes_more_rows() -> None:
    for certainty, needed in ((0.8, 167), (0.95, 327)):
        told = asked(goal="fast", model__task="binary", answer__loss_confidence=certainty)
        values = [decide_cascade(told, facts(validation=rows)).value for rows in (needed - 1, needed)]
        assert values == ["none", LOSS]


def test_no_loss_of_exits_or_cascades_is_shown_on_fewer_rows() -> None:
    for certainty, loss in ((0.8, 0.005), (0.95, 0.005), (0.8, 0.02)):
        rows = rows_to_show(loss, asked(answer__loss_confidence=certainty))
        limits = [
            float(highest_difference(np.array(0), np.array(0), rows=each, certainty=certainty))
            for each in (rows - 1, rows)
        ]
        assert limits[1] <= loss < limits[0]


def test_the_reason_of_another_goal_names_it() -> None:
    for goal in ("balanced", "best"):
        made = decide_cascade(
            asked(goal=goal, model__task="binary", answer__loss_confidence=0.8), facts(validation=6000)
        )
        assert f"goal={goal}" in made.reason


@pytest.mark.parametrize(("cascade", "told"), [("none", "not used"), (0.01, "each text is looked up")])
def test_share_of_a_cascade(cascade: Any, told: str) -> None:
    made = decide_cascade_share(asked(answer__cascade=cascade), facts())
    assert made.value == 0.1
    assert made.reason.startswith(told)


@pytest.mark.parametrize(
    ("labels", "rows", "value"),
    [
        (2, 100, LEAST_BUCKETS),
        (2, 4096, 1 << 17),
        (2, 10**6, MOST_BUCKETS),
        (77, 10**6, 1 << 17),
        # As many as there would be are more than 32 MB of weights.
        (1000, 10**6, LEAST_BUCKETS // 2),
    ],
)
def test_buckets(labels: int, rows: int, value: int) -> None:
    counts = {str(label): rows // labels for label in range(labels)}
    made = decide_baseline_buckets(asked(), facts(counts, rows=rows))
    assert made.value == value
    assert f"{10 * rows} training tokens" in made.reason
    assert f"{labels} labels" in made.reason
    assert 2 * made.value * labels <= 32e6


RULE = {"name": "R1", "pattern": "x", "label": "a"}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (
            {"answer__rules": [{**RULE, "label": "aa"}]},
            "answer.rules: R1 gives the label 'aa', which no training row has; did you mean 'a'?",
        ),
        (
            {"answer__rules": [{**RULE, "label": "spam"}]},
            "answer.rules: R1 gives the label 'spam', which no training row has; expected one of 'a', 'b'",
        ),
        (
            {"answer__rules": [{**RULE, "column": "text_b"}]},
            "answer.rules: R1 looks in text_b, but the data have single texts; expected text",
        ),
    ],
)
def test_rules_that_cannot_be(values: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError) as caught:
        make_plan(asked(**values), facts())
    assert str(caught.value) == told


def test_rules_have_names_of_their_own() -> None:
    with pytest.raises(UsageError) as caught:
        asked(answer__rules=[RULE, RULE])
    assert str(caught.value).startswith("answer.rules is [{'name': 'R1'")
    assert str(caught.value).endswith("; expected rules of different names")


def test_a_cascade_that_cannot_be() -> None:
    with pytest.raises(UsageError) as caught:
        make_plan(asked(answer__cascade=0.01), facts(multilabel=True))
    assert str(caught.value) == "answer.cascade is 0.01, but a row may have several labels; expected none"
    for key, value, shown in (("cascade", 0.01, "0.01"), ("stack", "validation", "'validation'")):
        with pytest.raises(UsageError) as caught:
            make_plan(asked(**{f"answer__{key}": value}), facts(validation=None))
        assert str(caught.value) == (
            f"answer.{key} is {shown}, but there are no validation rows; give data.validation or data.validation_share"
        )
