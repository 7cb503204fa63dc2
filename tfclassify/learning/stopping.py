"""Asked to stop: by signals from outside."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Literal

Handler = Callable[[int, FrameType | None], None]
Why = Literal["signal"]


@dataclass
class Asked:
    """Whether a training has been asked to stop."""

    signals: list[int] = field(default_factory=list)

    def why(self) -> Why | None:
        """Returns what asks for the end, or None."""
        return "signal" if self.signals else None


@contextmanager
def asked_to_stop() -> Iterator[Asked]:
    """Notes the first interrupt or termination, so that the step under way is finished; a second one ends at once."""
    asked = Asked()

    def note(number: int, frame: FrameType | None) -> None:
        if asked.signals:
            raise KeyboardInterrupt
        asked.signals.append(number)

    with _handled(note):
        yield asked


@contextmanager
def termination_interrupts() -> Iterator[None]:
    """Lets a termination end what it surrounds as an interrupt does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handled(interrupt):
        yield


@contextmanager
def _handled(handler: Handler) -> Iterator[None]:
    # Only the main thread may set handlers; elsewhere (a notebook's worker, a server) the caller's stay.
    try:
        before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:
        before = {}
    try:
        yield
    finally:
        for number, earlier in before.items():
            # A handler that was not set from Python is None, and cannot be set again.
            signal.signal(number, signal.SIG_DFL if earlier is None else earlier)
