"""A tracker on a thread of its own: no step waits for it, and no failure of its ends a training."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread

from tfclassify.learning.tracking.tracker import Ending, Figures, Say, Tracker

MOST_WAITING = 10_000
# Whoever stops has a machine that may soon be gone.
PATIENCE_SECONDS = {"finished": 60.0, "stopped": 10.0, "failed": 10.0}

Call = Callable[[Tracker], None]


class Background:
    """Hands what it is given to a tracker, in order, on a thread of its own.

    Of the steps that a tracker is too slow for at most ``MOST_WAITING`` wait, further ones are dropped and counted;
    epochs and the end always wait. What goes wrong in the tracker is counted, and the first of it is told.
    """

    def __init__(self, name: str, begin: Callable[[Say], Tracker], *, most_waiting: int = MOST_WAITING) -> None:
        """Begins at once, on that thread; nothing is waited for."""
        self.name, self.most_waiting = name, most_waiting
        self.dropped = self.failed = 0
        self._given_up = False
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        self._news: SimpleQueue[str] = SimpleQueue()
        # A daemon: whatever it is stuck in must not keep the process from ending.
        self._thread = Thread(target=self._work, args=(begin,), name=f"track={name}", daemon=True)
        self._thread.start()

    def step(self, steps: int, figures: Figures) -> None:
        """Hands over the figures of a training step, or drops them."""
        if self._given_up or self._calls.qsize() >= self.most_waiting:
            self.dropped += 1
            return
        self._calls.put(lambda tracker: tracker.step(steps, figures))

    def epoch(self, steps: int, figures: Figures) -> None:
        """Hands over the figures of an epoch."""
        self._calls.put(lambda tracker: tracker.epoch(steps, figures))

    def end(self, steps: int, ending: Ending, *, patience_seconds: float | None = None) -> None:
        """Hands over the end and waits until all is written, or for so long; by default as the ending allows."""
        patience_seconds = PATIENCE_SECONDS[ending.state] if patience_seconds is None else patience_seconds
        self._calls.put(lambda tracker: tracker.end(steps, ending))
        self._calls.put(None)
        self._thread.join(patience_seconds)
        if self._thread.is_alive():
            self._say(f"is still busy after {patience_seconds:.0f} seconds; what it has not written is not waited for")
        if (self.failed or self.dropped) and not self._given_up:
            self._say(f"{self.failed} of what it was given failed, and {self.dropped} steps were too fast for it")

    def news(self) -> list[str]:
        """Returns the lines that the user should see and has not seen yet."""
        return [self._news.get() for _ in range(self._news.qsize())]

    def _work(self, begin: Callable[[Say], Tracker]) -> None:
        try:
            tracker = begin(self._say)
        except Exception as error:
            # Whatever a tracker's package raises is no reason to lose a training.
            self._given_up = True
            self._say(f"could not begin, and gets nothing of this run: {_told(error)}")
            return
        while (call := self._calls.get()) is not None:
            self._try(call, tracker)

    def _try(self, call: Call, tracker: Tracker) -> None:
        try:
            call(tracker)
        except Exception as error:
            self.failed += 1
            if self.failed == 1:
                self._say(f"failed, and the training goes on: {_told(error)}")

    def _say(self, line: str) -> None:
        self._news.put(f"track={self.name} {line}")


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
