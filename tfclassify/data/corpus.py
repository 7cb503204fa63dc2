"""The corpus: the splits of a data set over token stores, its label names, its statistics, and an account of every row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfclassify.data import ragged
from tfclassify.data.batches import Rows
from tfclassify.data.checks import resolve_columns
from tfclassify.data.locations import locations
from tfclassify.data.sources import Columns, column_names
from tfclassify.data.splits import assign, duplicates, overlap
from tfclassify.data.token_store import Pieces, Reading, TokenStore, open_store
from tfclassify.display import Display
from tfclassify.errors import UsageError, nearest
from tfclassify.planning.statistics import SplitStatistics, Statistics
from tfclassify.settings import Settings
from tfclassify.text.packing import pack_row, packed_length

OUT_OF_SCOPE = -1
UNKNOWN = -2


@dataclass(frozen=True)
class Split:
    """Some rows of a store. ``truth`` is int32[N] class or -1 for out of scope, or bool[N, C] in a multi-label task."""

    store: TokenStore
    rows: NDArray[np.int32]
    truth: NDArray

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Corpus:
    """Everything that is known of a data set once it has been read.

    ``dropped`` counts rows by reason over all splits; rows read = rows of the splits + rows dropped.
    ``notes`` are lines for whoever trains: what was found odd, what was cut out of the training rows.
    """

    splits: Mapping[str, Split]
    labels: tuple[str, ...]
    multilabel: bool
    columns: Columns
    reasons: Mapping[str, tuple[object, str]]
    statistics: Statistics
    read: int
    dropped: Mapping[str, int]
    notes: tuple[str, ...]


def read_corpus(settings: Settings, pieces: Pieces, *, cache: Path, display: Display) -> Corpus:
    """Reads every split that the settings name, and cuts out of the training rows what is missing.

    Raises:
        UsageError: a location, a column or a label is not as asked.
    """
    places = locations(settings.data)
    columns, reasons = resolve_columns(column_names(places["train"], settings.data), settings.data)
    reading = Reading(columns, settings.data.empty, settings.data.max_rows)
    stores = {name: open_store(place, reading, pieces, cache=cache, display=display) for name, place in places.items()}
    multilabel = columns.labels is not None
    labels = _labels(stores["train"], settings.data.out_of_scope_label, places["train"])
    splits, dropped = _splits(stores, labels, multilabel, settings)
    for reason in ("empty", "bad"):
        dropped[reason] = sum(getattr(store.account, reason) for store in stores.values())
    statistics = _statistics(splits, labels, multilabel=multilabel, pairs=columns.text_b is not None)
    return Corpus(
        splits=splits,
        labels=labels,
        multilabel=multilabel,
        columns=columns,
        reasons=reasons,
        statistics=statistics,
        read=sum(store.account.read for store in stores.values()),
        dropped=dropped,
        notes=_notes(statistics, dropped, places, splits),
    )


def read_split(
    location: str, corpus_labels: Sequence[str], columns: Columns, settings: Settings, pieces: Pieces, **where: object
) -> tuple[Split, dict[str, int]]:
    """Reads one more split under the labels and columns of a run."""
    reading = Reading(columns, settings.data.empty, settings.data.max_rows)
    store = open_store(location, reading, pieces, **where)  # type: ignore[arg-type]  # cache and display
    dropped = {"empty": store.account.empty, "bad": store.account.bad, "unknown_label": 0}
    split = _labelled("test", store, tuple(corpus_labels), columns.labels is not None, settings, dropped)
    return split, dropped


def rows_of(split: Split, *, max_length: int, cls: int, sep: int, cut: bool = True) -> Rows:
    """Makes what batches are made of: the rows of a split, packed into at most ``max_length`` tokens."""
    store = split.store

    def pack(row: int) -> tuple[NDArray[np.int32], int]:
        place = split.rows[row]
        second = None if store.pieces_b is None else store.pieces_b[place]
        return pack_row(store.pieces[place], second, max_length=max_length, cls=cls, sep=sep)

    truth = split.truth.astype(np.float32) if split.truth.ndim == 2 else split.truth.astype(np.int32)
    return Rows(
        lengths=np.asarray(packed_length(*_piece_lengths(split), max_length), np.int32),
        pack=pack,
        targets=lambda rows: truth[rows],
        weights=np.asarray(store.weights[split.rows], np.float32),
    )


def text_of(split: Split, row: int) -> str:
    """Returns the text of a row of a split; a pair's texts with a line between them."""
    place = int(split.rows[row])
    first = ragged.decode(split.store.text, place)
    return first if split.store.text_b is None else f"{first}\n{ragged.decode(split.store.text_b, place)}"


