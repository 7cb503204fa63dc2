"""The rows of requests: taken apart, gathered into batches, and their outputs put together again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow.dtypes import as_dtype

from tfclassify.serving.loaded import Tensors
from tfclassify.serving.served import Outputs
from tfclassify.serving.signatures import Signature
from tfclassify.serving.status import Code, Refusal

STRING = 7
# Kinds of arrays of numbers, and of truth values.
NUMERIC = "biufc"
# A row costs something without any text: the marks around it.
MARK_BYTES = 10


class Awaited(Future[Outputs]):
    """The outputs of a request, to come; and of its runs, the longest wait in seconds and the most rows."""

    queue_seconds: float = 0.0
    batch_rows: int = 0

    def ran(self, *, queue_seconds: float, batch_rows: int = 0) -> None:
        """Takes note of a run."""
        self.queue_seconds = max(self.queue_seconds, queue_seconds)
        self.batch_rows = max(self.batch_rows, batch_rows)


@dataclass(eq=False)
class Request:
    """A request on its way.

    Attributes:
        signature: its name.
        inputs: by name, each [N].
        deadline: on ``time.monotonic()``, or infinite.
        arrived: on the same clock.
        lengths: bytes of each row over all inputs, N of them.
        future: of the outputs.
        parts: what has been answered: places of rows, and their outputs.
        over: its future has been settled, or is about to be.
    """

    signature: str
    inputs: Tensors
    deadline: float
    arrived: float
    lengths: Sequence[int]
    future: Awaited = field(default_factory=Awaited)
    parts: list[tuple[list[int], Outputs]] = field(default_factory=list)
    over: bool = False

    @property
    def complete(self) -> bool:
        """Every row has been answered."""
        return sum(len(places) for places, _ in self.parts) == len(self.lengths)


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One row of a request.

    Attributes:
        request: that it is of.
        place: in the inputs of the request.
        length: in bytes.
        due: when its turn would be if the rows of its request were run one by one.
    """

    request: Request
    place: int
    length: int
    due: float


def takes_texts(signature: Signature) -> bool:
    """Tells whether requests to a signature can share a batch.

    They can with lists of texts in, and numbers beside them, and a row of everything out for each.
    """
    lists = all(info.shape == (-1,) for info in signature.inputs.values())
    texts = any(info.dtype == STRING for info in signature.inputs.values()) or not signature.inputs
    rows = all(info.shape is not None and info.shape[:1] == (-1,) for info in signature.outputs.values())
    return lists and texts and rows


def lengths_of(inputs: Tensors, signature: Signature, *, full_length: int) -> list[int] | None:
    """Returns the bytes of each row, summed over the texts; None if these are not the inputs that are asked for.

    Args:
        inputs: as a client gave them.
        signature: one that takes texts.
        full_length: bytes beyond which a row costs no more, because the model does not read on.
    """
    columns = list(inputs.values())
    if not columns or inputs.keys() != signature.inputs.keys() or any(column.ndim != 1 for column in columns):
        return None
    if len({len(column) for column in columns}) > 1 or not len(columns[0]):
        return None
    texts = [inputs[name] for name, info in signature.inputs.items() if info.dtype == STRING]
    if any(not _is_of(inputs[name], info.dtype) for name, info in signature.inputs.items() if info.dtype != STRING):
        return None
    try:
        sizes = [[_bytes(text) for text in column.tolist()] for column in texts]
    except (AttributeError, UnicodeEncodeError):
        return None
    return [min(sum(row), full_length) + MARK_BYTES for row in zip(*sizes, strict=True)]


def rows_of(request: Request, *, seconds_per_byte: float) -> Iterator[Row]:
    """Gives the rows, each due when those before it would be done: long requests leave turns to short ones."""
    due = request.arrived
    for place, length in enumerate(request.lengths):
        yield Row(request, place, length, due)
        due += seconds_per_byte * length


def by_request(rows: Sequence[Row]) -> list[tuple[Request, list[int]]]:
    """Returns the requests of a batch with the places of their rows, each request once."""
    numbered = sorted(rows, key=lambda row: (id(row.request), row.place))
    return [(request, [row.place for row in same]) for request, same in groupby(numbered, key=attrgetter("request"))]


def gathered(shares: Sequence[tuple[Request, list[int]]], *, run_rows: int) -> dict[str, NDArray[Any]]:
    """Makes the inputs of a batch: one share after the other, then copies of the shortest row up to ``run_rows``."""
    rows = [(request, place) for request, places in shares for place in places]
    shortest = min(rows, key=lambda row: row[0].lengths[row[1]])
    rows += [shortest] * (run_rows - len(rows))
    return {name: _column(rows, name) for name in rows[0][0].inputs}


def handed_out(outputs: Mapping[str, NDArray[Any]], counts: Sequence[int], *, run_rows: int) -> list[Outputs]:
    """Cuts the outputs of a batch into those of its shares.

    Raises:
        Refusal: an output has not one row for each row that was run, so that no one knows whose they are.
    """
    for name, values in outputs.items():
        if values.shape[:1] != (run_rows,):
            raise Refusal(Code.INTERNAL, f"Output {name} has not one row for each text; it cannot be batched")
    ends = np.cumsum(counts).tolist()
    return [
        {name: values[end - count : end] for name, values in outputs.items()}
        for count, end in zip(counts, ends, strict=True)
    ]


def assembled(request: Request) -> Outputs | Refusal:
    """Puts the outputs of the parts together, in the order of the request; a Refusal if they do not fit together."""
    if len(request.parts) == 1:
        return request.parts[0][1]
    order = np.argsort([place for places, _ in request.parts for place in places])
    try:
        return {
            name: np.concatenate([outputs[name] for _, outputs in request.parts])[order] for name in request.parts[0][1]
        }
    except (KeyError, ValueError):
        return Refusal(Code.INTERNAL, "The outputs of the batches of the request do not fit together")


def _bytes(text: bytes | str) -> int:
    return len(text) if isinstance(text, bytes) else len(text.encode())


def _is_of(column: NDArray[Any], dtype: int) -> bool:
    return bool(column.dtype == as_dtype(dtype).as_numpy_dtype)


def _column(rows: Sequence[tuple[Request, int]], name: str) -> NDArray[Any]:
    kind = rows[0][0].inputs[name].dtype
    # Texts come as arrays of a fixed width too, which would cut longer ones of other requests.
    column = np.empty(len(rows), dtype=kind if kind.kind in NUMERIC else object)
    for number, (request, place) in enumerate(rows):
        column[number] = request.inputs[name][place]
    return column
