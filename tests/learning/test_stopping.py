"""Asked to stop: by signals, by time, and what an interrupt ends."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tfclassify.learning.stopping import asked_to_stop, termination_interrupts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_is_noted_and_the_second_ends_it(number: int) -> None:
    before = signal.getsignal(number)
    with asked_to_stop() as asked:
        assert asked.why() is None
        os.kill(os.getpid(), number)
        assert asked.why() == "signal"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


def test_time_is_measured_by_a_clock_that_nobody_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with asked_to_stop(time_limit_minutes=2.0) as asked:
        now[0] = 219.9
        assert asked.why() is None
        now[0] = 220.0
        assert asked.why() == "time"


def test_a_termination_is_an_interrupt() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with termination_interrupts(), pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before
