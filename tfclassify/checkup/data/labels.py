"""Labels: how many rows each has, which are missing where, and which are probably one."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from math import isinf

import numpy as np

from tfclassify.checkup.data.counting import rows_per_label
from tfclassify.checkup.data.material import Material, examples_of, numbers_of
from tfclassify.checkup.finding import Example, Finding
from tfclassify.planning.statistics import imbalance
from tfclassify.quality.report.wording import label_text, plural

UNEVEN, VERY_UNEVEN = 20, 1000
FEWEST_ROWS = 5
# A column with more labels than rows to learn them from is another column than the label's.
MOST_LABELS_PER_ROW = 0.5
NAMED = 5


def uneven_labels(material: Material) -> list[Finding]:
    """Finds that the largest label has many times the rows of the smallest."""
    counts = {label: rows for label, rows in material.statistics.splits["train"].label_counts.items() if rows}
    ratio = imbalance(counts) if counts else 0.0
    if ratio <= UNEVEN or isinf(ratio):
        return []
    largest, smallest = max(counts, key=lambda label: counts[label]), min(counts, key=lambda label: counts[label])
    return [
        Finding(
            name="uneven_labels",
            severity="warning" if ratio >= VERY_UNEVEN else "note",
            sentence=f"The label “{label_text(largest)}” has {ratio:,.0f} times the training rows of "
            f"“{label_text(smallest)}” ({counts[largest]:,} and {counts[smallest]:,}).",
            cost="Accuracy says little of the small labels, and the small ones are learnt last.",
            remedy="train.class_weights=balanced where small labels count as much; judge by train.metric=macro_f1",
            counts={"largest": counts[largest], "smallest": counts[smallest], "ratio": ratio},
            key="train.class_weights",
        )
    ]


def rare_labels(material: Material) -> list[Finding]:
    """Finds labels of which there are too few training rows to learn anything."""
    counts = material.statistics.splits["train"].label_counts
    rare = sorted((label for label, rows in counts.items() if rows < FEWEST_ROWS), key=lambda label: counts[label])
    if not rare or len(counts) > MOST_LABELS_PER_ROW * material.statistics.splits["train"].rows:
        return []
    return [
        Finding(
            name="rare_labels",
            severity="warning",
            sentence=f"{plural(len(rare), 'label')} of {len(counts):,} {'has' if len(rare) == 1 else 'have'} fewer "
            f"than {FEWEST_ROWS} training rows: {_named(rare)}.",
            cost="They are hardly ever given as an answer, and pull macro-F1 down.",
            remedy="label more rows of them, merge them, or take them out",
            counts={"labels": len(rare), "rows": sum(counts[label] for label in rare)},
            examples=_examples(material, "train", set(rare)),
            key="train.metric",
        )
    ]


def free_text_labels(material: Material) -> list[Finding]:
    """Finds that nearly every row has a label of its own."""
    train = material.splits["train"]
    labels = len(material.statistics.labels)
    if labels < 20 or labels <= MOST_LABELS_PER_ROW * len(train):
        return []
    return [
        Finding(
            name="free_text_labels",
            severity="serious",
            sentence=f"There are {labels:,} different labels in {plural(len(train), 'training row')}.",
            cost="Nothing can be learnt of labels that are there once.",
            remedy="data.label: name the column of the label; this one looks like free text",
            counts={"labels": labels, "rows": len(train)},
            examples=examples_of(material, "train", range(len(train))),
        )
    ]


def one_label(material: Material) -> list[Finding]:
    """Finds that there is nothing to tell apart."""
    labels = material.statistics.labels
    if len(labels) > 1:
        return []
    named = f"only the label “{label_text(labels[0])}”" if labels else "no label"
    return [
        Finding(
            name="one_label",
            severity="serious",
            sentence=f"The training rows have {named}.",
            cost="There is nothing to learn; train refuses it.",
            remedy="data.train: a file with rows of at least two labels",
            counts={"labels": len(labels)},
        )
    ]


def strange_labels(material: Material) -> list[Finding]:
    """Finds rows to judge by whose label no training row has, and labels that no row to judge by has."""
    return [*_unknown(material), *_unjudged(material)]


def lookalike_labels(material: Material) -> list[Finding]:
    """Finds labels that differ in case, white space or the form of their characters only."""
    groups: dict[str, list[str]] = {}
    for label in dict.fromkeys(label for labels in material.label_sets for label in labels):
        folded = " ".join(unicodedata.normalize("NFKC", label).casefold().replace("_", " ").split())
        groups.setdefault(folded, []).append(label)
    alike = [names for names in groups.values() if len(names) > 1]
    if not alike:
        return []
    listed = "; ".join(" and ".join(f"“{label_text(name)}”" for name in names) for names in alike[:NAMED])
    labels = {name for names in alike for name in names}
    return [
        Finding(
            name="lookalike_labels",
            severity="warning",
            sentence=f"{plural(len(labels), 'label')} differ in case, spaces or form only: {listed}.",
            cost="Rows of one label are learnt and judged as rows of two.",
            remedy="write each label in one way",
            counts={"labels": len(labels), "groups": len(alike)},
            examples=_examples(material, "train", labels),
        )
    ]


def _unknown(material: Material) -> Iterator[Finding]:
    known = {*material.statistics.labels, material.out_of_scope}
    for name, split in material.splits.items():
        missing = [label for label in rows_per_label(split, material.label_sets) if label not in known]
        if not missing:
            continue
        bad = [key for key, labels in enumerate(material.label_sets) if set(labels) & set(missing)]
        rows = np.flatnonzero(np.isin(split.keys, bad))
        yield Finding(
            name="unknown_labels",
            severity="serious",
            sentence=f"{name}: {plural(len(rows), 'row')} of {len(split):,} have labels that no training row has: "
            f"{_named(missing)}.",
            cost="train refuses them; no classifier could be right on them.",
            remedy="correct them, add training rows, or set data.unknown_labels=drop",
            counts={"rows": len(rows), "labels": len(missing)},
            examples=examples_of(material, name, rows),
            rows={name: numbers_of(material, name, rows)},
        )


def _unjudged(material: Material) -> Iterator[Finding]:
    for name, split in material.statistics.splits.items():
        missing = [label for label, rows in split.label_counts.items() if not rows]
        if name == "train" or not missing:
            continue
        yield Finding(
            name="missing_labels",
            severity="note",
            sentence=f"{name}: no row has the label{'s' * (len(missing) > 1)} {_named(missing)} "
            f"({len(missing)} of {len(split.label_counts)}).",
            cost="Figures say nothing of them.",
            remedy=f"add rows of them to the {name} file",
            counts={"labels": len(missing)},
        )


def _examples(material: Material, name: str, labels: set[str]) -> tuple[Example, ...]:
    keys = [key for key, each in enumerate(material.label_sets) if set(each) & labels]
    if name not in material.splits:
        return ()
    return examples_of(material, name, np.flatnonzero(np.isin(material.splits[name].keys, keys)))


def _named(labels: list[str]) -> str:
    shown = ", ".join(f"“{label_text(label)}”" for label in labels[:NAMED])
    return shown + (f" and {len(labels) - NAMED} more" if len(labels) > NAMED else "")
