"""The environment of pages: strict, escaping, and with the templates of other rooms under a prefix."""

from __future__ import annotations

import pytest
from jinja2 import TemplateNotFound, UndefinedError

from tfclassify.quality.report.templating import packaged, page_templates


def test_what_others_wrote_is_escaped_and_what_is_missing_is_an_error() -> None:
    template = page_templates().from_string("{{ said }}")
    assert template.render(said="<b>") == "&lt;b&gt;"
    with pytest.raises(UndefinedError, match="'said' is undefined"):
        template.render()


def test_filters_of_its_own() -> None:
    made = page_templates({"twice": lambda text: text * 2})
    assert made.from_string("{{ 'a' | twice }} {{ 0.5 | percent }}").render() == "aa 50.0%"
    assert "twice" not in page_templates().filters


def test_templates_of_other_rooms() -> None:
    made = page_templates(checkup="tfclassify.checkup")
    for name in ("page.html.jinja", "report/page.html.jinja", "checkup/checkup.html.jinja"):
        assert made.get_template(name)
    with pytest.raises(TemplateNotFound):
        page_templates().get_template("checkup/checkup.html.jinja")


def test_a_file_goes_into_a_page_as_it_is() -> None:
    style = packaged("checkup.css", package="tfclassify.checkup")
    assert page_templates().from_string("{{ style }}").render(style=style) == style
