"""Whether an unfinished run can be gone on with: the same settings, the same data, the same model, one writer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from tfclassify.data.sources import fingerprint
from tfclassify.errors import UsageError
from tfclassify.planning.costs import Costs
from tfclassify.planning.facts import Decision
from tfclassify.planning.planner import Plan, value_of
from tfclassify.runs import Run, state_of
from tfclassify.settings import Settings, changed, differing, free_values, read

ANEW = "train anew in another run=DIR"


def is_begun(run: Run) -> bool:
    """Says whether a directory holds a run, finished or not."""
    return run.plan.is_file() or run.manifest.exists()


def settings_of(run: Run, asked: Settings) -> Settings:
    """Returns the settings that a run goes on with: its plan's, and of what is asked what its result is free of.

    Raises:
        UsageError: something else is asked for than planned, or there is no plan.
    """
    if not run.plan.is_file():
        raise UsageError(f"run={run.folder} holds a {state_of(run)} run without a plan.yaml; {ANEW}")
    planned = read([str(run.plan)], Settings)
    for key, value, known in differing(asked, planned):
        raise UsageError(
            f"run={run.folder} holds a {state_of(run)} run with {key}={_shown(known)}, and {key}={_shown(value)} is "
            f"asked for; leave {key} out, or {ANEW}"
        )
    return changed(planned, free_values(asked))


def refuse_changed_data(run: Run) -> None:
    """Compares the data with what the run began with, before they are read.

    Raises:
        UsageError: they are others, or gone.
    """
    for split, mark in _noted(run, "data").items():
        if fingerprint(mark["location"]) != mark["sha256"]:
            raise UsageError(
                f"data.{split}={mark['location']} has changed since run={run.folder} began; "
                f"bring back what it was, or {ANEW}"
            )


def refuse_changed_model(run: Run, sha256: str | None) -> None:
    """Compares the pre-trained weights with those that the run began with.

    Raises:
        UsageError: they are others.
    """
    model = _noted(run, "model")
    if model and model["sha256"] != sha256:
        raise UsageError(
            f"the weights of the model have changed since run={run.folder} began ({model['source']}); "
            f"bring back what they were, or {ANEW}"
        )


def plan_facts(plan: Plan) -> dict[str, Any]:
    """Returns what the settings do not hold of a plan: its reasons and its predicted costs."""
    return {
        "decisions": {key: [each.reason, each.source, each.changes] for key, each in plan.decisions.items()},
        "costs": asdict(plan.costs),
    }


def first_plan(run: Run, plan: Plan) -> Plan:
    """Gives a plan the reasons and the costs that it had when the run began; what is fixed has none any more."""
    noted = _noted(run, "plan")
    if "decisions" not in noted:
        return plan
    decisions = {key: Decision(value_of(plan.settings, key), *words) for key, words in noted["decisions"].items()}
    return replace(plan, decisions=decisions, costs=Costs(**noted["costs"]))


def other_versions(run: Run, versions: Mapping[str, str]) -> str | None:
    """Says which packages are of another version than when the run began, None if none is."""
    before = _noted(run, "versions")
    others = [f"{name} {versions.get(name)}, was {was}" for name, was in before.items() if versions.get(name) != was]
    return f"equal only up to the order of additions from here on: {'; '.join(others)}" if others else None


def processes_before(run: Run) -> int:
    """Returns how many processes have trained this run so far."""
    return int(_manifest(run).get("processes", 0))


def _noted(run: Run, part: str) -> Mapping[str, Any]:
    found = _manifest(run).get(part)
    return found if isinstance(found, dict) else {}


def _manifest(run: Run) -> Mapping[str, Any]:
    try:
        found = json.loads(run.manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # The checkpoints know as well which settings and data they belong to.
        return {}
    return found if isinstance(found, dict) else {}


def _shown(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict | list) else str(value)
