"""Templates of this package; what goes into one is quoted for its language by a filter that the template names."""

from __future__ import annotations

import shlex
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from tfclassify.quality.report.card import escaped


def rendered(template: str, **values: object) -> str:
    """Fills a template in.

    Raises:
        jinja2.UndefinedError: it asks for a value that is not given.
    """
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    made = Environment(  # noqa: S701 -- not HTML: each value goes through the filter of its language
        loader=PackageLoader("tfclassify.servable.bundle"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(python=ascii, shell=shlex.quote, markdown=escaped)
    return made
