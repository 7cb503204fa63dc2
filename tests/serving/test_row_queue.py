"""The rows that wait, on a clock of the test's own: clients that ask again as soon as they are answered."""

from __future__ import annotations

from collections import defaultdict
from heapq import heappop, heappush
from math import inf
from random import Random

import numpy as np
import pytest

from tfclassify.serving.batch_costs import Cost
from tfclassify.serving.batch_cuts import Limits
from tfclassify.serving.batch_rows import Request
from tfclassify.serving.row_queue import QueueLimits, RowQueue
from tfclassify.serving.status import Code

COST = Cost(0.003, 3e-5)
# What a server needs to read one request and to write one answer.
HANDLING_SECONDS = 3e-4


def sorted_take(queue, now):
    return queue.take(now)


def first_come(queue, now):
    """Takes rows in the order of their coming, as a queue does that knows nothing of lengths."""
    rows, queue._rows = queue._rows[:64], queue._rows[64:]
    return rows


class Simulation:
    """Clients of one server with one worker; the cost of a batch is exactly what the formula says."""

    def __init__(self, *, cost=COST, take=sorted_take, wait_seconds=0.005, age_seconds=0.1):
        self.random, self.cost, self.take, self.now = Random(0), cost, take, 0.0
        self.queue = RowQueue(QueueLimits(Limits(64, 65536), 4096, wait_seconds, age_seconds))
        self.arrivals, self.number = [], 0
        self.useful = self.padded = 0
        self.batches, self.waited, self.idle = [], defaultdict(list), 0.0

    def clients(self, number, *, rows=1, signature="s"):
        for client in range(number):
            self.ask_at(client * HANDLING_SECONDS, rows, signature)
        return self

    def ask_at(self, moment, rows, signature):
        self.number += 1
        lengths = [10 + min(int(self.random.lognormvariate(4.2, 0.9)), 1500) for _ in range(rows)]
        heappush(self.arrivals, (moment, self.number, Request(signature, {}, inf, moment, lengths)))

    def let_arrive(self, until):
        while self.arrivals and self.arrivals[0][0] <= until:
            self.queue.add(heappop(self.arrivals)[2])

    def gather(self):
        """Does what an idle worker does."""
        if not len(self.queue):
            self.now = max(self.now, self.arrivals[0][0])
        self.let_arrive(self.now)
        begun = self.now
        while (seconds := self.queue.patience(begun, self.now)) > 0:
            came = bool(self.arrivals) and self.arrivals[0][0] <= self.now + seconds
            self.now = self.arrivals[0][0] if came else self.now + seconds
            self.let_arrive(self.now)
            if not came:
                break
        self.idle += self.now - begun

    def run(self, batches):
        for _ in range(batches):
            self.gather()
            rows = self.take(self.queue, self.now)
            assert len({row.request.signature for row in rows}) == 1
            padded = len(rows) * max(row.length for row in rows)
            seconds = self.cost.of(padded)
            self.let_arrive(self.now + seconds)
            self.now += seconds
            self.queue.learn(rows[0].request.signature, padded, seconds)
            self.padded += padded
            self.useful += sum(row.length for row in rows)
            self.batches.append(len(rows))
            self.answer(rows)
        return self

    def answer(self, rows):
        for place, row in enumerate(rows):
            request = row.request
            request.parts.append(([row.place], {}))
            if request.complete:
                self.waited[len(request.lengths)].append(self.now - request.arrived)
                self.ask_at(self.now + (place + 1) * HANDLING_SECONDS, len(request.lengths), request.signature)

    @property
    def rows_per_second(self):
        return sum(self.batches) / self.now


def test_little_is_padding_and_much_is_gained():
    ours = Simulation().clients(32).run(400)
    unsorted = Simulation(take=first_come).clients(32).run(80)
    assert ours.padded / ours.useful < 1.25
    assert unsorted.padded / unsorted.useful > 2
    assert ours.rows_per_second / unsorted.rows_per_second > 1.5
    assert np.quantile(ours.waited[1], 0.99) < 0.8 * np.quantile(unsorted.waited[1], 0.99)


