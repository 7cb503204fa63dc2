"""A loaded model and the way requests are put to it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tfclassify.serving.loaded import Loaded, Tensors
from tfclassify.serving.status import Code, Refusal

Outputs = dict[str, NDArray[Any]]
Submit = Callable[[str, Tensors, float | None], "Future[Outputs]"]
PAST_DEADLINE = "Deadline of the request passed before the model was run"


@dataclass(frozen=True)
class Served:
    """A version of a model that answers.

    Attributes:
        loaded: the model; its ``close`` also ends what ``submit`` runs on.
        submit: ``(signature name, inputs, deadline on time.monotonic() or None) -> future of the outputs``; of one
            that fails the exception is a Refusal.
        folder: that it was loaded from.
    """

    loaded: Loaded
    submit: Submit
    folder: Path


def direct(loaded: Loaded, folder: Path, *, threads: int) -> Served:
    """Serves a model without batching: each request is a run of the graph in one of so many threads."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix=f"{loaded.name}-{loaded.version}")

    def submit(signature: str, inputs: Tensors, deadline: float | None) -> Future[Outputs]:
        try:
            return pool.submit(_call, loaded, signature, inputs, deadline)
        except RuntimeError:
            failed: Future[Outputs] = Future()
            failed.set_exception(Refusal(Code.UNAVAILABLE, "The version of the model is no longer served"))
            return failed

    def close() -> None:
        pool.shutdown(wait=True, cancel_futures=True)
        loaded.close()

    return Served(replace(loaded, close=close), submit, folder)


def _call(loaded: Loaded, signature: str, inputs: Tensors, deadline: float | None) -> Outputs:
    if deadline is not None and time.monotonic() >= deadline:
        raise Refusal(Code.DEADLINE_EXCEEDED, PAST_DEADLINE)
    return loaded.call(signature, inputs)
