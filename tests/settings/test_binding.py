"""Which settings a training that goes on may not change."""

from __future__ import annotations

from typing import Any

import pytest

from tfclassify.settings import AUTO, Settings, binding, differing, free_values, keys, parse

FREE = {"run", "track", "train.accumulation_steps", "train.checkpoint_steps", "train.time_limit_minutes"}


def test_all_keys_bind_but_a_few() -> None:
    assert set(keys(Settings)) - set(binding(parse({}, Settings))) == FREE


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, []),
        ({"train.epochs": 3}, []),
        ({"train.epochs": AUTO}, []),
        ({"train.epochs": 4}, [("train.epochs", 4, 3)]),
        ({"train.buckets": [[8, 16]]}, []),
        ({"train.buckets": [[8, 32]]}, [("train.buckets", [[8, 32]], [[8, 16]])]),
        ({"seed": 0}, []),
        ({"seed": 1, "train.epochs": 4}, [("seed", 1, 0), ("train.epochs", 4, 3)]),
        ({"data.weight": None}, [("data.weight", None, "w")]),
        ({"run": "other", "track": ["tensorboard"], "train.time_limit_minutes": 3}, []),
    ],
)
def test_what_differs(asked: dict[str, Any], expected: list[tuple[str, Any, Any]]) -> None:
    planned = parse({"train.epochs": 3, "train.buckets": [[8, 16]], "data.weight": "w"}, Settings)
    assert sorted(differing(parse(asked, Settings), planned)) == expected


def test_what_may_be_asked_for_anew() -> None:
    asked = {"run": "r", "seed": 3, "train.checkpoint_steps": AUTO, "train.time_limit_minutes": 2.5, "track": []}
    assert free_values(parse(asked, Settings)) == {"train.time_limit_minutes": 2.5, "track": []}
