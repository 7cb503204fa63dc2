"""Trackers: who else gets the figures of a run while it is trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec

import tensorflow as tf

from tfclassify.display import Display
from tfclassify.errors import UsageError
from tfclassify.learning.tracking import tensorboard, weights_and_biases
from tfclassify.learning.tracking.background import Background
from tfclassify.learning.tracking.tracker import Begin, Ending
from tfclassify.learning.tracking.watching import Watching
from tfclassify.planning.planner import Plan
from tfclassify.runs import Run


class Tracking:
    """The trackers of one training: ``callbacks`` are for its fit, ``ending`` is what they get when it is over."""

    def __init__(self, trackers: Sequence[Background], display: Display) -> None:
        """Watches for these trackers; without any there is no callback, and nothing costs anything."""
        self._watching = Watching(trackers, display)
        self.callbacks = [self._watching] if trackers else []
        # What is true of a training that nobody could say more of.
        self.ending = Ending("failed")

    def end(self) -> None:
        """Hands the ending over, and waits for a while until it is written."""
        for tracker in self._watching.trackers:
            tracker.end(self._watching.steps, self.ending)
        self._watching.tell()


def check(names: Sequence[str]) -> None:
    """Looks for the packages of trackers.

    Raises:
        UsageError: one is not installed.
    """
    for name in names:
        if find_spec(name) is None:
            raise UsageError(f"track={name} needs the package {name}; type: pip install {name}")


@contextmanager
def tracked(plan: Plan, run: Run, *, display: Display) -> Iterator[Tracking]:
    """Tracks what is done within: begins the plan's trackers, and ends them whatever happens.

    Of several machines that train together only the first tracks.

    Args:
        plan: says which.
        run: where what they write lies.
        display: gets what they have to say.
    """
    names = plan.settings.track if plan.settings.train.strategy != "multi_worker" or _is_first() else ()
    begun = [Background(name, partial(TRACKERS[name], plan, run)) for name in names]
    tracking = Tracking(begun, display)
    try:
        yield tracking
    except KeyboardInterrupt:
        tracking.ending = Ending("stopped")
        raise
    finally:
        tracking.end()


def _is_first() -> bool:
    """Says whether this is the first of the machines that ``TF_CONFIG`` names: they all have the same to tell."""
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    jobs = resolver.cluster_spec().jobs
    return resolver.task_type == "chief" if "chief" in jobs else not resolver.task_id


TRACKERS: dict[str, Begin] = {
    "tensorboard": tensorboard.begin,
    "wandb": weights_and_biases.begin,
}
