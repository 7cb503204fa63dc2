"""What the check-up looks at: every row's label and hash, a sample of the texts, and what could not be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfclassify.checkup.finding import Example
from tfclassify.planning.presets import EncoderSize
from tfclassify.planning.statistics import Statistics

Places = NDArray[np.int64]
SHOWN_CHARACTERS = 300
# More row numbers than anybody works through make a file that nobody opens.
MOST_NUMBERS = 10_000


@dataclass(frozen=True)
class Faults:
    """Rows that are in no split: with an empty text, left out by the reader, or not as a row has to be.

    ``first`` says what is wrong with the first of each kind, ``rows`` are their numbers, ``last`` is the number of the
    last row of the file as far as it was read, ``broken`` says that reading ended in an error.
    """

    empty: int = 0
    unreadable: int = 0
    first: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()
    last: int = 0
    broken: bool = False


@dataclass(frozen=True, eq=False)
class SplitRows:
    """The N rows of a split that can be read, and the texts of S of them.

    ``numbers`` int64[N] are those of the rows in their file, ``hashes`` uint64[N] those of the texts, ``keys`` int32[N]
    places in ``label_sets``. ``sample`` int64[S] are rising places of the rows whose ``texts`` are here, all of them
    unless there are too many; ``others`` are the values of all other columns of the same rows, as text.
    """

    location: str
    numbers: Places
    hashes: NDArray[np.uint64]
    keys: NDArray[np.int32]
    sample: Places
    texts: tuple[str, ...]
    others: Mapping[str, tuple[str, ...]]
    faults: Faults = Faults()

    def __len__(self) -> int:
        return len(self.numbers)


@dataclass(frozen=True)
class Vocabulary:
    """The word pieces of a model: its name, its file, whether letters are lower-cased, and the size of its network."""

    model: str
    file: Path
    lower_case: bool
    size: EncoderSize


@dataclass(frozen=True, eq=False)
class Material:
    """Everything that findings are made from.

    ``label_sets`` has every combination of labels that a row has: of one, in a single-label task. ``statistics`` counts
    all rows; its lengths and unknown tokens are those of the sample, and empty without a vocabulary.
    """

    splits: Mapping[str, SplitRows]
    label_sets: tuple[tuple[str, ...], ...]
    statistics: Statistics
    vocabulary: Vocabulary | None = None
    out_of_scope: str | None = None
    shown: int = 5
    seed: int = 0


def label_of(material: Material, key: int) -> str:
    """Returns the labels of a row as they are shown."""
    return ", ".join(material.label_sets[key]) or "(none)"


def example(material: Material, name: str, place: int, remark: str = "") -> Example:
    """Shows a row of the sample of a split.

    Args:
        material: the data.
        name: of the split.
        place: in the sample.
        remark: what is odd about it.
    """
    split = material.splits[name]
    row = int(split.sample[place])
    text = split.texts[place]
    cut = text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
    return Example(name, int(split.numbers[row]), cut, label_of(material, int(split.keys[row])), remark)


def examples_of(material: Material, name: str, rows: Iterable[int]) -> tuple[Example, ...]:
    """Shows the first rows (places among all rows of a split) of those that are in the sample."""
    sample = material.splits[name].sample
    found: list[Example] = []
    for row in rows:
        place = int(np.searchsorted(sample, row))
        if place < len(sample) and sample[place] == row:
            found.append(example(material, name, place))
        if len(found) == material.shown:
            break
    return tuple(found)


def numbers_of(material: Material, name: str, rows: Sequence[int] | Places) -> tuple[int, ...]:
    """Returns the numbers in the file of rows of a split, at most 10,000 of them."""
    return tuple(material.splits[name].numbers[np.asarray(rows[:MOST_NUMBERS], np.int64)].tolist())


def portion(split: SplitRows, *, rows: int, characters: int, seed: int) -> Places:
    """Chooses rows of the sample by chance until there are so many, or so many characters.

    Returns:
        Rising places in the sample: all of them, if that is not too much.
    """
    sizes = np.array([len(text) for text in split.texts], np.int64)
    if len(sizes) <= rows and sizes.sum() <= characters:
        return np.arange(len(sizes))
    shuffled = np.random.default_rng(seed).permutation(len(sizes))
    affordable = int(np.searchsorted(sizes[shuffled].cumsum(), characters, side="right"))
    return np.sort(shuffled[: max(1, min(rows, affordable))])


def sampled_keys(split: SplitRows) -> NDArray[np.int32]:
    """Returns int32[S], the keys of the rows whose texts are here."""
    return split.keys[split.sample]


def of_how_many(looked_at: int, all_rows: int) -> str:
    """Returns `` (of a sample of 2,000)`` where not all rows were looked at, else nothing."""
    return "" if looked_at == all_rows else f" (of a sample of {looked_at:,})"
