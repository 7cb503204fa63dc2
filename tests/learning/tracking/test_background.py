"""A tracker in the background: in order, never waited for, and its failures are its own."""

from __future__ import annotations

import time
from threading import Event, current_thread, main_thread
from typing import Any

import pytest

from tfclassify.learning.tracking.background import Background
from tfclassify.learning.tracking.tracker import Ending, Say, Tracker

STOPPED = Ending("stopped")


def noting(given: list[Any], *, fails: Any = (), waits: Event | None = None) -> Any:
    """Begins a tracker that notes what it gets, fails at some of it, and may have to wait first."""

    def note(*what: Any) -> None:
        given.append(what)
        assert current_thread() is not main_thread()
        if what[0] in fails:
            raise OSError(f"no\n  place for {what[0]}")

    def begin(say: Say) -> Tracker:
        if waits is not None:
            waits.wait(10)
        return Tracker(step=note, epoch=note, end=note)

    return begin


def test_all_of_it_in_order() -> None:
    given: list[Any] = []
    tracker = Background("x", noting(given))
    for steps in (1, 2):
        tracker.step(steps, {"loss": steps / 2})
    tracker.epoch(2, {"accuracy": 1.0})
    tracker.end(2, STOPPED)
    assert given == [(1, {"loss": 0.5}), (2, {"loss": 1.0}), (2, {"accuracy": 1.0}), (2, STOPPED)]
    assert tracker.news() == []


def test_nothing_waits_for_it() -> None:
    given: list[Any] = []
    may = Event()
    begun = time.perf_counter()
    tracker = Background("x", noting(given, waits=may), most_waiting=5)
    for steps in range(100):
        tracker.step(steps, {})
    tracker.epoch(100, {"accuracy": 1.0})
    assert time.perf_counter() - begun < 1
    may.set()
    tracker.end(100, STOPPED)
    # What is rare is never dropped.
    assert given == [*((steps, {}) for steps in range(5)), (100, {"accuracy": 1.0}), (100, STOPPED)]
    assert tracker.dropped == 95
    assert tracker.news() == ["track=x 0 of what it was given failed, and 95 steps were too fast for it"]
    assert tracker.news() == []


def test_its_failures_are_counted_and_the_first_is_told() -> None:
    given: list[Any] = []
    tracker = Background("x", noting(given, fails=(2, 3)))
    for steps in range(5):
        tracker.step(steps, {})
    tracker.end(5, STOPPED)
    assert [what[0] for what in given] == [0, 1, 2, 3, 4, 5]
    assert tracker.failed == 2
    assert tracker.news() == [
        "track=x failed, and the training goes on: OSError: no place for 2",
        "track=x 2 of what it was given failed, and 0 steps were too fast for it",
    ]


def test_one_that_cannot_begin() -> None:
    def begin(say: Say) -> Tracker:
        raise RuntimeError("no such host")

    tracker = Background("x", begin)
    for steps in range(5):
        tracker.step(steps, {})
    tracker.epoch(5, {})
    tracker.end(5, STOPPED)
    assert tracker.news() == ["track=x could not begin, and gets nothing of this run: RuntimeError: no such host"]


def test_one_that_never_ends() -> None:
    never = Event()
    begun = time.perf_counter()
    tracker = Background("x", noting([], waits=never))
    tracker.end(0, STOPPED, patience_seconds=0.2)
    assert 0.2 <= time.perf_counter() - begun < 5
    assert tracker.news() == ["track=x is still busy after 0 seconds; what it has not written is not waited for"]
    never.set()


def test_a_tracker_may_say_something() -> None:
    def begin(say: Say) -> Tracker:
        say("writes elsewhere")
        return noting([])(say)

    tracker = Background("x", begin)
    tracker.end(0, STOPPED)
    assert tracker.news() == ["track=x writes elsewhere"]


@pytest.mark.parametrize("name", ["tensorboard", "wandb"])
def test_its_thread_is_named(name: str) -> None:
    names: list[str] = []

    def begin(say: Say) -> Tracker:
        names.append(current_thread().name)
        return noting([])(say)

    Background(name, begin).end(0, STOPPED)
    assert names == [f"track={name}"]
