"""The plan: complete settings, with a reason per decision and what the whole is expected to cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tfclassify.planning.alternatives import (
    Alternative,
    Answered,
    alternatives,
    answered,
    answered_lines,
    table_lines,
)
from tfclassify.planning.contradictions import check
from tfclassify.planning.costs import Costs, judging_seconds, predict_costs
from tfclassify.planning.deciders import DECIDERS
from tfclassify.planning.deciders.grounds import GROUNDS
from tfclassify.planning.facts import Decision, Facts
from tfclassify.settings import AUTO, Settings, changed
from tfclassify.settings.dialect import line, written

AS_ASKED = "as asked"


@dataclass(frozen=True)
class Plan:
    """Settings in which nothing is ``auto``, the decision behind each planned key, and the predicted costs.

    ``judging_seconds`` is what it is predicted to take to judge the validation rows once. ``alternatives`` are what
    else could have been planned; ``answered`` says how long the network takes for a text. ``rows`` are those of the
    data, by split.
    """

    settings: Settings
    decisions: Mapping[str, Decision]
    costs: Costs
    judging_seconds: float = 0.0
    alternatives: tuple[Alternative, ...] = ()
    answered: tuple[Answered, ...] = ()
    rows: Mapping[str, int] = field(default_factory=dict)


def make_plan(asked: Settings, facts: Facts) -> Plan:
    """Plans a job; a pure function of what was asked, what the data look like and what the machine can do.

    Raises:
        UsageError: what was asked cannot be, with these data and this model.
    """
    settings, decisions = decided(asked, facts)
    check(settings, facts)
    return Plan(
        settings,
        decisions,
        costs=predict_costs(settings, facts),
        judging_seconds=judging_seconds(settings, facts),
        alternatives=alternatives(settings, facts),
        answered=answered(facts),
        rows={name: split.rows for name, split in facts.statistics.splits.items()},
    )


def decided(asked: Settings, facts: Facts, *, last: str | None = None) -> tuple[Settings, dict[str, Decision]]:
    """Fills in what was not asked, key by key, to the last one or to a key at which no more is of interest.

    Raises:
        UsageError: what was asked cannot be met.
    """
    decisions = {key: Decision(value, reason) for key, (value, reason) in facts.columns.items()}
    decisions |= {key: each for key, each in facts.decided.items() if value_of(asked, key) == AUTO}
    settings = changed(asked, {key: decision.value for key, decision in decisions.items()})
    for key, decide in DECIDERS.items():
        if key in decisions:
            decisions[key] = decisions.pop(key)
        elif value_of(settings, key) != AUTO:
            decisions[key] = Decision(value_of(settings, key), AS_ASKED)
        else:
            decisions[key] = _grounded(key, decide(settings, facts))
            settings = changed(settings, {key: decisions[key].value})
        if key == last:
            break
    return settings, decisions


def _grounded(key: str, decision: Decision) -> Decision:
    """Adds what a decision of this key rests on and what would change it, where the decider has not said it itself."""
    source, changes = GROUNDS.get(key, ("", ""))
    return replace(decision, source=decision.source or source, changes=decision.changes or changes)


def value_of(settings: Settings, key: str) -> Any:
    """Returns the value of a dotted key."""
    value: Any = settings
    for part in key.split("."):
        value = getattr(value, part)
    return value


def plan_yaml(plan: Plan) -> str:
    """Writes the plan as a settings file, which repeats the job, with each reason as a comment."""
    lines = []
    for name, value in plan.settings.model_dump(mode="json").items():
        if isinstance(value, dict):
            lines += [f"{name}:", *(_line(plan, f"{name}.{key}", each) for key, each in value.items())]
        else:
            lines.append(_line(plan, name, value))
    return "\n".join(lines) + "\n"


def _line(plan: Plan, key: str, value: Any) -> str:
    section, _, name = key.rpartition(".")
    text = ("  " if section else "") + line(name, value)
    decision = plan.decisions.get(key)
    return text if decision is None or decision.reason == AS_ASKED else f"{text}  # {on_one_line(decision.reason)}"


def reasons_markdown(plan: Plan) -> str:
    """Writes each decision with its reason, the predicted costs, and what else could be trained."""
    rows = [
        f"| `{key}` | {' | '.join(map(_cell, (written(each.value), each.reason, each.source, each.changes)))} |"
        for key, each in plan.decisions.items()
    ]
    table = ["| key | value | reason | source | what would change it |", "|---|---|---|---|---|"]
    head = ["# Why this plan", "", describe_costs(plan.costs), "", *table]
    more = ["", *_alternatives(plan)] if plan.alternatives else []
    return "\n".join([*head, *rows, *more, ""])


def _alternatives(plan: Plan) -> list[str]:
    head = [
        "## What else could be trained",
        "",
        "Predicted, with as many epochs as are planned, and a judgement after each:",
        "",
    ]
    times = ["", "## How long an answer takes", "", "Predicted, of the network alone, in float32:", ""]
    return [*head, *table_lines(plan.alternatives), *times, *answered_lines(plan.answered)]


def describe_costs(costs: Costs) -> str:
    """Says what is predicted, in one line."""
    # Of a short epoch whole seconds would be none.
    seconds = f"{costs.seconds_per_epoch:.{0 if costs.seconds_per_epoch >= 10 else 1}f} seconds per epoch"
    memory = f"{costs.peak_memory_bytes / 1e9:.2f} GB"
    return f"Predicted: {seconds}, peak memory {memory}, {costs.padding_share:.1%} of all tokens are padding."


def _cell(text: str) -> str:
    return on_one_line(text).replace("|", "\\|")


def on_one_line(text: str) -> str:
    """Puts a space for what ends a line or may not stand in YAML: a reason may name a column of any name."""
    return "".join(character if character.isprintable() else " " for character in text)
