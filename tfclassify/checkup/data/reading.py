"""Reading for a check-up: what cannot be read is counted and told instead of ending everything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tfclassify.checkup.data.counting import statistics_of
from tfclassify.checkup.data.material import Faults, Material, SplitRows, Vocabulary
from tfclassify.data.checks import Examples, Where, examples, resolve_columns
from tfclassify.data.locations import locations
from tfclassify.data.sources import Columns, column_names, find_source, numbered
from tfclassify.data.splits import text_hash
from tfclassify.display import Display
from tfclassify.errors import UsageError
from tfclassify.settings import DataSettings, changed

MOST_SAID = 5
# Between the two texts of a pair where their hash is taken: in no text that a person wrote.
BETWEEN = "\0"


@dataclass
class _Gathered:
    """What has been read of a split so far. ``draws`` float64[S] decide which rows stay in the sample."""

    numbers: list[NDArray[np.int64]] = field(default_factory=list)
    hashes: list[NDArray[np.uint64]] = field(default_factory=list)
    keys: list[NDArray[np.int32]] = field(default_factory=list)
    sample: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    others: list[Mapping[str, str]] = field(default_factory=list)
    draws: list[float] = field(default_factory=list)
    below: float = 1.0
    empty: int = 0
    last: int = 0
    said: list[str] = field(default_factory=list)
    faulty: list[int] = field(default_factory=list)


def read_material(
    asked: DataSettings,
    vocabulary: Vocabulary | None,
    *,
    rows: int,
    shown: int,
    seed: int,
    display: Display,
) -> Material:
    """Reads every split that is named, as it is: none is cut out of another.

    Args:
        asked: where the data are; rows that cannot be read are counted whatever ``bad_rows`` says.
        vocabulary: the model's, or None where lengths in tokens are not asked for.
        rows: keep the texts of at most so many rows of each split, chosen by chance.
        shown: examples of each finding.
        seed: of the choice.
        display: gets the progress.

    Raises:
        UsageError: no training rows are named, a location has none, or a column is not there.
    """
    asked = changed(asked, {"bad_rows": "skip"})
    places = locations(asked)
    columns, _ = resolve_columns(column_names(places["train"], asked), asked, location=places["train"])
    sets: dict[tuple[str, ...], int] = {}
    splits = {
        name: _read_split(place, columns, asked, sets, rows=rows, seed=seed, display=display)
        for name, place in places.items()
    }
    if not len(splits["train"]):
        first = next(iter(splits["train"].faults.first), f"{places['train']} has no rows; expected at least one")
        raise UsageError(first)
    label_sets = tuple(sets)
    statistics = statistics_of(
        splits,
        label_sets,
        vocabulary,
        multilabel=columns.labels is not None,
        pairs=columns.text_b is not None,
        out_of_scope=asked.out_of_scope_label,
        seed=seed,
    )
    return Material(splits, label_sets, statistics, vocabulary, asked.out_of_scope_label, shown, seed)


def _read_split(
    location: str,
    columns: Columns,
    asked: DataSettings,
    sets: dict[tuple[str, ...], int],
    *,
    rows: int,
    seed: int,
    display: Display,
) -> SplitRows:
    gathered, skipped, chance = _Gathered(), list[int](), np.random.default_rng(seed)
    display.start(f"reading {location}", 0)
    broken = False
    try:
        batches = find_source(location)(location, columns, skipped=skipped.append)
        for batch, numbers in numbered(batches, skipped, max_rows=asked.max_rows):
            gathered.last = max([gathered.last, *skipped[-1:], *numbers[-1:].tolist()])
            checked = _checked(batch, columns, Where(location, numbers), gathered)
            _keep(gathered, batch, checked, numbers, columns, sets, chance=chance)
            _thin_out(gathered, rows)
            display.advance(batch.num_rows, "rows")
    except UsageError as error:
        broken = True
        gathered.said.append(str(error))
    gathered.last = max([gathered.last, *skipped[-1:]])
    return _split(location, gathered, _faults(gathered, skipped, broken, _why_skipped(location, columns, skipped)))


def _faults(gathered: _Gathered, skipped: list[int], broken: bool, why: str | None) -> Faults:
    said = ([why] if why else []) + gathered.said
    rows = sorted([*skipped, *gathered.faulty])
    return Faults(
        empty=gathered.empty,
        unreadable=len(rows),
        first=tuple(dict.fromkeys(said)),
        rows=tuple(rows),
        last=gathered.last,
        broken=broken,
    )


def _why_skipped(location: str, columns: Columns, skipped: list[int]) -> str | None:
    """Reads once more up to the first row that is left out: only then its reader says why."""
    if not skipped:
        return None
    try:
        for _ in find_source(location)(location, replace(columns, bad_rows="fail")):
            pass
    except UsageError as error:
        return str(error)
    return None


def _checked(batch: pa.RecordBatch, columns: Columns, where: Where, gathered: _Gathered) -> Examples:
    """Checks a batch, notes the rows that cannot be used, and what is wrong with the first of them."""
    checked = examples(batch, columns, where=where)
    bad = np.flatnonzero(checked.bad)
    gathered.faulty += where.rows[bad].tolist()
    if len(bad) and len(gathered.said) < MOST_SAID:
        first = int(bad[0])
        try:
            examples(batch.slice(first, 1), replace(columns, bad_rows="fail"), where=_one(where, first))
        except UsageError as error:
            gathered.said.append(str(error))
    return checked


def _one(where: Where, row: int) -> Where:
    return Where(where.location, where.rows[row : row + 1])


def _keep(
    gathered: _Gathered,
    batch: pa.RecordBatch,
    checked: Examples,
    numbers: NDArray[np.int64],
    columns: Columns,
    sets: dict[tuple[str, ...], int],
    *,
    chance: np.random.Generator,
) -> None:
    empty = checked.empty & ~checked.bad & (columns.empty != "keep")
    kept = np.flatnonzero(~(empty | checked.bad))
    gathered.empty += int(empty.sum())
    chosen = pa.array(kept)
    text = _joined(checked, BETWEEN).take(chosen)
    before = sum(map(len, gathered.numbers))
    gathered.numbers.append(numbers[kept])
    gathered.hashes.append(text_hash(text))
    labels = checked.labels.take(chosen).to_pylist()
    keys = [sets.setdefault(tuple(sorted(set(each))), len(sets)) for each in labels]
    gathered.keys.append(np.array(keys, np.int32))
    draws = chance.random(len(kept))
    places = np.flatnonzero(draws < gathered.below)
    gathered.sample += (before + places).tolist()
    gathered.draws += draws[places].tolist()
    gathered.texts += [each.replace(BETWEEN, "\n") for each in text.take(pa.array(places)).to_pylist()]
    gathered.others += _others(batch.take(pa.array(kept[places])), columns)


def _joined(checked: Examples, between: str) -> pa.StringArray:
    if checked.text_b is None:
        return checked.text
    return pc.binary_join_element_wise(checked.text, checked.text_b, between)


def _others(batch: pa.RecordBatch, columns: Columns) -> list[Mapping[str, str]]:
    """Returns the values of the columns that are no text, label or weight, as text, empty where there is none."""
    roles = (columns.text, columns.text_b, columns.label, columns.labels, columns.weight)
    names = [name for name in batch.schema.names if name not in roles]
    if not names:
        return [{}] * batch.num_rows
    return [
        {name: "" if value is None else str(value) for name, value in row.items()}
        for row in batch.select(names).to_pylist()
    ]


def _thin_out(gathered: _Gathered, rows: int) -> None:
    """Halves the share of rows that stay in the sample until it is no larger than it may be."""
    while len(gathered.sample) > rows:
        gathered.below /= 2
        stay = [place for place, draw in enumerate(gathered.draws) if draw < gathered.below]
        gathered.sample = [gathered.sample[place] for place in stay]
        gathered.texts = [gathered.texts[place] for place in stay]
        gathered.others = [gathered.others[place] for place in stay]
        gathered.draws = [gathered.draws[place] for place in stay]


def _split(location: str, gathered: _Gathered, faults: Faults) -> SplitRows:
    names = list(dict.fromkeys(chain.from_iterable(gathered.others)))
    return SplitRows(
        location=location,
        numbers=np.concatenate([np.zeros(0, np.int64), *gathered.numbers]),
        hashes=np.concatenate([np.zeros(0, np.uint64), *gathered.hashes]),
        keys=np.concatenate([np.zeros(0, np.int32), *gathered.keys]),
        sample=np.array(gathered.sample, np.int64),
        texts=tuple(gathered.texts),
        others={name: tuple(row.get(name, "") for row in gathered.others) for name in names},
        faults=faults,
    )
