"""A network that texts may leave early, as it is kept with a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tfclassify.model.exits import Exit, Leaving
from tfclassify.quality.exits import ExitPlan


@dataclass(frozen=True)
class Early:
    """A network that texts may leave early, and what is expected of it."""

    leaving: Leaving
    plan: ExitPlan


def described(early: Early) -> dict[str, Any]:
    """Returns the exits, and what is expected of them, as plain values."""
    return {"heads": [asdict(each) for each in early.leaving.exits], "plan": asdict(early.plan)}


def early_of(facts: Mapping[str, Any] | None) -> tuple[tuple[Exit, ...], ExitPlan | None]:
    """Reads what :func:`described` wrote; None is of a network that all texts go through.

    Raises:
        LookupError, TypeError, ValueError: it is something else.
    """
    if facts is None:
        return (), None
    plan: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in facts["plan"].items()
    }
    return tuple(_exit(each) for each in facts["heads"]), ExitPlan(**plan)


def _exit(facts: Mapping[str, Any]) -> Exit:
    given = dict(facts)
    if given.get("stack") is not None:
        own, other = given["stack"]
        given["stack"] = (float(own), float(other))
    return Exit(**given)


def check_beside(exits: Sequence[Exit], facts: Mapping[str, Any]) -> None:
    """Refuses exits that do not fit what a run says of its baseline.

    Raises:
        ValueError: the baseline is not there, or an earlier version settled them, which read the network alone.
    """
    if exits and facts.get("alone") is not None:
        raise ValueError("exits beside a baseline, as an earlier version settled them")
    if facts.get("baseline") is None and any(each.stack for each in exits):
        raise ValueError("exits hear a baseline that is not there")
