"""The rows that a run is judged by: its own test rows, read again, or others that it has not seen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tfclassify.data.checks import resolve_columns
from tfclassify.data.corpus import Corpus, read_corpus
from tfclassify.data.features import check_the_same
from tfclassify.data.labelling import Split, labelled
from tfclassify.data.sources import column_names, fingerprint
from tfclassify.data.splits import overlap
from tfclassify.data.token_store import Reading, open_store
from tfclassify.display import Display
from tfclassify.errors import UsageError
from tfclassify.learning.trained import Trained
from tfclassify.runs import Run, cache_folder
from tfclassify.settings import AUTO, DataSettings

FOR_TRAINING = ("train", "validation", "validation_share", "test_share", "duplicates")
# How a file is written, and how much of it counts, is not taken over from the training's; nor what no figure needs.
NOT_AS_TRAINED = {"delimiter": None, "encoding": "utf-8", "max_rows": None, "weight": None, "id": AUTO}


@dataclass(frozen=True)
class Material:
    """Rows to judge, the splits of the training for the baseline where they can be read, and what to say of them."""

    name: str
    split: Split
    learnt: Mapping[str, Split]
    notes: tuple[str, ...]


def check_rows_asked_for(data: DataSettings) -> None:
    """Raises UsageError where something is asked of the data that has no effect on rows to judge."""
    given = [name for name, value in data.model_dump(exclude_unset=True).items() if value is not None]
    for name in given:
        if name in FOR_TRAINING:
            raise UsageError(f"data.{name} is for training; the rows to judge are given as data.test=FILE")
    if given and data.test is None:
        raise UsageError(f"data.{given[0]} says how other rows are read; give them as data.test=FILE")


def rows_to_judge(run: Run, trained: Trained, given: DataSettings, *, display: Display) -> Material:
    """Reads ``data.test`` where it is given, else the run's own test rows, or validation rows where it has none.

    Raises:
        UsageError: there are no such rows, or they cannot be read as asked.
    """
    return _other_rows(trained, given, display) if given.test else _own_rows(run, trained, display)


def _own_rows(run: Run, trained: Trained, display: Display) -> Material:
    """Reads the data of the training again, and takes what was not learnt from."""
    try:
        corpus = _corpus(trained, display)
    except UsageError as error:
        raise UsageError(f"the rows of the training cannot be read again: {error}; give data.test=FILE") from error
    name = next((name for name in ("test", "validation") if name in corpus.splits), None)
    if name is None:
        raise UsageError("the run's data have neither test nor validation rows; give data.test=FILE")
    return Material(name, corpus.splits[name], corpus.splits, _changes(run))


def _other_rows(trained: Trained, given: DataSettings, display: Display) -> Material:
    """Reads rows that the run has not seen, by its own columns unless others are named."""
    learnt_from = trained.settings.data.features
    check_the_same(given.features, learnt_from, kind="run")
    asked = {**NOT_AS_TRAINED, **given.model_dump(exclude_unset=True), "features": learnt_from}
    data = trained.settings.data.model_copy(update=asked)
    place = str(data.test)
    columns, _ = resolve_columns(column_names(place, data), data, location=place)
    reading = Reading(columns, data.empty, data.max_rows)
    store = open_store(place, reading, trained.pieces, cache=cache_folder(), display=display)
    labels = replace(trained.labels, out_of_scope=data.out_of_scope_label)
    split, _ = labelled(store, labels, name="test", unknown=data.unknown_labels)
    if not len(split):
        raise UsageError(f"{place}: of {store.account.read} rows read none is left to judge; expected at least one")
    try:
        learnt = _corpus(trained, display).splits
    except UsageError as error:
        note = f"no baseline beside the figures, because the training rows cannot be read again: {error}"
        return Material("test", split, {}, (note,))
    return Material("test", split, learnt, _shared(split, learnt["train"]))


def _corpus(trained: Trained, display: Display) -> Corpus:
    """Reads what the run was trained on.

    Raises:
        UsageError: it cannot be read any more, or has other labels now.
    """
    asked = trained.settings
    corpus = read_corpus(asked.data, trained.pieces, seed=asked.seed, cache=cache_folder(), display=display)
    if corpus.labels != trained.labels:
        raise UsageError(f"data.train={asked.data.train} has other labels than the run was trained on")
    return corpus


def _changes(run: Run) -> tuple[str, ...]:
    """Says which data are no longer what the run was trained on: rows may have changed sides."""
    marks = json.loads(run.manifest.read_text(encoding="utf-8"))["data"] if run.manifest.is_file() else {}
    return tuple(
        f"data.{split}={mark['location']} has changed since the training; test rows may have been learnt from"
        for split, mark in marks.items()
        if fingerprint(mark["location"]) != mark["sha256"]
    )


def _shared(split: Split, train: Split) -> tuple[str, ...]:
    texts = overlap(split.store.hashes[split.rows], train.store.hashes[train.rows])
    return (f"test and train share {texts} texts, which flatters the figures",) if texts else ()