def training_rows(split: Split) -> Split:
    """Returns the rows of a split that are in scope."""
    if split.truth.ndim == 2:
        return split
    return _chosen(split, split.truth != OUT_OF_SCOPE)


def _chosen(split: Split, mask: NDArray[np.bool_]) -> Split:
    return Split(split.store, split.rows[mask], split.truth[mask])


def _labels(store: TokenStore, out_of_scope: str | None, place: str) -> tuple[str, ...]:
    names = tuple(sorted(name for name in store.label_names if name != out_of_scope))
    if out_of_scope is not None and out_of_scope not in store.label_names:
        raise UsageError(
            f"data.out_of_scope_label is '{out_of_scope}', which no row of {place} has"
            f"{nearest(out_of_scope, store.label_names)}"
        )
    if len(names) < 2:
        found = f"only the label '{names[0]}'" if names else "no label"
        raise UsageError(f"{place} has {found}; expected at least two labels to tell apart")
    return names


def _splits(
    stores: Mapping[str, TokenStore], labels: tuple[str, ...], multilabel: bool, settings: Settings
) -> tuple[dict[str, Split], dict[str, int]]:
    dropped = {"empty": 0, "duplicate": 0, "bad": 0, "unknown_label": 0, "out_of_scope": 0}
    whole = {name: _labelled(name, store, labels, multilabel, settings, dropped) for name, store in stores.items()}
    splits = {**_cut(whole["train"], whole, settings), **{k: v for k, v in whole.items() if k != "train"}}
    kept = training_rows(splits["train"])
    dropped["out_of_scope"] = len(splits["train"]) - len(kept)
    if settings.data.duplicates == "drop":
        _, first = np.unique(kept.store.hashes[kept.rows], return_index=True)
        mask = np.zeros(len(kept), bool)
        mask[first] = True
        dropped["duplicate"] = len(kept) - len(first)
        kept = _chosen(kept, mask)
    splits["train"] = kept
    return splits, dropped


def _labelled(
    name: str,
    store: TokenStore,
    labels: tuple[str, ...],
    multilabel: bool,
    settings: Settings,
    dropped: dict[str, int],
) -> Split:
    """Turns the store's own label numbers into the corpus's; drops or refuses rows with a label it does not know."""
    places = {label: place for place, label in enumerate(labels)}
    if settings.data.out_of_scope_label is not None:
        places[settings.data.out_of_scope_label] = OUT_OF_SCOPE
    known = np.array([places.get(label, UNKNOWN) for label in store.label_names] or [UNKNOWN], np.int32)
    flat = known[store.label_ids.values]
    owners = np.repeat(np.arange(len(store)), ragged.lengths(store.label_ids))
    strangers = np.unique(owners[flat == UNKNOWN])
    if len(strangers) and settings.data.unknown_labels == "fail":
        missing = [label for label in store.label_names if label not in places]
        raise UsageError(_unknown_labels(name, missing, len(strangers), labels))
    dropped["unknown_label"] += len(strangers)
    kept = np.setdiff1d(np.arange(len(store), dtype=np.int32), strangers).astype(np.int32)
    if not multilabel:
        return Split(store, kept, flat[kept])
    truth = np.zeros((len(store), len(labels)), bool)
    truth[owners[flat >= 0], flat[flat >= 0]] = True
    return Split(store, kept, truth[kept])


