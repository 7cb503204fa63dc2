"""The stages of an exported graph, and equal ones in a row taken as one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any


@dataclass(frozen=True)
class Stage:
    """One step from texts to answers, or several equal ones in a row.

    Attributes:
        name: of it; of several the first and the last.
        text: what it does.
        inputs: tensors it takes, such as ``input_ids: int32[B, L]``.
        outputs: tensors it gives.
        parameters: of all of them.
        flops_per_token: of all of them.
        ops: of all of them.
        times: how many.
    """

    name: str
    text: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    parameters: int
    flops_per_token: int
    ops: int
    times: int = 1


def stages_of(described: Iterable[Mapping[str, Any]]) -> list[Stage]:
    """Reads the stages of a description, in their order."""
    return [
        Stage(
            str(each["name"]),
            str(each["text"]),
            tuple(map(str, each["inputs"])),
            tuple(map(str, each["outputs"])),
            int(each["parameters"]),
            int(each["flops_per_token"]),
            int(each["ops"]),
        )
        for each in described
    ]


def folded(stages: Sequence[Stage]) -> list[Stage]:
    """Takes stages in a row as one that differ in nothing but the numbers in their names and words."""
    return [_joined(list(alike)) for _, alike in groupby(stages, key=_likeness)]


def _joined(alike: Sequence[Stage]) -> Stage:
    first, last, times = alike[0], alike[-1], len(alike)
    if times == 1:
        return first
    return Stage(
        _both_names(first.name, last.name),
        first.text,
        first.inputs,
        last.outputs,
        sum(each.parameters for each in alike),
        sum(each.flops_per_token for each in alike),
        sum(each.ops for each in alike),
        times,
    )


def _both_names(first: str, last: str) -> str:
    """Returns ``layer 1 to 6`` of ``layer 1`` and ``layer 6``."""
    numbered = re.search(r"\d+$", last)
    same = numbered is not None and first.startswith(last[: numbered.start()])
    return f"{first} to {last[numbered.start() :] if numbered is not None and same else last}"


def _likeness(stage: Stage) -> tuple[object, ...]:
    plain = (re.sub(r"\d+", "#", words) for words in (stage.name, stage.text))
    return (*plain, stage.inputs, stage.outputs, stage.parameters, stage.flops_per_token, stage.ops)
