"""Predict, classify and regress: from a body to the tensors of a model, and from its outputs to an answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from numpy.typing import NDArray

from tfclassify.serving.example_results import INPUT
from tfclassify.serving.loaded import Loaded, Tensors
from tfclassify.serving.rest.bodies import ClientLeftError
from tfclassify.serving.rest.examples import check_signature, classify_answer, examples, regress_answer
from tfclassify.serving.rest.hooks import ServedModel
from tfclassify.serving.rest.json_faults import invalid_argument
from tfclassify.serving.rest.json_text import parse
from tfclassify.serving.rest.json_writing import Echo, echo, echo_nothing
from tfclassify.serving.rest.limits import check_rows, check_texts
from tfclassify.serving.rest.options import RestOptions
from tfclassify.serving.rest.predictions import column_answer, row_answer
from tfclassify.serving.rest.requests import Request
from tfclassify.serving.rest.tensors import asked, signature_name
from tfclassify.serving.signatures import Signature
from tfclassify.serving.status import Code, Refusal

Answer = Callable[[Mapping[str, NDArray[Any]]], bytes]
Result = TypeVar("Result")
# Outputs beyond so many elements are written in a thread.
_LARGE_OUTPUTS = 20_000


@dataclass(frozen=True)
class Job:
    """What a model is to be asked.

    Attributes:
        signature: its name.
        tensors: inputs by name.
        instances: rows of the request.
        answer: makes the body of the answer from the outputs.
    """

    signature: str
    tensors: Tensors
    instances: int
    answer: Answer


@dataclass(frozen=True)
class Body:
    """A parsed body that does not know its model yet.

    Attributes:
        job: makes the job for a model.
        large: whether to do so in a thread.
    """

    job: Callable[[Loaded], Job]
    large: bool


async def read_job(method: str, body: bytes, options: RestOptions) -> Body:
    """Parses a body as far as can be done without the model.

    Raises:
        Refusal: 400, it is no JSON, or no request of this method.
    """
    large = len(body) > options.large_body_bytes
    read = _read_predict if method == "predict" else _read_examples
    return Body(await thrown(large, lambda: read(method, body, options)), large)


async def run_job(job: Job, served: ServedModel, request: Request, *, deadline: float) -> tuple[bytes, float, int]:
    """Asks a model.

    Args:
        job: what to ask.
        served: the model.
        request: that it is for; what is waited for stands in its state, so that its connection can end it.
        deadline: on ``time.monotonic()``.

    Returns:
        The body of the answer; seconds it waited in a queue and rows of the batch it ran in, as far as is known.

    Raises:
        Refusal: as the model says, or 504 when the deadline passes.
        ClientLeftError: the client closed its connection.
    """
    future = served.submit(job.signature, job.tensors, deadline)
    outputs = await _waited(asyncio.wrap_future(future), request, deadline)
    large = sum(values.size for values in outputs.values()) > _LARGE_OUTPUTS
    body = await thrown(large, lambda: job.answer(outputs))
    return body, getattr(future, "queue_seconds", 0.0), getattr(future, "batch_rows", 0)


async def thrown(large: bool, work: Callable[[], Result]) -> Result:
    """Does large work in a thread and small work here."""
    return await asyncio.to_thread(work) if large else work()


async def _waited(waiting: asyncio.Future[Any], request: Request, deadline: float) -> Any:
    request.state["pending"] = waiting
    alarm = asyncio.get_running_loop().call_later(max(0.0, deadline - time.monotonic()), _expire, request, waiting)
    try:
        return await waiting
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        if "expired" not in request.state:
            raise ClientLeftError from None
        raise Refusal(Code.DEADLINE_EXCEEDED, "Timed out waiting for notification") from None
    finally:
        alarm.cancel()
        del request.state["pending"]


def _expire(request: Request, waiting: asyncio.Future[Any]) -> None:
    request.state["expired"] = True
    waiting.cancel()


def _document(body: bytes, options: RestOptions) -> Any:
    return parse(body, max_depth=options.max_depth, max_members=options.max_members)


def _echo(options: RestOptions) -> Echo:
    return echo if options.echo_errors else echo_nothing


def _read_predict(method: str, body: bytes, options: RestOptions) -> Callable[[Loaded], Job]:
    document = _document(body, options)
    name = signature_name(document, echo=_echo(options))

    def job(loaded: Loaded) -> Job:
        if name not in loaded.signatures:
            raise invalid_argument(f'Serving signature name: "{name}" not found in signature def')
        check_rows(document, options)
        inputs = asked(document, loaded.signatures[name], name=name, echo=_echo(options))
        check_texts(inputs.tensors, options)
        return Job(name, inputs.tensors, _rows_of(inputs.tensors), row_answer if inputs.rows else column_answer)

    return job


def _rows_of(tensors: Tensors) -> int:
    return max((len(values) if values.ndim else 1 for values in tensors.values()), default=0)


def _read_examples(method: str, body: bytes, options: RestOptions) -> Callable[[Loaded], Job]:
    document = _document(body, options)
    name = signature_name(document, echo=_echo(options))
    check_rows(document, options)
    # Unlike predict's, examples are read before the model is looked up: they need no signature.
    rows = examples(document, echo=_echo(options))
    answer = classify_answer if method == "classify" else regress_answer

    def job(loaded: Loaded) -> Job:
        check_signature(method, _example_signature(loaded, name))
        return Job(name, {INPUT: rows}, len(rows), lambda outputs: answer(outputs, len(rows)))

    return job


def _example_signature(loaded: Loaded, name: str) -> Signature:
    if name not in loaded.signatures:
        raise invalid_argument(f"No signature was found with the name: {name}")
    return loaded.signatures[name]
