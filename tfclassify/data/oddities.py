"""What is odd about a corpus beside its counts: label names, class sizes, repeats, giveaways, texts that are none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow.compute as pc

from tfclassify.data.giveaways import notes_on_giveaways
from tfclassify.data.label_names import listed, notes_on_label_names
from tfclassify.data.labelling import LabelMap, Split
from tfclassify.data.repeats import notes_on_repeats
from tfclassify.data.sources import Columns
from tfclassify.data.texts import looked_at, some_texts
from tfclassify.errors import excerpt, one_line
from tfclassify.planning.statistics import Statistics

FEWEST_TEXTS = 5
MOSTLY = 0.9
LOPSIDED = 100
NO_WORDS = r"^[\s\d.,:/+\-%$€£]*\d[\s\d.,:/+\-%$€£TZ]*$"


def notes_on_oddities(
    splits: Mapping[str, Split], labels: LabelMap, columns: Columns, statistics: Statistics, vocabulary: Path
) -> tuple[str, ...]:
    """Says what whoever trains should know before the figures, a line each; nothing is changed."""
    rows = statistics.splits["train"].label_counts
    notes = [
        *notes_on_label_names(rows, columns),
        *_notes_on_sizes(rows),
        *_notes_on_texts(splits["train"], columns),
        *notes_on_repeats(splits),
        *notes_on_giveaways(splits["train"], labels, vocabulary),
    ]
    return tuple(one_line(note) for note in notes)


def _notes_on_sizes(rows: Mapping[str, int]) -> Iterator[str]:
    single = [name for name, number in rows.items() if number == 1]
    if single:
        have = "1 label has" if len(single) == 1 else f"{len(single)} labels have"
        yield f"train: {have} a single row, from which nothing general can be learnt: {listed(single)}"
    most, least = max(rows, key=lambda name: rows[name]), min(rows, key=lambda name: rows[name])
    if rows[least] and rows[most] >= LOPSIDED * rows[least]:
        yield (
            f"train: '{excerpt(most)}' has {rows[most] // rows[least]:,} times the rows of '{excerpt(least)}'; "
            "look at macro F1 and the classes' own figures, accuracy says little"
        )


def _notes_on_texts(train: Split, columns: Columns) -> Iterator[str]:
    texts = some_texts(train, looked_at(train)[:1000])
    if len(texts) < FEWEST_TEXTS:
        return
    share = pc.mean(pc.match_substring_regex(texts, NO_WORDS).cast("int8")).as_py()
    if share >= MOSTLY:
        yield (
            f"train: {share:.0%} of the texts are numbers or dates; "
            f"is '{columns.text}' the column of the texts (data.text)?"
        )
