"""``plan.html``: what was planned, why, and what else could have been; a page that loads nothing and runs nothing."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment

from tfclassify.planning.alternatives import duration, expectation, milliseconds
from tfclassify.planning.planner import Plan, describe_costs
from tfclassify.quality.report.pictures.alternatives import alternatives_picture
from tfclassify.quality.report.templating import packaged, page_templates
from tfclassify.settings.dialect import written


def plan_page(plan: Plan) -> str:
    """Writes the page of a plan.

    Returns:
        HTML in which all that others wrote is escaped.
    """
    return (
        _environment()
        .get_template("plan.html.jinja")
        .render(
            style=packaged("page.css"),
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
    return page_templates({"duration": duration, "expectation": expectation, "milliseconds": milliseconds})
