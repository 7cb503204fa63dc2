"""How sure a text has to be to leave the network early: as little as a bound on lost accuracy allows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfclassify.quality.intervals import highest_difference, paired_difference

# What a layer saved may cost is tried at so many values between nothing and the most that changes anything.
TRIED = 400


@dataclass(frozen=True, eq=False)
class ExitScores:
    """What an exit says of N rows.

    Attributes:
        layer: after which it is, counted from 1.
        confidence: float32[N], of its least sure decision.
        allowed: bool[N], whether it takes the text for one of the classes.
        right: bool[N], whether its answer is true.
    """

    layer: int
    confidence: NDArray[np.float32]
    allowed: NDArray[np.bool_]
    right: NDArray[np.bool_]


@dataclass(frozen=True)
class ExitPlan:
    """How sure texts have to be, and what is to be expected of it by the rows that it was planned on.

    Attributes:
        layers: after which there are exits.
        thresholds: the least confidence at each of them; None where nobody may leave.
        rows: that it was planned on.
        bound: accuracy, at most, that it may cost.
        certainty: with which the bound holds on new rows.
        accuracy_lost: against the whole network on these rows.
        interval: of that, 95 %.
        leaving: share of the rows that leave by each exit.
        layers_run: share of the layers that a text goes through.
    """

    layers: tuple[int, ...]
    thresholds: tuple[float | None, ...]
    rows: int
    bound: float
    certainty: float
    accuracy_lost: float
    interval: tuple[float, float]
    leaving: tuple[float, ...]
    layers_run: float


def plan_exits(
    exits: Sequence[ExitScores], right: NDArray[np.bool_], *, layers: int, bound: float, certainty: float
) -> ExitPlan:
    """Plans how sure a text has to be to leave by each exit.

    A text may leave where what it may lose, 1 - confidence, is no more than the layers it saves are worth: at each
    exit ``1 - price * (layers left)``. The price is raised step by step from 0 on, for as long as the upper limit of
    the accuracy lost, which holds with the certainty asked for, stays within the bound. Because the first price at
    which it does not is where it ends, and no later one is looked at, trying many of them does not weaken the bound
    (fixed sequence testing).

    Args:
        exits: by rising layer, what each says of the same N rows of the classes, on none of which its head was fitted.
        right: bool[N], whether the answer of the whole network is true.
        layers: of the network.
        bound: accuracy, at most, that it may cost.
        certainty: from 0.5 to below 1, that it does not cost more on new rows.

    Source: A. Angelopoulos et al., "Learn then test", arXiv:2110.01052, as used for early exits by T. Schuster et al.,
    "Confident adaptive language modeling", NeurIPS 2022.
    """
    best: Sequence[float | None] = [None] * len(exits)
    for thresholds in _falling(exits, layers):
        answers = _answers(exits, right, thresholds)[1]
        lost, won = (right & ~answers).sum(), (answers & ~right).sum()
        if highest_difference(lost, won, rows=len(right), certainty=certainty) > bound:
            break
        best = thresholds
    return _described(exits, right, best, layers=layers, bound=bound, certainty=certainty)


def _falling(exits: Sequence[ExitScores], layers: int) -> Iterator[list[float | None]]:
    """Gives thresholds that let more and more rows leave, in the end all that are allowed to.

    Each lies halfway between two rows, close to none of them; the last halfway from the last row to where confidence
    would not count any more.
    """
    saved = [layers - each.layer for each in exits]
    prices = [
        (1.0 - each.confidence[each.allowed].astype(np.float64)) / left for each, left in zip(exits, saved, strict=True)
    ]
    worth = np.unique(np.concatenate(prices)) if prices else np.zeros(0)
    # At this price the first exit would let anybody leave.
    if len(worth) and (end := 1.0 / max(saved)) > worth[-1]:
        worth = np.append(worth, end)
    between = (worth[1:] + worth[:-1]) / 2
    for price in between[np.unique(np.linspace(0, len(between) - 1, TRIED).astype(int))] if len(between) else ():
        yield [float(1.0 - price * left) for left in saved]


def _answers(
    exits: Sequence[ExitScores], right: NDArray[np.bool_], thresholds: Sequence[float | None]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Returns by which exit each row leaves, and whether what it leaves with is true."""
    taken = routes(exits, thresholds, rows=len(right))
    return taken, np.stack([*(each.right for each in exits), right])[taken, np.arange(len(right))]


def _described(
    exits: Sequence[ExitScores],
    right: NDArray[np.bool_],
    thresholds: Sequence[float | None],
    *,
    layers: int,
    bound: float,
    certainty: float,
) -> ExitPlan:
    taken, answers = _answers(exits, right, thresholds)
    lost, low, high = paired_difference(right, answers)
    leaving = np.bincount(taken, minlength=len(exits) + 1) / max(1, len(right))
    gone_through = np.array([*(each.layer for each in exits), layers])
    return ExitPlan(
        layers=tuple(each.layer for each in exits),
        thresholds=tuple(thresholds),
        rows=len(right),
        bound=bound,
        certainty=certainty,
        accuracy_lost=lost,
        interval=(low, high),
        leaving=tuple(leaving[:-1].tolist()),
        layers_run=float(leaving @ gone_through / layers) if len(right) else 1.0,
    )


def routes(exits: Sequence[ExitScores], thresholds: Sequence[float | None], *, rows: int) -> NDArray[np.int64]:
    """Returns by which exit each row leaves, int64[N], counted from 0; those that stay have the next number."""
    taken = np.full(rows, len(exits))
    for place in reversed(range(len(exits))):
        threshold = thresholds[place]
        if threshold is not None:
            # As the graph compares them.
            sure = exits[place].confidence >= np.float32(threshold)
            taken = np.where(sure & exits[place].allowed, place, taken)
    return taken
