"""What gives a label away that should be found out: one token of the text, or the way a row is called."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfclassify.data.labelling import LabelMap, Split, names_of
from tfclassify.data.labelling import chosen as chosen_rows
from tfclassify.data.ragged import Ragged
from tfclassify.errors import excerpt

LOOKED_AT_ROWS = 20_000
FEWEST_ROWS = 50
NEARLY_ALL = 0.99
FRONT = re.compile(r"\D*")


def notes_on_giveaways(train: Split, labels: LabelMap, vocabulary: Path) -> Iterator[str]:
    """Says whether a token each, or the front of the ids, tells nearly all training rows' labels.

    Args:
        train: the training rows, of tasks with one label a row; other tasks have no note.
        labels: their names.
        vocabulary: the tokens, one a line.
    """
    if labels.multilabel or len(train) < FEWEST_ROWS:
        return
    step = -(-len(train) // LOOKED_AT_ROWS)
    some = chosen_rows(train, np.arange(len(train)) % step == 0)
    yield from _notes_on_tokens(some, labels, vocabulary)
    yield from _notes_on_ids(some, labels)


def _notes_on_tokens(split: Split, labels: LabelMap, vocabulary: Path) -> Iterator[str]:
    """Takes of every class the token that tells it best; the last class is what the others leave."""
    tokens, errors = _best_tokens(split, len(labels.names))
    told = np.argsort(errors, kind="stable")[: len(labels.names) - 1]
    right = 1 - errors[told].sum() / len(split)
    if right < NEARLY_ALL:
        return
    lines = vocabulary.read_text(encoding="utf-8").split("\n")
    named = ", ".join(f"'{excerpt(lines[tokens[each]])}' for '{excerpt(labels.names[each])}'" for each in told[:3])
    more = ", ..." if len(told) > 3 else ""
    yield (
        f"train: single tokens give {right:.1%} of the labels away: {named}{more}; "
        "if the label is written in the text, take it out"
    )


def _best_tokens(split: Split, classes: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns int64[C] twice: each class's best token, and the rows that are wrong if it alone decides."""
    sizes = np.bincount(split.truth, minlength=classes)
    rows, tokens = _present(split.store.pieces, split.rows)
    width = int(tokens.max(initial=0)) + 1
    pairs, counts = np.unique(split.truth[rows].astype(np.int64) * width + tokens, return_counts=True)
    owners, of_pair = pairs // width, pairs % width
    wrong = sizes[owners] + np.bincount(tokens, minlength=width)[of_pair] - 2 * counts
    order = np.lexsort((wrong, owners))
    first = np.unique(owners[order], return_index=True)
    best, errors = np.zeros(classes, np.int64), sizes.astype(np.int64)
    best[first[0]], errors[first[0]] = of_pair[order][first[1]], wrong[order][first[1]]
    return best, errors


def _present(pieces: Ragged, rows: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns which row, counted from 0, has which token; each pair once."""
    starts = np.asarray(pieces.offsets[rows])
    lengths = np.asarray(pieces.offsets[rows + 1]) - starts
    owners = np.repeat(np.arange(len(rows)), lengths)
    within = np.arange(len(owners)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    tokens = np.asarray(pieces.values[starts[owners] + within], np.int64)
    width = int(tokens.max(initial=0)) + 1
    pairs = np.unique(owners * width + tokens)
    return pairs // width, pairs % width


def _notes_on_ids(split: Split, labels: LabelMap) -> Iterator[str]:
    fronts = [FRONT.match(name).group() for name in names_of(split)]  # type: ignore[union-attr]
    truth = [labels.names[number] for number in split.truth]
    # A folder's rows are called by their labels, which nobody has to be told.
    if not fronts or all(front.startswith(f"{label}/") for front, label in zip(fronts, truth, strict=True)):
        return
    known, front_of_row = np.unique(fronts, return_inverse=True)
    if not 1 < len(known) <= len(split) / 10:
        return
    table = np.zeros((len(known), len(labels.names)), np.int64)
    np.add.at(table, (front_of_row, split.truth), 1)
    right = table.max(axis=1).sum() / len(split)
    if right >= NEARLY_ALL and right > table.sum(axis=0).max() / len(split):
        yield (
            f"train: how the ids begin gives {right:.1%} of the labels away, such as '{excerpt(str(known[0]))}' "
            f"for '{excerpt(labels.names[table[0].argmax()])}'; a column that comes after the label is no feature"
        )
