"""``predict``: answers the rows of a file as they stream by; rows come out in the order in which they came in."""

from __future__ import annotations

if __name__ == "__main__":
    # Before anything heavy is imported: help must not wait for TensorFlow.
    from tfclassify.command_line import main

    raise SystemExit(main("predict"))

import os
import sys
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from io import BufferedIOBase
from itertools import chain
from typing import Any, cast

import pyarrow as pa

from tfclassify.data.checks import Examples, Where, examples, resolve_columns, taken
from tfclassify.data.features import check_the_same
from tfclassify.data.left_out import check_left_out
from tfclassify.data.sinks import PIPE, open_sink
from tfclassify.data.sources import Columns, column_names, files_of, find_source, numbered, read_piped
from tfclassify.display import SILENT, Display
from tfclassify.errors import UsageError
from tfclassify.servable.answerer import Answerer, open_answerer
from tfclassify.settings import DataSettings, PredictRequest, parse

CHUNK_ROWS = 2048
PIPED = "standard input"
# Labels, weights and ids are columns like any other here; how a file is written, and how much of it counts, is not
# taken over from the training's.
NOT_AS_TRAINED = {
    **dict.fromkeys(("label", "labels", "weight", "id", "delimiter", "max_rows")),
    "encoding": "utf-8",
}
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
    kept as ``input_NAME``. Rows with an empty text are answered too.

    Args:
        settings: the run or the servable, a file in and a file out.
        display: gets the progress.

    Raises:
        UsageError: there is no such run or servable, or the file cannot be read or written as asked.
    """
    request = parse(settings, PredictRequest)
    place = _place(request)
    if request.input != PIPE:
        # Said at once, and not after the seconds that a model takes to load.
        find_source(request.input)
    _check_output(request)
    answerer = open_answerer(place, precision=request.precision)
    asked = _asked(answerer, request.data)
    given = _piped(asked) if request.input == PIPE else _file(request.input, asked)
    columns, _ = resolve_columns(given.names, asked, location=given.location, labelled=False)
    _check_pairs(answerer, columns, given.location)
    prediction = _stream(answerer, given, columns, asked.max_rows, request, display)
    for note in _notes(prediction):
        display.say(note)
    return prediction


def _place(request: PredictRequest) -> str:
    places = [place for place in (request.run, request.servable) if place is not None]
    if len(places) != 1:
        given = "both run and servable are" if places else "neither run nor servable is"
        raise UsageError(f"{given} given; expected run=DIR or servable=DIR")
    return places[0]


def _check_output(request: PredictRequest) -> None:
    """Refuses to put the answers in the place of the rows that are asked about."""
    places = [os.path.expanduser(place) for place in (request.input, request.output) if place != PIPE]
    if len(places) == 2 and all(map(os.path.exists, places)) and os.path.samefile(*places):
        raise UsageError(f"output={request.output} is the input, which would be lost; give another file")


def _asked(answerer: Answerer, given: DataSettings) -> DataSettings:
    """Reads as the run did, unless the request says otherwise, but for what belongs to the files of the training."""
    features = answerer.data.features
    check_the_same(given.features, features, kind=answerer.kind)
    asked = {**NOT_AS_TRAINED, **given.model_dump(exclude_unset=True), "features": features}
    return answerer.data.model_copy(update=asked)


def _check_pairs(answerer: Answerer, columns: Columns, location: str) -> None:
    kind, wanted = answerer.kind, answerer.pairs
    if wanted and columns.text_b is None:
        raise UsageError(f"{location} has no second text; the {kind} answers pairs: set data.text_b")
    if columns.text_b is not None and not wanted:
        raise UsageError(f"data.text_b is '{columns.text_b}', but the {kind} answers single texts; leave it out")


@dataclass(frozen=True)
class _Input:
    """Rows to answer: where they are, their columns, and what gives them; the numbers of those left out grow in it."""

    location: str
    names: Sequence[str]
    batches: Callable[[Columns], Iterator[pa.RecordBatch]]
    skipped: array[int]


def _file(location: str, asked: DataSettings) -> _Input:
    skipped = array("q")

    def batches(columns: Columns) -> Iterator[pa.RecordBatch]:
        before = files_of(location)
        yield from find_source(location)(location, columns, skipped=skipped.append)
        if files_of(location) != before:
            raise UsageError(f"{location} changed while it was read; start again once nothing writes to it")

    return _Input(location, column_names(location, asked), batches, skipped)


def _piped(asked: DataSettings) -> _Input:
    """Takes what comes through the pipe as it comes; the columns are known once the first rows are there."""
    skipped = array("q")
    columns = Columns("", encoding=asked.encoding, delimiter=asked.delimiter, bad_rows=asked.bad_rows)
    batches = read_piped(cast(BufferedIOBase, sys.stdin.buffer), columns, name=PIPED, skipped=skipped.append)
    first = next(batches)
    return _Input(PIPED, first.schema.names, lambda _: chain([first], batches), skipped)


def _stream(
    answerer: Answerer,
    given: _Input,
    columns: Columns,
    max_rows: int | None,
    request: PredictRequest,
    display: Display,
) -> Prediction:
    rows = bad = 0
    renamed: dict[str, str] = {}
    # A bar would run through rows that go to the same terminal.
    shown = SILENT if request.output == PIPE and sys.stdout.isatty() else display
    shown.start(f"answering {request.input}", 0)
    with open_sink(request.output, separator=answerer.data.label_separator) as write:
        for batch, numbers in numbered(given.batches(columns), given.skipped, max_rows=max_rows):
            for start in range(0, max(batch.num_rows, 1), CHUNK_ROWS):
                part = batch.slice(start, CHUNK_ROWS)
                where = Where(given.location, numbers[start : start + CHUNK_ROWS])
                checked = examples(part, columns, where=where)
                kept = part.filter(pa.array(~checked.bad))
                write(_answered(answerer, kept, taken(checked, ~checked.bad), renamed))
                rows += kept.num_rows
                bad += part.num_rows - kept.num_rows
                shown.advance(part.num_rows, "rows")
        left_out = bad + (len(given.skipped) if max_rows is None else bisect_right(given.skipped, max_rows))
        check_left_out(given.location, columns, {"kept": rows, "bad": left_out})
    return Prediction(request.output, rows, left_out, renamed)


def _answered(answerer: Answerer, batch: pa.RecordBatch, given: Examples, renamed: dict[str, str]) -> pa.RecordBatch:
    """Puts the answers beside the columns of a batch."""
    texts_b = None if given.text_b is None else given.text_b.to_pylist()
    answers = answerer.answer(
        given.text.to_pylist(), texts_b, features=None if given.features is None else given.features.by_name
    )
    made = {name: pa.array([each[name] for each in answers], kind) for name, kind in ANSWERS.items()}
    if answerer.multilabel:
        made["labels"] = pa.array([each["labels"] for each in answers], pa.list_(pa.string()))
        scores = pa.struct([(label, pa.float32()) for label in answerer.labels])
        made["scores"] = pa.array([each["scores"] for each in answers], scores)
    names = batch.schema.names
    renamed.update({name: _free(name, {*names, *made}) for name in names if name in made and name not in renamed})
    kept = [renamed.get(name, name) for name in names]
    return pa.RecordBatch.from_arrays([*batch.columns, *made.values()], names=[*kept, *made])


def _free(name: str, taken: Set[str]) -> str:
    """Returns ``input_NAME``, with more in front where the input has such a column too."""
    while name in taken:
        name = f"input_{name}"
    return name


def _notes(prediction: Prediction) -> Iterator[str]:
    for old, new in prediction.renamed.items():
        yield f"the input's column '{old}' is '{new}' in the output, where '{old}' is the answer"
    if prediction.skipped:
        yield f"{prediction.skipped} rows of the input could not be read and have no answer (data.bad_rows=skip)"
