"""Dynamic batching: texts of many requests run together, in few batches that are well filled.

The graph pads a batch to its longest text, so rows wait in the order of their lengths and are cut where the padding
is worth a batch of its own. Under load a batch forms while the one before it runs; a lone request runs at once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

from tfclassify.errors import UsageError
from tfclassify.serving.batch_cuts import Limits, run_rows
from tfclassify.serving.batch_rows import (
    Request,
    Row,
    assembled,
    by_request,
    gathered,
    handed_out,
    lengths_of,
    takes_texts,
)
from tfclassify.serving.loaded import Loaded, Tensors
from tfclassify.serving.row_queue import Failure, QueueLimits, RowQueue
from tfclassify.serving.served import PAST_DEADLINE, Outputs, Served
from tfclassify.serving.status import Code, Refusal

Observe = Callable[[float, int, float, float], None]
Share = tuple[Request, list[int]]

# Of texts whose lengths do not matter to a batch: that of a short one, so that many go together.
ALIKE_BYTES = 64
NO_LONGER_SERVED = "The version of the model is no longer served"


@dataclass(frozen=True)
class BatchingOptions:
    """How requests are batched.

    Attributes:
        max_batch_rows: of one batch.
        max_batch_bytes: of one batch, rows times the bytes of its longest; a longer row runs alone.
        max_queue_rows: that may wait; beyond it requests are refused.
        max_wait_seconds: that an idle worker may wait for rows that are about to come; less where a batch costs less.
        max_age_seconds: that a row may be over its turn before it goes ahead of all that are cheaper.
        num_batch_threads: batches that run at a time.
        direct_threads: requests that cannot be batched and run at a time.
        allowed_batch_sizes: rows that a batch is filled up to, rising, the last ``max_batch_rows``; empty: none.
        full_length_bytes: of a row beyond which it costs no more, since the model reads no further.
        padded: whether the model pads a batch to its longest text; where it does not, texts of any length go together,
            and only their number is bounded.
    """

    max_batch_rows: int = 64
    max_batch_bytes: int = 65536
    max_queue_rows: int = 4096
    max_wait_seconds: float = 0.005
    max_age_seconds: float = 0.1
    num_batch_threads: int = 1
    direct_threads: int = 2
    allowed_batch_sizes: tuple[int, ...] = ()
    full_length_bytes: int = 4096
    padded: bool = True


def batched(
    loaded: Loaded, folder: Path, options: BatchingOptions, *, observe: Observe = lambda *figures: None
) -> Served:
    """Serves a model with batching.

    Requests whose inputs are lists of texts share batches; all others run as they are, in threads of their own.

    Args:
        loaded: the model.
        folder: that it was loaded from.
        options: bounds.
        observe: called after each batch with the mean seconds that its rows waited, its rows, the share of it that
            is padding, and the seconds that it ran.

    Returns:
        The model with ``submit``; a future that fails holds a Refusal, one that does not also knows its
        ``queue_seconds`` and ``batch_rows``. Its ``close`` answers what was accepted, then closes the model.

    Raises:
        UsageError: an option is out of its range.
    """
    _check(options)
    batcher = _Batcher(loaded, options, observe)
    return Served(replace(loaded, close=batcher.close), submit=batcher.submit, folder=folder)


def _check(options: BatchingOptions) -> None:
    for name in ("max_batch_rows", "max_batch_bytes", "max_queue_rows", "num_batch_threads", "direct_threads"):
        if getattr(options, name) < 1:
            raise UsageError(f"{name}={getattr(options, name)}; expected 1 or more")
    for name in ("max_wait_seconds", "max_age_seconds", "full_length_bytes"):
        if not 0 <= getattr(options, name) < inf:
            raise UsageError(f"{name}={getattr(options, name)}; expected 0 or more")
    sizes = options.allowed_batch_sizes
    if sizes and (sizes[0] < 1 or sizes[-1] != options.max_batch_rows or list(sizes) != sorted(set(sizes))):
        raise UsageError(
            f"allowed_batch_sizes={list(sizes)}; expected rising numbers that end with "
            f"max_batch_rows={options.max_batch_rows}"
        )


class _Batcher:
    """The queue of a model, and the threads that run what waits in it."""

    def __init__(self, loaded: Loaded, options: BatchingOptions, observe: Observe) -> None:
        self._loaded, self._observe, self._full_length = loaded, observe, options.full_length_bytes
        self._padded = options.padded
        limits = Limits(options.max_batch_rows, options.max_batch_bytes, options.allowed_batch_sizes)
        self._run_rows = run_rows(limits)
        self._queue = RowQueue(
            QueueLimits(limits, options.max_queue_rows, options.max_wait_seconds, options.max_age_seconds)
        )
        self._texts = {name: each for name, each in loaded.signatures.items() if takes_texts(each)}
        self._changed = threading.Condition()
        self._direct_waiting = 0
        self._gathering = self._closed = False
        self._own_threads: set[int] = set()
        label = f"{loaded.name}-{loaded.version}"
        self._direct = ThreadPoolExecutor(options.direct_threads, f"direct-{label}", self._register)
        self._workers = [
            threading.Thread(target=self._work, name=f"batch-{label}-{number}", daemon=True)
            for number in range(options.num_batch_threads)
        ]
        for worker in self._workers:
            worker.start()

    def submit(self, signature: str, inputs: Tensors, deadline: float | None) -> Future[Outputs]:
        """Accepts a request, or gives a future that has failed."""
        texts = self._texts.get(signature)
        lengths = lengths_of(inputs, texts, full_length=self._full_length) if texts else None
        if lengths and not self._padded:
            lengths = [ALIKE_BYTES] * len(lengths)
        request = Request(signature, inputs, inf if deadline is None else deadline, time.monotonic(), lengths or [])
        with self._changed:
            dropped, refusal = self._admitted(max(1, len(request.lengths)))
            if refusal is None and lengths:
                self._queue.add(request)
                self._changed.notify()
            elif refusal is None:
                self._direct_waiting += 1
                self._direct.submit(self._run_direct, request)
        self._settle([], dropped if refusal is None else [*dropped, (request, refusal)])
        return request.future

    def close(self) -> None:
        """Refuses what is new, answers what was accepted, and closes the model."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify_all()
        ending = threading.Thread(target=self._end, name=f"close-{self._loaded.name}-{self._loaded.version}")
        ending.start()
        # A thread of the queue may be the one that gives back the last use of a version; it cannot wait for itself.
        if threading.get_ident() not in self._own_threads:
            ending.join()

    def _end(self) -> None:
        for worker in self._workers:
            worker.join()
        self._direct.shutdown(wait=True)
        self._loaded.close()

    def _register(self) -> None:
        self._own_threads.add(threading.get_ident())

    def _admitted(self, rows: int) -> tuple[list[Failure], Refusal | None]:
        """Tells why so many rows are not taken, if they are not, and whom to tell that they have been dropped."""
        if self._closed:
            return [], Refusal(Code.UNAVAILABLE, NO_LONGER_SERVED, retry_after_seconds=1.0)
        dropped: list[Failure] = []
        refusal = self._queue.refusal(rows, beside=self._direct_waiting)
        if refusal is not None:
            dropped = self._queue.drop(time.monotonic())
            refusal = self._queue.refusal(rows, beside=self._direct_waiting)
        return dropped, refusal

    def _work(self) -> None:
        self._register()
        while (taken := self._take()) is not None:
            rows, dropped = taken
            self._settle([], dropped)
            if rows:
                self._run(rows)

    def _take(self) -> tuple[list[Row], list[Failure]] | None:
        """Waits for the next batch; returns it with requests that are too late for any; None at the end."""
        with self._changed:
            self._wait()
            if self._closed and not len(self._queue):
                return None
            now = time.monotonic()
            dropped = self._queue.drop(now)
            rows = self._queue.take(now)
            if len(self._queue):
                self._changed.notify()
            return rows, dropped

    def _wait(self) -> None:
        """Waits until a batch is worth running, or nothing will come any more."""
        # One worker gathers at a time: another would take the rows from under it.
        while not self._closed and (self._gathering or not len(self._queue)):
            self._changed.wait()
        self._gathering = True
        begun = time.monotonic()
        while not self._closed and (seconds := self._queue.patience(begun, time.monotonic())) > 0:
            if not self._changed.wait(seconds):
                break
        self._gathering = False

    def _run(self, rows: Sequence[Row]) -> None:
        """Runs a batch; if it fails, each of its requests once more on its own."""
        shares, begun = by_request(rows), time.monotonic()
        answer = self._attempt(shares)
        if not isinstance(answer, Refusal):
            self._settle(answer, [])
        elif len(shares) == 1 or answer.code is Code.DEADLINE_EXCEEDED:
            self._settle([], [(request, _copy(answer)) for request, _ in shares])
        else:
            self._run_apart(shares)
        padded = len(rows) * max(row.length for row in rows)
        waited = begun - sum(row.request.arrived for row in rows) / len(rows)
        self._tell(waited, len(rows), 1 - sum(row.length for row in rows) / padded, time.monotonic() - begun)

    def _run_apart(self, shares: Sequence[Share]) -> None:
        for request, places in shares:
            if request.over or request.future.cancelled():
                continue
            late = time.monotonic() >= request.deadline
            answer = Refusal(Code.DEADLINE_EXCEEDED, PAST_DEADLINE) if late else self._attempt([(request, places)])
            if isinstance(answer, Refusal):
                self._settle([], [(request, answer)])
            else:
                self._settle(answer, [])

    def _attempt(self, shares: Sequence[Share]) -> list[Request] | Refusal:
        """Runs rows together and keeps their outputs; returns the requests that are complete, or why it failed."""
        counts = [len(places) for _, places in shares]
        many, signature = int(self._run_rows[sum(counts)]), shares[0][0].signature
        begun = time.monotonic()
        outputs = self._ask(signature, lambda: gathered(shares, run_rows=many))
        seconds = time.monotonic() - begun
        if isinstance(outputs, Refusal):
            return outputs
        try:
            parts = handed_out(outputs, counts, run_rows=many)
        except Refusal as refusal:
            return refusal
        longest = max(request.lengths[place] for request, places in shares for place in places)
        with self._changed:
            self._queue.learn(signature, many * longest, seconds)
            for (request, places), part in zip(shares, parts, strict=True):
                request.parts.append((places, part))
                request.future.ran(queue_seconds=begun - request.arrived, batch_rows=sum(counts))
            return [request for request, _ in shares if request.complete]

    def _run_direct(self, request: Request) -> None:
        with self._changed:
            self._direct_waiting -= 1
        answer: Outputs | Refusal = Refusal(Code.DEADLINE_EXCEEDED, PAST_DEADLINE)
        if not request.future.cancelled() and time.monotonic() < request.deadline:
            request.future.ran(queue_seconds=time.monotonic() - request.arrived)
            answer = self._ask(request.signature, lambda: request.inputs)
        if isinstance(answer, Refusal):
            self._settle([], [(request, answer)])
            return
        request.parts.append(([], answer))
        self._settle([request], [])

    def _ask(self, signature: str, inputs: Callable[[], Tensors]) -> Outputs | Refusal:
        try:
            return self._loaded.call(signature, inputs())
        except Refusal as refusal:
            return refusal
        except Exception as error:
            # Whatever goes wrong in the model is an answer to its clients, and not the end of the thread.
            # Its message may hold a client's text.
            logging.getLogger(__name__).error("model %s failed: %s", self._loaded.name, type(error).__name__)
            return Refusal(Code.INTERNAL, "The model failed")

    def _settle(self, done: Sequence[Request], failed: Sequence[Failure]) -> None:
        """Settles futures, each once, without the lock: whoever waits for one may submit again at once."""
        answers = [(request, assembled(request)) for request in done] + list(failed)
        with self._changed:
            answers = [(request, answer) for request, answer in answers if not request.over]
            for request, _ in answers:
                request.over = True
        for request, answer in answers:
            if not request.future.set_running_or_notify_cancel():
                continue
            if isinstance(answer, Refusal):
                request.future.set_exception(answer)
            else:
                request.future.set_result(answer)

    def _tell(self, *figures: float) -> None:
        try:
            self._observe(*figures)  # type: ignore[arg-type]
        except Exception:
            logging.getLogger(__name__).exception("the figures of a batch could not be told")


def _copy(refusal: Refusal) -> Refusal:
    """Makes another of the same: one exception raised in many threads would collect the traces of all."""
    return Refusal(
        refusal.code,
        refusal.message,
        http_status=refusal.http_status,
        retry_after_seconds=refusal.retry_after_seconds,
    )
