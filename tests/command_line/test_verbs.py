"""The table of verbs: every entry can be run, shown, asked for help and found in the package."""

from __future__ import annotations

import inspect
import shlex
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tfclassify.command_line import VERBS
from tfclassify.settings import read

PACKAGE = Path(__file__).parents[2] / "tfclassify"


def function(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def test_there_is_a_verb_for_each_module_that_runs() -> None:
    runs = {path.stem for path in PACKAGE.glob("*.py") if "raise SystemExit(main(" in path.read_text(encoding="utf-8")}
    assert runs == set(VERBS) == {"plan", "train", "evaluate", "predict", "export", "inspect", "doctor", "serve"}


@pytest.mark.parametrize("name", VERBS)
def test_the_function_of_a_verb(name: str) -> None:
    assert VERBS[name].function == f"tfclassify.{name}:{name}"
    settings, display = inspect.signature(function(VERBS[name].function)).parameters.values()
    assert settings.name == "settings"
    assert (display.name, display.kind) == ("display", inspect.Parameter.KEYWORD_ONLY)


@pytest.mark.parametrize("name", VERBS)
def test_what_shows_a_result_takes_what_the_function_gives(name: str) -> None:
    (taken,) = inspect.signature(function(VERBS[name].show)).parameters.values()
    assert taken.annotation == inspect.signature(function(VERBS[name].function)).return_annotation


@pytest.mark.parametrize("name", VERBS)
def test_the_example_can_be_typed(name: str) -> None:
    request = read(shlex.split(VERBS[name].example), VERBS[name].request)
    assert "reviews" in str(request.model_dump())


@pytest.mark.parametrize("name", VERBS)
def test_the_summary_is_a_part_of_a_sentence(name: str) -> None:
    summary = VERBS[name].summary
    assert summary
    assert summary[0].islower()
    assert not summary.endswith(".")
