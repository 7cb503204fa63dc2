"""A page that shows what is in an exported graph: its stages, its costs, its signatures and its ops."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment

from tfclassify.quality.report import formats
from tfclassify.quality.report.templating import packaged, page_templates
from tfclassify.quality.report.wording import plural
from tfclassify.servable.stage_drawing import graph_picture
from tfclassify.servable.stages import stages_of

SERVABLE = "tfclassify.servable"
MOST_OPS = 40


def picture(description: Mapping[str, Any]) -> str:
    """Writes the page.

    Args:
        description: ``{"name", "version", "stages": [{"name", "text", "inputs": [..], "outputs": [..],
            "parameters", "flops_per_token", "ops"}], "signatures": {name: {"inputs": {name: {"dtype", "shape"}},
            "outputs": {..}}}, "ops": {op: count}, "lowest_server", "parameters", "size_bytes"}``; at least one
            stage. A shape is a list in which None or -1 is any number; None is of any rank.

    Returns:
        HTML that loads nothing and runs nothing, light or dark as its reader has it. All words are escaped.

    Raises:
        KeyError: something of the description is missing.
    """
    return _environment().get_template("servable/picture.html.jinja").render(_context(description))


def shape_text(shape: Any) -> str:
    """Returns ``[any, 5]``."""
    if shape is None:
        return "any"
    return f"[{', '.join('any' if size is None or size == -1 else str(size) for size in shape)}]"


@cache
def _environment() -> Environment:
    return page_templates({"shape": shape_text}, servable=SERVABLE)


def _context(description: Mapping[str, Any]) -> dict[str, Any]:
    stages = stages_of(description["stages"])
    ops = sorted(description["ops"].items(), key=lambda entry: (-entry[1], entry[0]))
    return {
        "style": packaged("page.css") + packaged("picture.css", package=SERVABLE),
        "name": str(description["name"]),
        "version": description["version"],
        "graph": graph_picture(stages),
        "tiles": _tiles(description, flops=sum(stage.flops_per_token for stage in stages), ops=ops),
        "signatures": description["signatures"],
        "ops": ops[:MOST_OPS],
        "ops_left_out": max(0, len(ops) - MOST_OPS),
        "most": max((number for _, number in ops), default=1),
    }


def _tiles(description: Mapping[str, Any], *, flops: int, ops: list[tuple[str, int]]) -> list[tuple[str, str, str]]:
    """Returns name, value and meaning of the figures at the head of the page."""
    return [
        (
            "Parameters",
            formats.compact(description["parameters"]),
            f"{formats.count(description['parameters'])} numbers",
        ),
        ("Size", formats.size(description["size_bytes"]), "of the files of this version"),
        ("FLOPs per token", formats.compact(flops), "a multiplication and an addition are two"),
        ("Ops", formats.count(sum(number for _, number in ops)), f"of {plural(len(ops), 'kind')}, functions included"),
        ("Lowest server", str(description["lowest_server"]), "the first TensorFlow Serving that has all ops"),
    ]
