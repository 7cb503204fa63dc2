"""Which settings bind a training that goes on: all but those that its result does not depend on.

Parts of a batch change no more of it than the order of additions, and which units dropout drops.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from tfclassify.settings.tree import AUTO, Settings

FREE = ("run", "track", "train.accumulation_steps", "train.checkpoint_steps", "train.time_limit_minutes")


def binding(settings: Settings) -> dict[str, Any]:
    """Returns the values that have to be the same, as plain values by dotted key."""
    return {key: value for key, value in _flat(settings, only_given=False).items() if key not in FREE}


def differing(asked: Settings, planned: Settings) -> list[tuple[str, Any, Any]]:
    """Returns each binding key that was asked for with another value than planned, with both values.

    What was not asked for, or left to planning, is as planned.
    """
    given, known = _flat(asked, only_given=True), binding(planned)
    return [
        (key, value, known[key]) for key, value in given.items() if key in known and value not in (AUTO, known[key])
    ]


def free_values(asked: Settings) -> dict[str, Any]:
    """Returns what was asked for of what may differ, by dotted key, without the run itself."""
    given = _flat(asked, only_given=True)
    return {key: value for key, value in given.items() if key in FREE and key != "run" and value != AUTO}


def _flat(tree: BaseModel, *, only_given: bool, prefix: str = "") -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in tree.model_fields_set if only_given else type(tree).model_fields:
        value = getattr(tree, name)
        if isinstance(value, BaseModel):
            values.update(_flat(value, only_given=only_given, prefix=f"{prefix}{name}."))
        else:
            values[f"{prefix}{name}"] = tree.model_dump(mode="json")[name]
    return values
