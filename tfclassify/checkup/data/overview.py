"""What the data are, whether or not anything is wrong with them: rows, labels, lengths, scripts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfclassify.checkup.data.counting import rows_per_label
from tfclassify.checkup.data.material import Material
from tfclassify.checkup.data.scripts import script_shares
from tfclassify.errors import UsageError
from tfclassify.hardware import Hardware, usable_cores, usable_memory_bytes
from tfclassify.planning.buckets import padding_share
from tfclassify.planning.facts import Facts
from tfclassify.planning.planner import decided
from tfclassify.planning.statistics import quantile_length, unknown_share
from tfclassify.planning.windows import row_columns
from tfclassify.settings import Settings

MOST_SHARE = 0.95
SHAPES = "train.buckets"


def overview(material: Material) -> dict[str, Any]:
    """Returns plain values: ``splits``, ``labels`` (rows by label and split), ``shared`` texts, and the planned shapes.

    Lengths, unknown tokens and scripts are those of the rows looked at.
    """
    scripts = script_shares(material)
    plan = _plan(material)
    return {
        "splits": {name: {**_split(material, name), "scripts": scripts[name]} for name in material.splits},
        "labels": labels_by_split(material),
        "multilabel": material.statistics.multilabel,
        "shared": dict(material.statistics.overlap),
        "model": None if material.vocabulary is None else material.vocabulary.model,
        "plan": None if plan is None else _shapes(material, plan),
    }


def labels_by_split(material: Material) -> dict[str, dict[str, int]]:
    """Returns the rows of every label by split, labels with the most training rows first."""
    counts = {name: rows_per_label(split, material.label_sets) for name, split in material.splits.items()}
    labels = dict.fromkeys(label for each in counts.values() for label in each)
    ordered = sorted(labels, key=lambda label: (-counts["train"].get(label, 0), label))
    return {label: {name: each.get(label, 0) for name, each in counts.items()} for label in ordered}


def _split(material: Material, name: str) -> dict[str, Any]:
    split, counted = material.splits[name], material.statistics.splits[name]
    return {
        "location": split.location,
        "rows": len(split),
        "looked_at": len(split.texts),
        "empty": split.faults.empty,
        "unreadable": split.faults.unreadable,
        "repeated": counted.duplicates,
        "tokens": _tokens(counted.lengths),
        "unknown_share": unknown_share(counted) if counted.tokens else None,
    }


def _tokens(lengths: tuple[int, ...]) -> Mapping[str, int] | None:
    if not sum(lengths):
        return None
    shares = {"median": 0.5, "p95": MOST_SHARE}
    return {**{name: quantile_length(lengths, share) for name, share in shares.items()}, "longest": len(lengths) - 1}


def _plan(material: Material) -> Settings | None:
    """Plans for these lengths, so that they can be shown against the batch shapes; None where no plan can be made."""
    if material.vocabulary is None or not material.statistics.splits["train"].tokens:
        return None
    hardware = Hardware(cores=usable_cores(), memory_bytes=usable_memory_bytes())
    size, lower_case = material.vocabulary.size, material.vocabulary.lower_case
    try:
        # What comes after the shapes would ask how fast the machine is.
        return decided(Settings(), Facts(material.statistics, hardware, size, lower_case, {}), last=SHAPES)[0]
    except UsageError:
        # Data with one label, say, have findings of their own.
        return None


def _shapes(material: Material, planned: Settings) -> dict[str, Any]:
    text, buckets = planned.text, planned.train.buckets
    columns = row_columns(material.statistics.splits["train"].lengths, text, most=planned.train.windows)
    return {
        "max_length": text.max_length,
        "buckets": [list(bucket) for bucket in buckets],
        "padding_share": padding_share(columns, buckets),
    }
