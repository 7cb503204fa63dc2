"""Texts that are there more than once: in a split, in two splits, with more than one label."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tfclassify.checkup.data.material import Material, example, examples_of, numbers_of
from tfclassify.checkup.finding import Example, Finding, graded
from tfclassify.quality.report.wording import plural

MANY_REPEATED, TOO_MANY_REPEATED = 0.01, 0.25
MANY_SHARED = 0.01
MANY_CONTRADICTING = 0.005


def repeated_texts(material: Material) -> list[Finding]:
    """Finds rows whose text an earlier row of the same split has."""
    found = []
    for name, split in material.statistics.splits.items():
        if not split.duplicates:
            continue
        repeat = "repeats" if split.duplicates == 1 else "repeat"
        learnt = name == "train"
        rows = _later_rows(material, name)
        found.append(
            Finding(
                name="repeated_texts",
                severity=graded(split.duplicates / split.rows, warning=MANY_REPEATED, serious=TOO_MANY_REPEATED),
                sentence=f"{name}: {plural(split.duplicates, 'row')} of {split.rows:,} {repeat} the text of an "
                "earlier row.",
                cost="They count more than others in the loss." if learnt else "They count more than once in figures.",
                remedy="data.duplicates=drop" if learnt else f"take them out of the {name} file",
                counts={"rows": split.duplicates, "of": split.rows},
                examples=examples_of(material, name, rows) if name in material.splits else (),
                rows={name: numbers_of(material, name, rows)} if name in material.splits else {},
                key="data.duplicates" if learnt else "",
            )
        )
    return found


def shared_texts(material: Material) -> list[Finding]:
    """Finds texts that two splits share."""
    found = []
    for pair, texts in material.statistics.overlap.items():
        if not texts:
            continue
        left, right = pair.split("&")
        rows = _rows_also_in(material, right, left)
        share = texts / material.statistics.splits[right].rows
        found.append(
            Finding(
                name="shared_texts",
                severity="serious" if share >= MANY_SHARED else "warning",
                sentence=f"{left} and {right} share {plural(texts, 'text')}.",
                cost=f"Figures on {right} are up to {share:.1%} better than on texts that are new."
                if left == "train"
                else "What is chosen on the one is not judged by other rows.",
                remedy=f"take their rows out of the {left} file; doctor.json lists those of {right}",
                counts={"texts": texts, "rows": len(rows)},
                examples=examples_of(material, right, rows) if right in material.splits else (),
                rows={right: numbers_of(material, right, rows)} if right in material.splits else {},
                key="data.duplicates",
            )
        )
    return found


def several_labels(material: Material) -> list[Finding]:
    """Finds texts that have one label here and another there, in whatever split."""
    marked = {name: _contradicting(material, name) for name in material.splits}
    texts = len(np.unique(np.concatenate([split.hashes[marked[name]] for name, split in material.splits.items()])))
    if not texts:
        return []
    different = len(np.unique(np.concatenate([split.hashes for split in material.splits.values()])))
    rows = {name: np.flatnonzero(marks) for name, marks in marked.items() if marks.any()}
    return [
        Finding(
            name="several_labels",
            severity=graded(texts / different, warning=MANY_CONTRADICTING, serious=0.05),
            sentence=f"{plural(texts, 'text')} of {different:,} {'has' if texts == 1 else 'have'} more than one label "
            "in different rows.",
            cost="No classifier can be right on all of their rows.",
            remedy="decide on one label for each, or merge labels that people cannot tell apart",
            counts={"texts": texts, "of": different, "rows": sum(map(len, rows.values()))},
            examples=_side_by_side(material, rows),
            rows={name: numbers_of(material, name, each) for name, each in rows.items()},
        )
    ]


def _later_rows(material: Material, name: str) -> NDArray[np.intp]:
    """Returns the places of the rows whose text an earlier row has."""
    if name not in material.splits:
        return np.zeros(0, np.intp)
    hashes = material.splits[name].hashes
    later = np.ones(len(hashes), bool)
    later[np.unique(hashes, return_index=True)[1]] = False
    return np.flatnonzero(later)


def _rows_also_in(material: Material, name: str, other: str) -> NDArray[np.intp]:
    if name not in material.splits or other not in material.splits:
        return np.zeros(0, np.intp)
    return np.flatnonzero(np.isin(material.splits[name].hashes, material.splits[other].hashes))


def _contradicting(material: Material, name: str) -> NDArray[np.bool_]:
    """Returns bool[N]: rows of a split whose text has other labels in another row of any split."""
    hashes = np.concatenate([split.hashes for split in material.splits.values()])
    keys = np.concatenate([split.keys for split in material.splits.values()])
    both = np.unique(np.stack([hashes, keys.astype(np.uint64)]), axis=1)
    texts, times = np.unique(both[0], return_counts=True)
    return np.isin(material.splits[name].hashes, texts[times > 1])


def _side_by_side(material: Material, rows: Mapping[str, NDArray[np.intp]]) -> tuple[Example, ...]:
    """Shows texts with their different labels, the rows of one text together."""
    seen: dict[int, dict[int, Example]] = {}
    for name, places in rows.items():
        split = material.splits[name]
        for place in np.flatnonzero(np.isin(split.sample, places)).tolist():
            row = int(split.sample[place])
            seen.setdefault(int(split.hashes[row]), {}).setdefault(int(split.keys[row]), example(material, name, place))
    both = [each for by_key in seen.values() if len(by_key) > 1 for each in by_key.values()]
    return tuple(both[: 2 * material.shown])
