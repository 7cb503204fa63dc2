"""Counts of the routes by which a version answers, taken from its answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace

from tfclassify.serving.loaded import Tensors
from tfclassify.serving.served import Outputs, Served

# The output of a classifier that says which way a text took.
ROUTE = "route"

Tell = Callable[[Mapping[bytes, int]], None]


def counted(served: Served, tell: Tell) -> Served:
    """Returns a version whose answers are counted as they come.

    Args:
        served: the version.
        tell: gets of each request the number of texts by route, from the thread that answers it.
    """

    def submit(signature: str, inputs: Tensors, deadline: float | None) -> Future[Outputs]:
        future = served.submit(signature, inputs, deadline)
        future.add_done_callback(lambda done: _count(done, tell))
        return future

    return replace(served, submit=submit)


def _count(done: Future[Outputs], tell: Tell) -> None:
    if done.cancelled() or done.exception() is not None:
        return
    routes = done.result().get(ROUTE)
    # Any model can be served, and call an output of its own so.
    if routes is not None and routes.ndim == 1 and routes.dtype == object:
        tell(Counter(routes.tolist()))
