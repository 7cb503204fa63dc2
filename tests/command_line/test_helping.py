"""Help: every verb, every key with what it means, at once and without waiting for TensorFlow."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict

from tfclassify.command_line import VERBS, helping
from tfclassify.command_line.helping import help_on, help_on_all
from tfclassify.command_line.verbs import Verb
from tfclassify.settings import keys

ROOT = Path(__file__).parents[2]
HEAVY = {"tensorflow", "tf_keras", "keras", "transformers", "sklearn", "scipy", "pyarrow", "numpy", "rich", "jinja2"}
CPU_SECONDS = 1.0


class Shapes(BaseModel):
    """Which shapes there are."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    corners: Literal[3, 4] | None = None
    """How many corners a shape has."""
    round: bool = False
    """Whether it is round instead."""


class Request(BaseModel):
    """A request."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    where: str
    """Where to draw, in as many words as it takes to make this line longer than one hundred and ten characters, so that it is wrapped."""  # noqa: E501
    shapes: Shapes = Shapes()
    scale: float | Literal["auto"] = "auto"
    """How large to draw."""
    colours: tuple[str, ...] = ()
    weights: dict[str, int] | None = None
    """How much each counts."""


DRAW = Verb(Request, "module:draw", "draw shapes", "where=here", "module:show")


def test_help_on_a_verb_word_for_word() -> None:
    assert help_on("draw", DRAW).splitlines() == [
        "tfclassify draw: draw shapes.",
        "",
        "usage: tfclassify draw [settings.yaml] [section.key=value ...] [--json]",
        "example: tfclassify draw where=here",
        "",
        "  where  (text, needed)",
        "      Where to draw, in as many words as it takes to make this line longer than one hundred and ten",
        "      characters, so that it is wrapped.",
        "  scale  (number | auto, default auto)",
        "      How large to draw.",
        "  colours  (list, default [])",
        "  weights  (keys and values)",
        "      How much each counts.",
        "",
        "shapes: Which shapes there are.",
        "  shapes.corners  (3 | 4)",
        "      How many corners a shape has.",
        "  shapes.round  (true | false, default false)",
        "      Whether it is round instead.",
    ]


def test_sections_are_found_as_older_releases_of_pydantic_write_them() -> None:
    section = {"description": "A section.", "properties": {"key": {"type": "integer", "description": "A key."}}}
    field = {"allOf": [{"$ref": "#/$defs/Section"}], "default": {}}
    schema = {"properties": {"section": field}, "$defs": {"Section": section}}
    lines = list(helping._keys(schema))
    assert lines == ["", "section: A section.", "  section.key  (whole number)", "      A key."]


@pytest.mark.parametrize("name", VERBS)
def test_every_key_is_there_with_its_meaning(name: str) -> None:
    shown = help_on(name, VERBS[name])
    in_one_line = " ".join(shown.split())
    for key in keys(VERBS[name].request):
        section, _, field = key.rpartition(".")
        tree = VERBS[name].request.model_fields[section].annotation if section else VERBS[name].request
        assert isinstance(tree, type)
        assert issubclass(tree, BaseModel)
        meaning = tree.model_fields[field].description
        assert meaning, f"{key} has no docstring"
        assert re.search(rf"^  {re.escape(key)}  \(", shown, re.MULTILINE)
        assert " ".join(meaning.split()) in in_one_line
        assert tree.__doc__
        assert tree.__doc__.strip() in shown or not section


def test_help_on_all_lists_the_verbs() -> None:
    shown = help_on_all()
    for name, verb in VERBS.items():
        assert f"  {name:<9} {verb.summary}" in shown.splitlines()
    assert "0 done, 2 what was asked is wrong, 75 stopped on request, 1 else" in shown


def test_no_line_is_wider_than_a_terminal() -> None:
    for shown in (help_on_all(), *(help_on(name, verb) for name, verb in VERBS.items())):
        assert max(map(len, shown.splitlines())) <= helping.WIDTH + 6


@pytest.mark.parametrize("words", [["-m", "tfclassify"], *(["-m", f"tfclassify.{verb}", "--help"] for verb in VERBS)])
def test_help_in_a_process_of_its_own(words: list[str]) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-X", "importtime", *words], capture_output=True, text=True, cwd=ROOT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0
    name = words[1].removeprefix("tfclassify").removeprefix(".")
    assert done.stdout == (help_on(name, VERBS[name]) if name else help_on_all()) + "\n"
    lines = done.stderr.splitlines()
    assert [line for line in lines if not line.startswith("import time:")] == []
    imported = {line.rpartition("|")[2].strip().split(".")[0] for line in lines}
    assert "pydantic" in imported
    assert imported & HEAVY == set()
    # Of the processor, not of the clock: other work on the machine is none of its business.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < CPU_SECONDS
