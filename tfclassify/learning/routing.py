"""The routes of rows in a run, in NumPy: rules first, then the in-graph baseline, then the network for what is left.

It is what ``servable/graph.py`` builds of passes, for rows that lie in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfclassify.learning.views import Places, Views
from tfclassify.model.cascades import BASELINE, InGraphBaseline, as_answered, is_sure
from tfclassify.model.exits import Scale
from tfclassify.model.ngrams import NgramModel, ngram_logits
from tfclassify.model.rules import PREFIX, Logits, certain, first_matching
from tfclassify.settings import Rule

CHUNK_ROWS = 2048


@dataclass(frozen=True)
class Routes:
    """What N rows are answered by: ``logits`` float32[N, C] on one scale, and the ``route`` of each, N strings."""

    logits: NDArray[np.float32]
    route: NDArray[np.str_]


@dataclass(frozen=True)
class Signposts:
    """What sends a text on its way: rules, with C logits for what each says, and the in-graph baseline if there is one.

    ``scale`` is how logits are read in the end.
    """

    rules: Sequence[Rule]
    certain: Sequence[Logits]
    baseline: InGraphBaseline | None
    scale: Scale
    classes: int


def signposts(
    rules: Sequence[Rule], labels: Sequence[str], baseline: InGraphBaseline | None, scale: Scale
) -> Signposts:
    """Returns what comes before a network that gives these labels."""
    said = [
        certain(
            labels.index(rule.label),
            len(labels),
            multilabel=scale.multilabel,
            temperature=scale.temperature,
            scope_threshold=scale.scope_threshold,
        )
        for rule in rules
    ]
    return Signposts(rules, said, baseline, scale, len(labels))


def route_rows(
    posts: Signposts, views: Views, network: Callable[[Places, NDArray[np.float64] | None], Routes]
) -> Routes:
    """Answers rows, each by the first that can.

    Args:
        posts: what comes before the network.
        views: the rows.
        network: answers the rows at some places, of which it hears what the baseline says, where there is one.
    """
    logits = np.zeros((views.rows, posts.classes), np.float32)
    route = np.full(views.rows, "", object)
    left = np.arange(views.rows)
    if posts.rules:
        found = _by_rule(posts, views)
        left = np.flatnonzero(found == len(posts.rules))
        for number, rule in enumerate(posts.rules):
            route[found == number] = PREFIX + rule.name
            logits[found == number] = posts.certain[number]
    said = None if posts.baseline is None else baseline_logits(posts.baseline.model, views)
    if posts.baseline is not None and said is not None:
        sure = is_sure(posts.baseline, said[left])
        settled, left = left[sure], left[~sure]
        logits[settled], route[settled] = as_answered(posts.baseline, said[settled], posts.scale), BASELINE
    rest = network(left, None if said is None else said[left])
    logits[left], route[left] = rest.logits, rest.route
    return Routes(logits, route.astype(np.str_))


def _by_rule(posts: Signposts, views: Views) -> NDArray[np.int32]:
    parts = [first_matching(posts.rules, views.texts(part)).numpy() for part in _parts(views.rows)]
    return np.concatenate([np.zeros(0, np.int32), *parts])


def baseline_logits(model: NgramModel, views: Views) -> NDArray[np.float64]:
    """Returns float64[N, C]: the undivided logits of the baseline, of some rows at a time."""
    parts = [ngram_logits(model, views.pieces(part), rows=len(part)) for part in _parts(views.rows)]
    return np.concatenate([np.zeros((0, len(model.bias))), *parts])


def _parts(rows: int) -> list[Places]:
    return [np.arange(start, min(start + CHUNK_ROWS, rows)) for start in range(0, rows, CHUNK_ROWS)]
