"""The findings that counts alone give: so cheap that planning makes them too."""

from __future__ import annotations

from tfclassify.checkup.data.labels import rare_labels, uneven_labels
from tfclassify.checkup.data.lengths import unknown_tokens
from tfclassify.checkup.data.material import Material, Vocabulary
from tfclassify.checkup.data.repeats import repeated_texts, shared_texts
from tfclassify.checkup.finding import Finding, by_severity
from tfclassify.planning.statistics import Statistics

QUICK = (rare_labels, uneven_labels, unknown_tokens, repeated_texts, shared_texts)


def quick_findings(statistics: Statistics, vocabulary: Vocabulary) -> list[Finding]:
    """Makes these findings, without examples and without reading a text."""
    material = Material({}, (), statistics, vocabulary)
    return by_severity(finding for find in QUICK for finding in find(material))
