"""The order of the rows, and where they end: sorted by label, and cut off."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tfclassify.checkup.data.counting import rows_per_label
from tfclassify.checkup.data.material import Material, SplitRows, examples_of, label_of
from tfclassify.checkup.finding import Finding
from tfclassify.quality.report.wording import label_text, plural

# Of the changes of label from row to row that chance would have, so few are there in a sorted file.
SORTED, FEWEST_ROWS = 0.25, 50
# A spreadsheet, old or new, holds so many rows below its header.
LIMITS = (65_535, 1_048_575)
# The last label of a sorted file has less than so much of what the others have at least.
STUMP = 0.5


def sorted_rows(material: Material) -> list[Finding]:
    """Finds rows that are sorted by label."""
    found = []
    for name, split in material.splits.items():
        share = _changes(split)
        if share is not None and share < SORTED:
            finding = Finding(
                name="sorted_rows",
                severity="note",
                sentence=f"{name}: rows are sorted by label: it changes {share:.0%} as often from row to row as chance "
                "would have it.",
                cost="None in training, which shuffles; but the first rows (data.max_rows), and a file cut off in the "
                "middle, lack whole labels.",
                remedy="shuffle the file before a part of it is taken",
                counts={"share": share, "rows": len(split)},
            )
            found.append(finding)
    return found


def cut_off(material: Material) -> list[Finding]:
    """Finds signs that a file ends before its data do."""
    return [finding for name in material.splits for finding in _cut_off(material, name)]


def _changes(split: SplitRows) -> float | None:
    """Returns how often the label changes from row to row, over how often it would in any order."""
    shares = np.bincount(split.keys) / max(1, len(split))
    expected = (len(split) - 1) * (1 - float((shares**2).sum()))
    if len(split) < FEWEST_ROWS or expected < FEWEST_ROWS / 4:
        return None
    return float((split.keys[1:] != split.keys[:-1]).sum()) / expected


def _cut_off(material: Material, name: str) -> Iterator[Finding]:
    signs = list(_signs(material, name))
    if not signs:
        return
    split = material.splits[name]
    yield Finding(
        name="cut_off",
        severity="warning",
        sentence=f"{name}: the file seems to end before its data do: {'; '.join(signs)}.",
        cost="Rows behind the end, and labels that only they have, are neither learnt nor judged.",
        remedy="compare the number of rows with where the file comes from, and copy it again",
        counts={"rows": len(split), "signs": len(signs)},
        examples=examples_of(material, name, range(len(split) - 1, max(-1, len(split) - 3), -1)),
    )


def _signs(material: Material, name: str) -> Iterator[str]:
    split = material.splits[name]
    faults = split.faults
    if faults.broken:
        yield f"reading ended in an error behind row {faults.last:,}"
    elif faults.rows == (faults.last,):
        yield "its last row, and only that, cannot be read"
    if faults.last in LIMITS:
        yield f"it has {plural(faults.last, 'row')}, the most that a spreadsheet holds"
    yield from _half_a_label(material, name)
    yield from _stump(material, name)


def _half_a_label(material: Material, name: str) -> Iterator[str]:
    """Finds that the last row has the beginning of a label, which no other row has."""
    split = material.splits[name]
    if len(split) < 2 or (split.keys == split.keys[-1]).sum() > 1:
        return
    last = label_of(material, int(split.keys[-1]))
    others = rows_per_label(split, material.label_sets)
    whole = [label for label in others if label != last and label.startswith(last)]
    if whole:
        yield f"the label of its last row, “{label_text(last)}”, is the beginning of “{label_text(whole[0])}”"


def _stump(material: Material, name: str) -> Iterator[str]:
    """Finds that the last label of a sorted file has few rows beside the others, or that labels are missing."""
    split, share = material.splits[name], _changes(material.splits[name])
    if share is None or share >= SORTED:
        return
    numbers = np.bincount(split.keys)
    last, others = int(numbers[split.keys[-1]]), np.delete(numbers, split.keys[-1])
    others = others[others > 0]
    label = label_text(label_of(material, int(split.keys[-1])))
    # Labels may be uneven by nature: only where the others are alike does the last one stand out.
    if len(others) > 1 and others.min() >= STUMP * others.max() and last < STUMP * others.min():
        yield (
            f"its rows are sorted by label, and the last label, “{label}”, has {plural(last, 'row')} where every "
            f"other has at least {others.min():,}"
        )
    own = set(rows_per_label(split, material.label_sets))
    elsewhere = {label for other in material.splits.values() for label in rows_per_label(other, material.label_sets)}
    missing = sorted(elsewhere - own)
    if missing and name == "train":
        yield (
            f"its rows are sorted by label, and {plural(len(missing), 'label')} of the other splits "
            f"{'is' if len(missing) == 1 else 'are'} not there"
        )
