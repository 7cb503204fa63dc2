"""The corpus: the splits of a data set, its label names, its statistics, and an account of every row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfclassify.data.checks import resolve_columns
from tfclassify.data.describing import notes_on, notes_on_bad_rows, statistics_of
from tfclassify.data.feature_kinds import planned_columns
from tfclassify.data.labelling import LabelMap, Split, chosen, in_scope, label_map, labelled
from tfclassify.data.locations import locations, notes_on_locations
from tfclassify.data.oddities import notes_on_oddities
from tfclassify.data.pieces import Pieces
from tfclassify.data.repeats import shared_texts
from tfclassify.data.sources import Columns, Mark, column_names, is_unchanged
from tfclassify.data.splits import assign, deal
from tfclassify.data.token_store import Reading, TokenStore, open_store
from tfclassify.display import Display
from tfclassify.errors import UsageError
from tfclassify.planning.statistics import Statistics
from tfclassify.settings import AUTO, DataSettings

REASONS = ("empty", "duplicate", "bad", "unknown_label", "out_of_scope")


@dataclass(frozen=True)
class Corpus:
    """Everything that is known of a data set once it has been read.

    ``dropped`` counts rows by reason over all splits: rows read = rows of all splits + rows dropped. ``reasons`` says
    for each column that nobody named which one was taken, and why. ``notes`` are lines for whoever trains. ``marks``
    are those of the data of each split that was named, for :func:`check_unchanged`; a source of one's own has none.
    """

    splits: Mapping[str, Split]
    labels: LabelMap
    columns: Columns
    reasons: Mapping[str, tuple[object, str]]
    statistics: Statistics
    read: int
    dropped: Mapping[str, int]
    notes: tuple[str, ...]
    marks: Mapping[str, Mark]


def read_corpus(asked: DataSettings, pieces: Pieces, *, seed: int, cache: Path, display: Display) -> Corpus:
    """Reads every split that is named, and cuts out of the training rows what is missing.

    Raises:
        UsageError: a location, a column or a label is not as asked.
    """
    places = locations(asked)
    columns, reasons = resolve_columns(column_names(places["train"], asked), asked, location=places["train"])
    columns, kinds = planned_columns(columns, places["train"])
    reading = Reading(columns, asked.empty, asked.max_rows)
    stores = {name: open_store(place, reading, pieces, cache=cache, display=display) for name, place in places.items()}
    _check_rows(stores, places)
    labels = label_map(
        stores["train"],
        multilabel=columns.labels is not None,
        out_of_scope=asked.out_of_scope_label,
        location=places["train"],
        others=[store for name, store in stores.items() if name != "train"],
    )
    dropped = dict.fromkeys(REASONS, 0)
    splits = _splits(stores, labels, asked, seed=seed, dropped=dropped)
    statistics = statistics_of(splits, labels)
    cut_out = tuple(name for name in splits if name not in places)
    marks = {name: store.mark for name, store in stores.items() if store.mark is not None}
    check_unchanged(marks)
    return Corpus(
        splits=splits,
        labels=labels,
        columns=columns,
        reasons={**_not_needed(columns, asked), **reasons, **kinds},
        statistics=statistics,
        read=sum(store.account.read for store in stores.values()),
        dropped=dropped,
        notes=(
            *notes_on_locations(places),
            *notes_on_bad_rows({name: store.account for name, store in stores.items()}),
            *notes_on(statistics, dropped=dropped, cut_out=cut_out, shared=shared_texts(splits)),
            *notes_on_oddities(splits, labels, columns, statistics, pieces.vocabulary),
        ),
        marks=marks,
    )


def check_unchanged(marks: Mapping[str, Mark]) -> None:
    """Refuses data that are not what they were when they were read; quick where their files tell.

    Raises:
        UsageError: a location has other bytes now, or is gone.
    """
    for name, mark in marks.items():
        if not is_unchanged(mark):
            raise UsageError(
                f"data.{name}={mark.location} has changed since it was read; start again once nothing writes to it"
            )


def _splits(
    stores: Mapping[str, TokenStore], labels: LabelMap, asked: DataSettings, *, seed: int, dropped: dict[str, int]
) -> dict[str, Split]:
    """Gives every split its rows, and counts those that none gets."""
    whole = {}
    for name, store in stores.items():
        whole[name], strangers = labelled(store, labels, name=name, unknown=asked.unknown_labels)
        dropped["unknown_label"] += strangers
        dropped["empty"] += store.account.empty
        dropped["bad"] += store.account.bad
    splits = {**_cut(whole["train"], asked, given=set(whole), seed=seed), **_without(whole, "train")}
    splits["train"] = _to_learn_from(splits["train"], asked, dropped)
    return splits


def _cut(train: Split, asked: DataSettings, *, given: set[str], seed: int) -> dict[str, Split]:
    """Cuts missing splits out of the training rows: validation always, test only when nothing else can be reported."""
    wanted = {"validation": asked.validation_share} if "validation" not in given else {}
    if given == {"train"}:
        wanted["test"] = asked.test_share
    shares = {name: share for name, share in wanted.items() if share > 0}
    if sum(shares.values()) >= 1:
        given_shares = " and ".join(f"data.{name}_share={share:g}" for name, share in shares.items())
        raise UsageError(f"{given_shares} leave no training rows; expected less than 1 together")
    if not shares and given == {"train"}:
        raise UsageError(
            "data.validation_share and data.test_share are 0, and no other rows are given to judge by; "
            "give data.validation or data.test, or a share above 0"
        )
    if not shares:
        return {"train": train}
    hashes = train.store.hashes[train.rows]
    sides = assign(hashes, _stratum(train), seed=seed, shares=shares)
    # Rows out of scope are not learnt from; they tell most where they are judged.
    idle = (sides == 0) & ~in_scope(train)
    sides[idle] = deal(hashes[idle], seed=seed, splits=len(shares))
    return {name: chosen(train, sides == side) for side, name in enumerate(("train", *shares))}


def _stratum(train: Split) -> NDArray[np.int32]:
    """Returns the label of each row; of several the rarest, so that it keeps a row to be learnt from."""
    if train.truth.ndim == 1:
        return train.truth.astype(np.int32)
    by_rarity = np.argsort(train.truth.sum(axis=0), kind="stable")
    rarest = by_rarity[train.truth[:, by_rarity].argmax(axis=1)]
    return np.where(train.truth.any(axis=1), rarest, -1).astype(np.int32)


def _check_rows(stores: Mapping[str, TokenStore], places: Mapping[str, str]) -> None:
    for name, store in stores.items():
        if not len(store):
            account = store.account
            raise UsageError(
                f"{places[name]}: of {account.read} rows read none is left "
                f"({account.empty} with an empty text, {account.bad} that could not be read); expected at least one"
            )


def _to_learn_from(train: Split, asked: DataSettings, dropped: dict[str, int]) -> Split:
    """Leaves out training rows that are out of scope, and repeated ones where that is asked for."""
    kept = chosen(train, in_scope(train))
    dropped["out_of_scope"] = len(train) - len(kept)
    if asked.duplicates == "drop":
        first = np.zeros(len(kept), bool)
        first[np.unique(kept.store.hashes[kept.rows], return_index=True)[1]] = True
        dropped["duplicate"] = int((~first).sum())
        kept = chosen(kept, first)
    if not len(kept):
        raise UsageError("no training row is left; expected at least one after splits were cut and rows dropped")
    return kept


def _not_needed(columns: Columns, asked: DataSettings) -> dict[str, tuple[object, str]]:
    """Says of ``data.label`` or ``data.labels`` why it names no column, where the other one does."""
    keys = {"label": (columns.label, columns.labels), "labels": (columns.labels, columns.label)}
    return {
        f"data.{key}": (None, f"the labels are in the column '{other}'")
        for key, (column, other) in keys.items()
        if getattr(asked, key) == AUTO and column is None
    }


def _without(splits: Mapping[str, Split], name: str) -> dict[str, Split]:
    return {other: split for other, split in splits.items() if other != name}
