"""Pages from templates: everything is escaped that is not marked as markup, and a page contains what it needs."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup

from tfclassify.quality.report import formats, tables, wording

REPORT = "tfclassify.quality.report"


def page_templates(filters: Mapping[str, Any] | None = None, **packages: str) -> Environment:
    """Makes the environment of pages.

    Args:
        filters: beside those that all pages have.
        packages: whose templates are found under a prefix, ``checkup/page.html.jinja``; those of reports are found
            without one, and under ``report/``.
    """
    own = PackageLoader(REPORT)
    prefixed = {prefix: PackageLoader(package) for prefix, package in packages.items()}
    made = Environment(
        loader=ChoiceLoader([own, PrefixLoader({"report": own, **prefixed})]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(FILTERS, **(filters or {}))
    return made


def packaged(name: str, *, package: str = REPORT) -> Markup:
    """Returns a file beside a package's templates as it is, for a page to contain."""
    text = resources.files(package).joinpath("templates", name).read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704 -- a file of the package


FILTERS: Mapping[str, Any] = {
    "percent": formats.percent,
    "decimals": formats.decimals,
    "count": formats.count,
    "ratio": tables.ratio_text,
    "label": wording.label_text,
    "visible": wording.visible,
    "excerpt": wording.excerpt,
    "plural": wording.plural,
}
