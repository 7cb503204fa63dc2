"""What the settings are when nobody says anything, and that they keep what they were told."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from tfclassify.settings import EvaluateRequest, PredictRequest, Settings, keys, parse
from tfclassify.settings.tree import Bucket, TrainSettings


def value_of(tree: Any, key: str) -> Any:
    for part in key.split("."):
        tree = getattr(tree, part)
    return tree


@pytest.mark.parametrize("key", keys(Settings))
def test_every_default_is_a_value_that_may_be_given(key: str) -> None:
    default = value_of(Settings(), key)
    assert parse({key: default}, Settings) == Settings()


@pytest.mark.parametrize("tree", [Settings, EvaluateRequest, PredictRequest])
@pytest.mark.parametrize("key", ["data", "run"])
def test_settings_are_frozen(tree: type[BaseModel], key: str) -> None:
    settings = parse({"run": "x"} | ({"input": "y"} if tree is PredictRequest else {}), tree)
    with pytest.raises(ValidationError, match="frozen"):
        setattr(settings, key, None)


def test_equal_settings_made_twice_share_nothing_that_changes() -> None:
    first, second = Settings(), Settings()
    assert first == second
    assert isinstance(first.train.buckets, str)
    assert isinstance(first.track, tuple)


@pytest.mark.parametrize("key", [key for key in keys(Settings) if value_of(Settings(), key) == "auto"])
def test_auto_can_be_asked_for_by_name(key: str) -> None:
    assert value_of(parse({key: "auto"}, Settings), key) == "auto"


def test_lists_become_tuples() -> None:
    buckets: tuple[Bucket, ...] = ((8, 16), (4, 32))
    settings = parse({"train.buckets": [[8, 16], [4, 32]], "train.objectives": ["a"]}, Settings)
    assert settings.train == TrainSettings(buckets=buckets, objectives=("a",))
    assert settings.train.buckets == buckets
    assert settings.train.objectives == ("a",)
