"""``plan.html``: what was planned, why, and what else could have been; a page that loads nothing and runs nothing."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tfclassify.planning.alternatives import duration, expectation, milliseconds
from tfclassify.planning.planner import Plan, describe_costs
from tfclassify.quality.report import formats
from tfclassify.quality.report.pictures.alternatives import alternatives_picture
from tfclassify.quality.report.wording import label_text, visible
from tfclassify.settings.dialect import written

PACKAGE = "tfclassify.quality.report"


def plan_page(plan: Plan) -> str:
    """Writes the page of a plan.

    Returns:
        HTML in which all that others wrote is escaped.
    """
    style = resources.files(PACKAGE).joinpath("templates", "page.css").read_text(encoding="utf-8")
    return (
        _environment()
        .get_template("plan.html.jinja")
        .render(
            style=Markup(style),  # noqa: S704 -- a file of the package
            name=str(plan.settings.name),
            costs=describe_costs(plan.costs),
            picture=alternatives_picture(plan.alternatives) if plan.alternatives else None,
            alternatives=plan.alternatives,
            answered=plan.answered,
            decisions=[(key, written(each.value), each) for key, each in plan.decisions.items()],
        )
    )


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader(PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    own: dict[str, Any] = {"duration": duration, "expectation": expectation, "milliseconds": milliseconds}
    made.filters.update(percent=formats.percent, label=label_text, visible=visible, **own)
    return made
