"""The rows that wait: how many may, how long for more of them, and which make the next batch."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nsmallest
from math import inf
from operator import attrgetter
from statistics import median

import numpy as np

from tfclassify.serving.batch_costs import Cost, Measured
from tfclassify.serving.batch_cuts import Limits, Waiting, cut, first
from tfclassify.serving.batch_rows import Request, Row, rows_of
from tfclassify.serving.served import PAST_DEADLINE
from tfclassify.serving.status import Code, Refusal

Failure = tuple[Request, Refusal]

REMEMBERED_GAPS = 15
# That many gaps without a row mean that no more are coming just now.
QUIET_GAPS = 2
# More rows are not cut at once: planning has to stay small beside running.
PLANNED_ROWS, PLANNED_DEADLINES = 256, 32


@dataclass(frozen=True)
class QueueLimits:
    """Of the waiting.

    Attributes:
        batch: of one batch.
        rows: that may wait.
        wait_seconds: for more rows, at most.
        age_seconds: that a row may be over its turn.
    """

    batch: Limits
    rows: int
    wait_seconds: float
    age_seconds: float


class RowQueue:
    """Rows of requests, not yet run. Whoever calls holds a lock; times are of ``time.monotonic()``."""

    def __init__(self, limits: QueueLimits) -> None:
        """Begins with no rows and no figures."""
        self._limits = limits
        self._rows: list[Row] = []
        self._gaps: deque[float] = deque(maxlen=REMEMBERED_GAPS)
        self._last_arrival = -inf
        self._measured: defaultdict[str, Measured] = defaultdict(Measured)

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, request: Request) -> None:
        """Lets the rows of a request wait."""
        self._gaps.append(request.arrived - self._last_arrival)
        self._last_arrival = request.arrived
        self._rows += rows_of(request, seconds_per_byte=self._cost(request.signature).seconds_per_byte)

    def learn(self, signature: str, padded_bytes: float, seconds: float) -> None:
        """Takes note of what a batch cost."""
        self._measured[signature].add(padded_bytes, seconds)

    def refusal(self, rows: int, *, beside: int) -> Refusal | None:
        """Returns why so many more rows cannot wait, with so many others waiting elsewhere; None if they can."""
        if rows > self._limits.rows:
            return Refusal(
                Code.INVALID_ARGUMENT, f"A request of {rows} texts; at most {self._limits.rows} are taken at a time"
            )
        if len(self._rows) + beside + rows <= self._limits.rows:
            return None
        seconds = sum(self._cost(row.request.signature).seconds_per_byte * row.length for row in self._rows)
        return Refusal(Code.UNAVAILABLE, "The server is full", retry_after_seconds=max(1.0, seconds))

    def drop(self, now: float) -> list[Failure]:
        """Forgets rows that nobody waits for any more; returns the requests that have to be told."""
        gone: dict[int, Failure] = {}
        kept = []
        for row in self._rows:
            request = row.request
            if request.over or request.future.cancelled():
                gone[id(request)] = (request, Refusal(Code.CANCELLED, "The request was cancelled"))
            elif request.deadline <= now:
                gone[id(request)] = (request, Refusal(Code.DEADLINE_EXCEEDED, PAST_DEADLINE))
            else:
                kept.append(row)
        self._rows = kept
        return list(gone.values())

    def patience(self, begun: float, now: float) -> float:
        """Returns how long an idle worker that began to wait at ``begun`` should wait for the next row.

        Not at all if the rows that wait make several batches: what comes can join the later ones. Else one more row
        shares the beginning of the batch, and makes each of those that are there wait: it is worth while as long as
        rows times the gap to the next is less than that beginning.
        """
        if not self._rows:
            return 0.0
        cost = self._cost(self._rows[0].request.signature)
        gap = median(self._gaps)
        if gap * len(self) >= cost.fixed_seconds or len(self._pieces(self._planned())) > 1:
            return 0.0
        return min(begun + min(self._limits.wait_seconds, cost.fixed_seconds) - now, QUIET_GAPS * gap)

    def take(self, now: float) -> list[Row]:
        """Takes the rows of the next batch, all of one signature, by rising length."""
        rows = self._planned()
        if not rows:
            return []
        waiting = Waiting(
            np.array([row.length for row in rows]),
            np.array([row.due for row in rows]),
            np.array([row.request.deadline for row in rows]),
        )
        cost = self._cost(rows[0].request.signature)
        taken = rows[first(waiting, self._pieces(rows), cost, now=now, max_age_seconds=self._limits.age_seconds)]
        left = set(self._rows).difference(taken)
        self._rows = [row for row in self._rows if row in left]
        return taken

    def _planned(self) -> list[Row]:
        """Returns the rows that the next batch is chosen from, by rising length."""
        if not self._rows:
            return []
        signature = min(self._rows, key=attrgetter("due")).request.signature
        rows = [row for row in self._rows if row.request.signature == signature]
        if len(rows) > PLANNED_ROWS:
            early = nsmallest(PLANNED_DEADLINES, rows, key=lambda row: row.request.deadline)
            rows = list({*nsmallest(PLANNED_ROWS, rows, key=attrgetter("due")), *early})
        return sorted(rows, key=attrgetter("length", "due"))

    def _pieces(self, rows: Sequence[Row]) -> list[slice]:
        return cut(np.array([row.length for row in rows]), self._cost(rows[0].request.signature), self._limits.batch)

    def _cost(self, signature: str) -> Cost:
        return self._measured[signature].cost
