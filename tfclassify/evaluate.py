"""``evaluate``: judges a run on its own test rows or on others; the training's own report stays as it is."""

from __future__ import annotations

if __name__ == "__main__":
    # Before anything heavy is imported: help must not wait for TensorFlow.
    from tfclassify.command_line import main

    raise SystemExit(main("evaluate"))

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tfclassify.data.checks import resolve_columns
from tfclassify.data.corpus import Corpus, read_corpus
from tfclassify.data.labelling import Split, labelled
from tfclassify.data.rows import rows_cut
from tfclassify.data.sources import column_names, fingerprint
from tfclassify.data.splits import overlap
from tfclassify.data.token_store import Reading, open_store
from tfclassify.display import SILENT, Display
from tfclassify.errors import UsageError
from tfclassify.learning.judging import judge_splits
from tfclassify.learning.reporting import results, write_report
from tfclassify.learning.trained import Trained, open_trained
from tfclassify.runs import Run, cache_folder, claimed, open_run
from tfclassify.settings import AUTO, DataSettings, EvaluateRequest, parse

FOR_TRAINING = ("train", "validation", "validation_share", "test_share", "duplicates")
# How a file is written, and how much of it counts, is not taken over from the training's; nor what no figure needs.
NOT_AS_TRAINED = {"delimiter": None, "encoding": "utf-8", "max_rows": None, "weight": None, "id": AUTO}


@dataclass(frozen=True)
class Evaluation:
    """A judgement: the folder that holds its report, and the report itself."""

    folder: Path
    report: Mapping[str, Any]


@dataclass(frozen=True)
class Material:
    """Rows to judge, the splits of the training for the baseline where they can be read, and what to say of them."""

    name: str
    split: Split
    learnt: Mapping[str, Split]
    notes: tuple[str, ...]


def evaluate(settings: EvaluateRequest | Mapping[str, Any], *, display: Display = SILENT) -> Evaluation:
    """Judges a run.

    Args:
        settings: the run, and the test rows unless they are its own.
        display: gets the progress.

    Raises:
        UsageError: there is no such run, the rows cannot be read as asked, or the report cannot be written.
    """
    request = parse(settings, EvaluateRequest)
    run = open_run(request.run)
    _check(request)
    trained = open_trained(run)
    material = _other_rows(trained, request.data, display) if request.data.test else _own_rows(run, trained, display)
    for note in material.notes:
        display.say(note)
    judgement = judge_splits(trained, {material.name: material.split}, learnt=material.learnt, display=display)
    rows = _account(material, length=trained.limits.max_length)
    report = results(trained, judgement, rows=rows, training=None)
    facts = {"run": str(run.folder), "data": request.data.test or str(trained.settings.data.train)}
    try:
        folder = _folder(run, request.output)
        write_report(folder, report, trained, judgement, training=None, notes=material.notes, facts=facts)
    except OSError as error:
        raise UsageError(f"output={request.output or run.folder} cannot be written: {error.strerror}") from error
    return Evaluation(folder, report)


def _check(request: EvaluateRequest) -> None:
    """Refuses what would only be found out when all the work is done, and what would have no effect."""
    if request.output is not None:
        output = Path(request.output).expanduser()
        if Run(output).manifest.exists():
            raise UsageError(f"output={output} is the directory of a run, whose own report stays; give another folder")
        if output.exists() and not output.is_dir():
            raise UsageError(f"output={output} is a file; give the name of a folder")
    given = [name for name, value in request.data.model_dump(exclude_unset=True).items() if value is not None]
    for name in given:
        if name in FOR_TRAINING:
            raise UsageError(f"data.{name} is for training; the rows to judge are given as data.test=FILE")
    if given and request.data.test is None:
        raise UsageError(f"data.{given[0]} says how other rows are read; give them as data.test=FILE")


def _folder(run: Run, output: str | None) -> Path:
    """Makes the folder that was asked for, or a new one in the run."""
    if output is None:
        return claimed(run.folder / f"evaluation-{time.strftime('%Y%m%d-%H%M%S')}")
    folder = Path(output).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


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
    data = trained.settings.data.model_copy(update={**NOT_AS_TRAINED, **given.model_dump(exclude_unset=True)})
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


def _account(material: Material, *, length: int) -> dict[str, Any]:
    """Accounts for every row that was read; of rows cut out of the training rows, only for themselves."""
    split, cut_out = (
        material.split,
        "train" in material.learnt and material.split.store is material.learnt["train"].store,
    )
    account = split.store.account
    unknown = 0 if cut_out else account.kept - len(split)
    dropped = {"empty": 0 if cut_out else account.empty, "bad": 0 if cut_out else account.bad}
    return {
        "read": len(split) if cut_out else account.read,
        material.name: len(split),
        "dropped": {**dropped, "duplicate": 0, "unknown_label": unknown},
        "cut": rows_cut(split, length),
    }
