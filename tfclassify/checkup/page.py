"""``doctor.html``: what was found as a page that loads nothing and runs nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from jinja2 import Environment

from tfclassify.checkup.finding import SEVERITIES, Finding
from tfclassify.checkup.label_picture import label_picture
from tfclassify.quality.report.pictures.drawing import Picture
from tfclassify.quality.report.pictures.lengths import length_histogram
from tfclassify.quality.report.templating import packaged, page_templates

CHECKUP = "tfclassify.checkup"
MEANINGS = {
    "serious": "makes figures or answers wrong",
    "warning": "probably costs something",
    "note": "is good to know",
}


def data_page(
    name: str,
    overview: Mapping[str, Any],
    findings: Sequence[Finding],
    *,
    left_out: Mapping[str, str],
    lengths: Sequence[int],
    confusions: Picture | None,
) -> str:
    """Writes the page of a check-up of data.

    Args:
        name: of the data.
        overview: see :func:`tfclassify.checkup.data.overview.overview`.
        findings: in the order in which they are shown.
        left_out: what was not looked for, with why.
        lengths: ``lengths[n]`` training texts have n tokens.
        confusions: which labels the baseline takes for which, where there is a baseline.

    Returns:
        HTML in which all that others wrote is escaped.
    """
    buckets = [tuple(bucket) for bucket in (overview["plan"] or {}).get("buckets", ())]
    pictures = [
        label_picture(overview["labels"]),
        length_histogram(lengths, buckets) if sum(lengths) else None,
        confusions,
    ]
    return _written(
        title=name,
        eyebrow="Check-up of the data",
        findings=findings,
        left_out=left_out,
        overview=overview,
        pictures=[picture for picture in pictures if picture is not None],
        facts={},
    )


def installation_page(facts: Mapping[str, Any], findings: Sequence[Finding]) -> str:
    """Writes the page of a check-up of the installation.

    Args:
        facts: plain values by name, one level of names inside them.
        findings: in the order in which they are shown.
    """
    return _written(
        title="tfclassify",
        eyebrow="Check-up of the installation",
        findings=findings,
        left_out={},
        overview=None,
        pictures=[],
        facts={name: _fact(value) for name, value in facts.items()},
    )


def _written(*, findings: Sequence[Finding], **context: Any) -> str:
    tiles = [(each, sum(finding.severity == each for finding in findings), MEANINGS[each]) for each in SEVERITIES]
    style = packaged("page.css") + packaged("checkup.css", package=CHECKUP)
    template = _environment().get_template("checkup/checkup.html.jinja")
    return template.render(style=style, tiles=tiles, findings=findings, **context)


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return "\n".join(f"{name}: {each}" for name, each in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


@cache
def _environment() -> Environment:
    return page_templates(checkup=CHECKUP)
