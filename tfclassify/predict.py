"""``predict``: answers the rows of a file as they stream by; rows come out in the order in which they came in."""

from __future__ import annotations

if __name__ == "__main__":
    # Before anything heavy is imported: help must not wait for TensorFlow.
    from tfclassify.command_line import main

    raise SystemExit(main("predict"))

import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from tfclassify.data.checks import Examples, Where, examples, resolve_columns
from tfclassify.data.sinks import PIPE, open_sink
from tfclassify.data.sources import Columns, column_names, find_source, numbered
from tfclassify.display import SILENT, Display
from tfclassify.errors import UsageError
from tfclassify.learning.trained import Trained, answer, open_trained
from tfclassify.runs import open_run
from tfclassify.settings import DataSettings, PredictRequest, parse

CHUNK_ROWS = 2048
ANSWERS = {"label": pa.string(), "score": pa.float32(), "in_scope": pa.bool_(), "route": pa.string()}


@dataclass(frozen=True)
class Prediction:
    """What ``predict`` did: where the answers are, how many rows, how many of the input could not be read.

    ``renamed`` has the columns of the input that had the name of an answer, with the name that they have now.
    """

    output: str
    rows: int
    skipped: int
    renamed: Mapping[str, str]


def predict(settings: PredictRequest | Mapping[str, Any], *, display: Display = SILENT) -> Prediction:
    """Answers the rows of a file: its columns, and ``label``, ``score``, ``in_scope``, ``route``.

    A multi-label task adds ``labels`` and ``scores``. A column of the input that has the name of an answer is
    kept as ``input_NAME``.

    Args:
        settings: the run, a file in and a file out.
        display: gets the progress.

    Raises:
        UsageError: there is no such run, or the file cannot be read or written as asked.
    """
    request = parse(settings, PredictRequest)
    trained = open_trained(open_run(request.run))
    with _readable(request.input) as location:
        asked = _asked(trained, request.data)
        columns, _ = resolve_columns(column_names(location, asked), asked, location=request.input, labelled=False)
        if trained.settings.data.text_b and columns.text_b is None:
            raise UsageError(f"{request.input} has no second text; the run answers pairs: set data.text_b")
        return _stream(trained, location, columns, request, display)


def _asked(trained: Trained, given: DataSettings) -> DataSettings:
    """Reads as the run did, unless the request says otherwise; labels, weights and ids are columns like any other."""
    data = trained.settings.data
    named = {"label": None, "labels": None, "weight": None, "id": None, "delimiter": None, "encoding": "utf-8"}
    return data.model_copy(update={**named, **given.model_dump(exclude_unset=True)})


@contextmanager
def _readable(location: str) -> Iterator[str]:
    """Gives the location itself, or a file that holds what comes through the pipe: sources read more than once."""
    if location != PIPE:
        yield location
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "standard-input.csv"
        with open(path, "wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield str(path)


def _stream(trained: Trained, location: str, columns: Columns, request: PredictRequest, display: Display) -> Prediction:
    skipped: list[int] = []
    rows = 0
    renamed: dict[str, str] = {}
    batches = find_source(location)(location, columns, skipped=skipped.append)
    display.start(f"answering {request.input}", 0)
    with open_sink(request.output, separator=trained.settings.data.label_separator) as write:
        for batch, numbers in numbered(batches, skipped):
            for start in range(0, max(batch.num_rows, 1), CHUNK_ROWS):
                part = batch.slice(start, CHUNK_ROWS)
                where = Where(request.input, numbers[start : start + CHUNK_ROWS])
                write(_answered(trained, part, examples(part, columns, where=where), renamed))
                rows += part.num_rows
                display.advance(part.num_rows, "rows")
    return Prediction(request.output, rows, len(skipped), renamed)


def _answered(trained: Trained, batch: pa.RecordBatch, given: Examples, renamed: dict[str, str]) -> pa.RecordBatch:
    """Puts the answers beside the columns of a batch."""
    texts_b = None if given.text_b is None else given.text_b.to_pylist()
    answers = answer(trained, given.text.to_pylist(), texts_b)
    made = {name: pa.array([each[name] for each in answers], kind) for name, kind in ANSWERS.items()}
    if trained.labels.multilabel:
        made["labels"] = pa.array([each["labels"] for each in answers], pa.list_(pa.string()))
        scores = pa.struct([(label, pa.float32()) for label in trained.labels.names])
        made["scores"] = pa.array([each["scores"] for each in answers], scores)
    names = [f"input_{name}" if name in made else name for name in batch.schema.names]
    renamed.update({old: new for old, new in zip(batch.schema.names, names, strict=True) if old != new})
    return pa.RecordBatch.from_arrays([*batch.columns, *made.values()], names=[*names, *made])
