"""``evaluate``: judges a run on its own test rows or on others; the training's own report stays as it is."""

from __future__ import annotations

if __name__ == "__main__":
    # Before anything heavy is imported: help must not wait for TensorFlow.
    from tfclassify.command_line import main

    raise SystemExit(main("evaluate"))

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfclassify.data.checks import resolve_columns
from tfclassify.data.corpus import read_corpus
from tfclassify.data.labelling import Split, labelled
from tfclassify.data.rows import rows_cut
from tfclassify.data.sources import column_names
from tfclassify.data.token_store import Reading, open_store
from tfclassify.display import SILENT, Display
from tfclassify.errors import UsageError
from tfclassify.learning.judging import judge_splits
from tfclassify.learning.reporting import results, write_report
from tfclassify.learning.trained import Trained, open_trained
from tfclassify.runs import cache_folder, open_run
from tfclassify.settings import DataSettings, EvaluateRequest, parse


@dataclass(frozen=True)
class Evaluation:
    """A judgement: the folder that holds its report, and the report itself."""

    folder: Path
    report: Mapping[str, Any]


@dataclass(frozen=True)
class Material:
    """Rows to judge, training rows for the baseline where they can be read, an account, and what to say of them."""

    splits: Mapping[str, Split]
    train: Split | None
    rows: Mapping[str, Any]
    notes: tuple[str, ...]


def evaluate(settings: EvaluateRequest | Mapping[str, Any], *, display: Display = SILENT) -> Evaluation:
    """Judges a run.

    Args:
        settings: the run, and the test rows unless they are its own.
        display: gets the progress.

    Raises:
        UsageError: there is no such run, or the rows cannot be read as asked.
    """
    request = parse(settings, EvaluateRequest)
    run = open_run(request.run)
    trained = open_trained(run)
    folder = Path(request.output) if request.output else run.folder / f"evaluation-{time.strftime('%Y%m%d-%H%M%S')}"
    material = _other_rows(trained, request.data, display) if request.data.test else _own_rows(trained, display)
    judgement = judge_splits(trained, material.splits, train=material.train, display=display)
    report = results(trained, judgement, rows=material.rows, training=None)
    facts = {"run": str(run.folder), "data": request.data.test or str(trained.settings.data.train)}
    write_report(folder, report, trained, judgement, training=None, notes=material.notes, facts=facts)
    return Evaluation(folder, report)


def _own_rows(trained: Trained, display: Display) -> Material:
    """Reads the data of the training again, and judges what was not learnt from."""
    asked = trained.settings
    corpus = read_corpus(asked.data, trained.pieces, seed=asked.seed, cache=cache_folder(), display=display)
    if corpus.labels != trained.labels:
        raise UsageError(
            f"data.train={asked.data.train} has other labels than the run was trained on; give data.test=FILE"
        )
    name = next((name for name in ("test", "validation") if name in corpus.splits), None)
    if name is None:
        raise UsageError("the run's data have neither test nor validation rows; give data.test=FILE")
    split = corpus.splits[name]
    rows = {
        "read": len(split),
        name: len(split),
        "dropped": dict.fromkeys(corpus.dropped, 0),
        "cut": rows_cut(split, trained.limits.max_length),
    }
    return Material({name: split}, corpus.splits["train"], rows, ())


def _other_rows(trained: Trained, asked: DataSettings, display: Display) -> Material:
    """Reads rows that the run has not seen, by its own columns unless others are named."""
    # What the request does not name is as in the run.
    data = trained.settings.data.model_copy(update=asked.model_dump(exclude_unset=True))
    place = str(data.test)
    columns, _ = resolve_columns(column_names(place, data), data, location=place)
    reading = Reading(columns, data.empty, data.max_rows)
    store = open_store(place, reading, trained.pieces, cache=cache_folder(), display=display)
    split, strangers = labelled(store, trained.labels, name="test", unknown=data.unknown_labels)
    dropped = {"empty": store.account.empty, "duplicate": 0, "bad": store.account.bad, "unknown_label": strangers}
    rows = {
        "read": store.account.read,
        "test": len(split),
        "dropped": dropped,
        "cut": rows_cut(split, trained.limits.max_length),
    }
    train, notes = _training_rows(trained, display)
    return Material({"test": split}, train, rows, notes)


def _training_rows(trained: Trained, display: Display) -> tuple[Split | None, tuple[str, ...]]:
    asked = trained.settings
    try:
        corpus = read_corpus(asked.data, trained.pieces, seed=asked.seed, cache=cache_folder(), display=display)
    except UsageError as error:
        return None, (f"no baseline beside the figures, because the training rows cannot be read: {error}",)
    return corpus.splits["train"], ()