@pytest.mark.parametrize("cost", [COST, Cost(0.01, 3e-5), Cost(0.0005, 1e-6)])
def test_a_lone_client_is_never_kept_waiting(cost):
    assert Simulation(cost=cost).clients(1).run(100).idle == 0


def test_a_lone_client_after_a_crowd_is_soon_not_kept_waiting():
    crowd = Simulation(cost=Cost(0.005, 2e-6)).clients(8).run(30)
    crowd.arrivals, crowd.queue._rows = [], []
    crowd.clients(1).run(10)
    before = crowd.idle
    crowd.run(20)
    assert crowd.idle == before


def test_waiting_a_little_pays_where_beginning_a_batch_is_dear():
    cost = Cost(0.005, 2e-6)
    patient, hasty = (Simulation(cost=cost, wait_seconds=wait).clients(4).run(200) for wait in (0.005, 0.0))
    assert hasty.idle == 0
    assert patient.rows_per_second > 1.2 * hasty.rows_per_second
    assert np.median(patient.waited[1]) < np.median(hasty.waited[1])


@pytest.mark.parametrize("cost", [COST, Cost(0.001, 1e-4), Cost(0.005, 2e-6)])
@pytest.mark.parametrize("number", [2, 8, 32])
def test_waiting_never_costs_much(cost, number):
    patient, hasty = (
        Simulation(cost=cost, wait_seconds=wait).clients(number).run(200).rows_per_second for wait in (0.005, 0.0)
    )
    assert patient > 0.97 * hasty


def test_a_request_of_many_rows_leaves_turns_to_small_ones():
    both = Simulation().clients(1, rows=500).clients(1).run(300)
    assert len(both.waited[500]) >= 2
    assert np.median(both.waited[1]) < 0.2 * np.median(both.waited[500])


def test_no_row_waits_for_ever():
    crowd = Simulation(age_seconds=0.1).clients(32).run(500)
    assert max(crowd.waited[1]) < 3 * np.mean(crowd.waited[1])


def test_signatures_take_turns_and_do_not_mix():
    both = Simulation().clients(8, signature="s").clients(8, rows=2, signature="t").run(300)
    assert len(both.waited[1]) > 50
    assert len(both.waited[2]) > 50


def test_more_rows_than_are_planned_at_once_are_all_taken():
    queue = RowQueue(QueueLimits(Limits(64, 65536), 4096, 0.005, 0.1))
    random = Random(0)
    asked = [Request("s", {}, inf, float(n), [random.randint(10, 900) for _ in range(7)]) for n in range(200)]
    for request in asked:
        queue.add(request)
    taken = []
    while rows := queue.take(200.0):
        taken += [(id(row.request), row.place) for row in rows]
    assert len(taken) == len(set(taken)) == 1400
    assert len(queue) == 0
    assert queue.take(200.0) == []


def test_a_deadline_is_seen_behind_many_rows():
    queue = RowQueue(QueueLimits(Limits(8, 65536), 4096, 0.005, 10.0))
    for number in range(600):
        queue.add(Request("s", {}, inf, number * 1e-6, [50]))
    pressed = Request("s", {}, 1.02, 0.9, [50])
    queue.add(pressed)
    assert pressed in [row.request for row in queue.take(1.0)]


def test_who_is_dropped_is_named_once():
    queue = RowQueue(QueueLimits(Limits(8, 65536), 4096, 0.005, 10.0))
    late, cancelled, kept = (Request("s", {}, deadline, 0.0, [5, 5]) for deadline in (1.0, inf, 1.1))
    for request in (late, cancelled, kept):
        queue.add(request)
    cancelled.future.cancel()
    dropped = queue.drop(1.0)
    assert [(request, refusal.code) for request, refusal in dropped] == [
        (late, Code.DEADLINE_EXCEEDED),
        (cancelled, Code.CANCELLED),
    ]
    assert len(queue) == 2
