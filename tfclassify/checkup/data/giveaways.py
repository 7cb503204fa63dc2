"""What gives the label away: a single word, the names of the rows, another column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from tfclassify.checkup.data.material import Material, example, label_of, portion, sampled_keys
from tfclassify.checkup.finding import Finding
from tfclassify.quality.report.wording import label_text, plural

MOST_ROWS, MOST_CHARACTERS = 30_000, 20_000_000
FEWEST_ROWS = 20
# A word that nearly only, and nearly all, rows of a label have.
SURE = 0.97
# A word of one label of many may be its subject; subjects come to a few rows of all, and never to many.
FEW_ROWS, MANY_ROWS = 0.05, 0.5
WORD = r"(?u)\b\w+\b"
# What a column says of the label on rows that it was not learnt from, of what is left to say beyond guessing.
TELLS = 0.9
LEARNT_SHARE = 0.5
# Rows beside each other in the order of a number, of which each is told by the one before it.
FEWEST_NUMBERS = 50


@dataclass(frozen=True)
class Word:
    """A word that gives a label away: of the rows with it, and of the rows of the label, the shares that are both."""

    word: str
    key: int
    precision: float
    recall: float
    rows: int


def telling_words(material: Material) -> list[Finding]:
    """Finds words that nearly all rows of a label have, and nearly no others."""
    split = material.splits["train"]
    places = portion(split, rows=MOST_ROWS, characters=MOST_CHARACTERS, seed=material.seed)
    keys = sampled_keys(split)[places]
    words = _words([split.texts[place] for place in places], keys)
    covered = sum(each.rows for each in words) / len(places)
    if covered < FEW_ROWS:
        return []
    listed = ", ".join(f"“{each.word}” (“{label_text(label_of(material, each.key))}”)" for each in words[:5])
    first = np.flatnonzero(keys == words[0].key)[: material.shown]
    labels = len(np.unique(keys))
    # Two labels are told apart by a word for one of them.
    serious = covered >= MANY_ROWS or labels == 2
    return [
        Finding(
            name="telling_words",
            severity="serious" if serious else "note",
            sentence=f"train: {plural(len(words), 'label')} of {labels:,} can be told by a single word: {listed}"
            f"{' and others' if len(words) > 5 else ''}; these words decide {covered:.0%} of the rows.",
            cost="A classifier learns the word and little else; where it is missing, it guesses.",
            remedy="if the word was put there with the label, take it out of the texts (text.maps: a function of "
            "your own); if it is the subject, add rows without it",
            counts={"labels": len(words), "of": labels, "share": covered},
            examples=tuple(example(material, "train", int(places[row])) for row in first),
        )
    ]


def telling_columns(material: Material) -> list[Finding]:
    """Finds other columns, the names of rows among them, that tell the label without the text."""
    split = material.splits["train"]
    keys = sampled_keys(split)
    found = []
    for column, values in split.others.items():
        told = _told(values, keys, seed=material.seed)
        if told >= TELLS:
            shown = [example(material, "train", place, f"{column}={values[place][:60]}") for place in _spread(keys)]
            finding = Finding(
                name="telling_columns",
                severity="warning",
                sentence=f"train: the column “{label_text(column)}” tells the label without the text, on {told:.0%} of "
                "the rows that guessing gets wrong.",
                cost="As a feature it makes a classifier that knows nothing without it; it may have been made from the "
                "label.",
                remedy=f"leave {label_text(column)} out of data.features"
                + ("; data.id names rows in reports only" if column == "id" else ""),
                counts={"told": told, "rows": len(values)},
                examples=tuple(shown[: material.shown]),
            )
            found.append(finding)
    return found


def _words(texts: Sequence[str], keys: NDArray[np.int32]) -> list[Word]:
    """Returns for each label its most telling word, if that is telling enough; the most rows first."""
    from sklearn.feature_extraction.text import CountVectorizer

    counter = CountVectorizer(binary=True, token_pattern=WORD, min_df=min(FEWEST_ROWS, len(texts)), dtype=np.int32)
    try:
        seen: csr_matrix = counter.fit_transform(texts)
    except ValueError:
        # No word is in so many rows.
        return []
    names = counter.get_feature_names_out()
    having = np.asarray(seen.sum(axis=0)).ravel()
    found = []
    for key, rows in zip(*np.unique(keys, return_counts=True), strict=True):
        if rows < FEWEST_ROWS:
            continue
        both = np.asarray(seen[np.flatnonzero(keys == key)].sum(axis=0)).ravel()
        precision, recall = both / having, both / rows
        best = int(np.argmax(np.minimum(precision, recall)))
        if min(precision[best], recall[best]) >= SURE:
            found.append(Word(str(names[best]), int(key), float(precision[best]), float(recall[best]), int(both[best])))
    return sorted(found, key=lambda word: -word.rows)


def _told(values: Sequence[str], keys: NDArray[np.int32], *, seed: int) -> float:
    """Returns the share of what guessing gets wrong that a column gets right, on rows it was not learnt from."""
    if len(values) < 2 * FEWEST_ROWS or len(set(values)) < 2:
        return 0.0
    learnt = np.random.default_rng(seed).random(len(values)) < LEARNT_SHARE
    guessed = float((keys[~learnt] == np.bincount(keys[learnt]).argmax()).mean())
    ways = [list(values), [_kind(value) for value in values]]
    right = max([_by_value(way, keys, learnt) for way in ways] + [_by_number(values, keys, learnt)])
    return max(0.0, (right - guessed) / (1 - guessed)) if guessed < 1 else 0.0


def _kind(value: str) -> str:
    """Returns a value without its digits: pos_17 and pos_18 are of one kind."""
    return "".join("" if letter.isdigit() else letter for letter in value)


def _by_value(values: Sequence[str], keys: NDArray[np.int32], learnt: NDArray[np.bool_]) -> float:
    """Returns the share that is right if each value stands for the label that it had most."""
    _, numbers = np.unique(np.array(values, object).astype(str), return_inverse=True)
    seen = np.zeros((numbers.max() + 1, keys.max() + 1), np.int32)
    np.add.at(seen, (numbers[learnt], keys[learnt]), 1)
    known = seen.max(axis=1)[numbers] > 0
    right = known & (seen.argmax(axis=1)[numbers] == keys)
    return float(right[~learnt].mean())


def _by_number(values: Sequence[str], keys: NDArray[np.int32], learnt: NDArray[np.bool_]) -> float:
    """Returns the share that is right if each number has the label of the next lower one that was learnt from."""
    try:
        numbers = np.array([float(value) for value in values])
    except ValueError:
        return 0.0
    # Numbers that only count the rows say how the file is sorted, which is another finding.
    counting = bool((np.diff(numbers) == 1).all())
    if len(numbers) < FEWEST_NUMBERS or counting or not np.isfinite(numbers).all():
        return 0.0
    order = np.argsort(numbers[learnt], kind="stable")
    place = np.searchsorted(numbers[learnt][order], numbers[~learnt], side="right") - 1
    return float((keys[learnt][order][np.maximum(place, 0)] == keys[~learnt]).mean())


def _spread(keys: NDArray[np.int32]) -> Iterator[int]:
    """Gives a row of each label."""
    yield from np.unique(keys, return_index=True)[1].tolist()
