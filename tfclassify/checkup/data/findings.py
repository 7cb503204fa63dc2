"""The findings about data: a plain function each, from the material to what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec

from tfclassify.checkup.data.drift import drift
from tfclassify.checkup.data.encodings import lost_characters, markup, misread_texts, unreadable_rows
from tfclassify.checkup.data.giveaways import telling_columns, telling_words
from tfclassify.checkup.data.labels import (
    free_text_labels,
    lookalike_labels,
    one_label,
    rare_labels,
    strange_labels,
    uneven_labels,
)
from tfclassify.checkup.data.lengths import cut_texts, empty_texts, long_texts, unknown_tokens
from tfclassify.checkup.data.material import Material
from tfclassify.checkup.data.mislabelled import confused_labels, mislabelled
from tfclassify.checkup.data.near_repeats import near_repeats
from tfclassify.checkup.data.order import cut_off, sorted_rows
from tfclassify.checkup.data.repeats import repeated_texts, several_labels, shared_texts
from tfclassify.checkup.data.scripts import other_scripts
from tfclassify.checkup.finding import Finding, by_severity
from tfclassify.display import SILENT, Display
from tfclassify.errors import UsageError, nearest

Find = Callable[[Material], list[Finding]]

FINDINGS: dict[str, Find] = {
    "unreadable_rows": unreadable_rows,
    "cut_off": cut_off,
    "one_label": one_label,
    "free_text_labels": free_text_labels,
    "strange_labels": strange_labels,
    "lookalike_labels": lookalike_labels,
    "rare_labels": rare_labels,
    "uneven_labels": uneven_labels,
    "empty_texts": empty_texts,
    "long_texts": long_texts,
    "cut_texts": cut_texts,
    "unknown_tokens": unknown_tokens,
    "other_scripts": other_scripts,
    "misread_texts": misread_texts,
    "lost_characters": lost_characters,
    "markup": markup,
    "repeated_texts": repeated_texts,
    "shared_texts": shared_texts,
    "several_labels": several_labels,
    "near_repeats": near_repeats,
    "sorted_rows": sorted_rows,
    "drift": drift,
    "telling_words": telling_words,
    "telling_columns": telling_columns,
    "mislabelled": mislabelled,
    "confused_labels": confused_labels,
}

# Packages that some of them need, which come with an extra.
NEEDS = {
    "misread_texts": "ftfy",
    "near_repeats": "datasketch",
    "mislabelled": "cleanlab",
}


def find_all(
    material: Material, *, skip: Sequence[str] = (), display: Display = SILENT
) -> tuple[list[Finding], dict[str, str]]:
    """Makes every finding.

    Args:
        material: the data.
        skip: names in FINDINGS of those that are not looked for.
        display: gets the progress.

    Returns:
        The findings, the serious ones first; and what was not looked for, with why.

    Raises:
        UsageError: there is no finding of a name in ``skip``.
    """
    for name in skip:
        if name not in FINDINGS:
            raise UsageError(f"skip: no finding '{name}'; known: {', '.join(FINDINGS)}{nearest(name, FINDINGS)}")
    found, left_out = list[Finding](), dict.fromkeys(skip, "as asked")
    display.start("looking", len(FINDINGS))
    for name, find in FINDINGS.items():
        package = NEEDS.get(name)
        if name not in left_out and package is not None and find_spec(package) is None:
            left_out[name] = f"{package} is not installed; it comes with: pip install 'tfclassify[doctor]'"
        if name not in left_out:
            found += find(material)
        display.advance(1, name.replace("_", " "))
    return by_severity(found), left_out