def _unknown_labels(name: str, missing: Sequence[str], rows: int, labels: Sequence[str]) -> str:
    shown = ", ".join(f"'{label}'" for label in missing[:5]) + (", ..." if len(missing) > 5 else "")
    return (
        f"data.{name} has {rows} rows with labels that no training row has: {shown}"
        f"{nearest(missing[0], labels)}; mend them, or set data.unknown_labels=drop"
    )


def _cut(train: Split, given: Mapping[str, Split], settings: Settings) -> dict[str, Split]:
    """Cuts the missing splits out of the training rows: validation always, test only when nothing else is there."""
    shares = {}
    if "validation" not in given:
        shares["validation"] = settings.data.validation_share
    if "validation" not in given and "test" not in given:
        shares["test"] = settings.data.test_share
    shares = {name: share for name, share in shares.items() if share > 0}
    if not shares:
        return {"train": train}
    first = train.truth if train.truth.ndim == 1 else np.where(train.truth.any(1), train.truth.argmax(1), -1)
    sides = assign(train.store.hashes[train.rows], first.astype(np.int32), seed=settings.seed, shares=shares)
    names = ("train", *shares)
    return {name: _chosen(train, sides == side) for side, name in enumerate(names)}


def _piece_lengths(split: Split) -> tuple[NDArray[np.int32], NDArray[np.int32] | None]:
    first = ragged.lengths(split.store.pieces)[split.rows]
    second = split.store.pieces_b
    return first, None if second is None else ragged.lengths(second)[split.rows]


def _statistics(splits: Mapping[str, Split], labels: tuple[str, ...], *, multilabel: bool, pairs: bool) -> Statistics:
    hashes = {name: split.store.hashes[split.rows] for name, split in splits.items()}
    names = list(splits)
    shared = {
        f"{left}&{right}": overlap(hashes[left], hashes[right])
        for place, left in enumerate(names)
        for right in names[place + 1 :]
    }
    return Statistics(
        splits={name: _split_statistics(split, hashes[name], labels) for name, split in splits.items()},
        labels=labels,
        multilabel=multilabel,
        pairs=pairs,
        overlap=shared,
    )


def _split_statistics(split: Split, hashes: NDArray[np.uint64], labels: Sequence[str]) -> SplitStatistics:
    lengths = np.asarray(packed_length(*_piece_lengths(split), None), np.int64)
    in_scope = split.truth[split.truth >= 0] if split.truth.ndim == 1 else None
    counts = np.bincount(in_scope, minlength=len(labels)) if in_scope is not None else split.truth.sum(0)
    return SplitStatistics(
        rows=len(split),
        label_counts={label: int(count) for label, count in zip(labels, counts, strict=True)},
        lengths=tuple(int(count) for count in np.bincount(lengths)) if len(lengths) else (0,),
        tokens=int(lengths.sum()),
        unknown_tokens=int(split.store.unknown[split.rows].sum()),
        duplicates=duplicates(hashes),
        out_of_scope=0 if in_scope is None else int((split.truth == OUT_OF_SCOPE).sum()),
    )


def _notes(
    statistics: Statistics, dropped: Mapping[str, int], places: Mapping[str, str], splits: Mapping[str, Split]
) -> tuple[str, ...]:
    notes = [
        f"{name} was cut out of the training rows by a stratified hash of the text: {len(split)} rows"
        for name, split in splits.items()
        if name not in places
    ]
    notes += [f"dropped {rows} rows: {reason}" for reason, rows in dropped.items() if rows]
    notes += [
        f"{pair.replace('&', ' and ')} share {rows} texts; figures on them flatter the classifier"
        for pair, rows in statistics.overlap.items()
        if rows
    ]
    repeated = {name: split.duplicates for name, split in statistics.splits.items() if split.duplicates}
    notes += [f"{name} repeats {rows} texts" for name, rows in repeated.items()]
    notes += [
        f"no {name} row has the label '{label}'"
        for name, split in statistics.splits.items()
        for label, count in split.label_counts.items()
        if count == 0
    ][:5]
    return tuple(notes)
