"""Asked to stop: by signals, and what an interrupt ends."""

from __future__ import annotations

import os
import signal

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


def test_a_termination_is_an_interrupt() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with termination_interrupts(), pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before
