"""Scope scores of texts in scope and out of scope, back to back."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from tfclassify.quality.report.formats import percent
from tfclassify.quality.report.pictures.drawing import (
    Frame,
    Picture,
    axes,
    drawing,
    legend,
    line,
    padded,
    rectangle,
    text,
    tick_words,
    ticks,
)
from tfclassify.quality.report.wording import plural

WIDTH, PLOT_HEIGHT = 400.0, 230.0
LEFT, RIGHT = 44.0, 14.0
BINS = 40
LET_IN = 0.95


def scope_histogram(scores: NDArray[np.float32], inside: NDArray[np.bool_]) -> Picture:
    """Draws both histograms as shares of their own rows, and the threshold that lets in 95 % of texts in scope.

    Args:
        scores: float32[B], higher is more in scope, at least one of each kind finite.
        inside: bool[B].
    """
    known = np.isfinite(scores)
    scored, inside = scores[known].astype(np.float64), inside[known]
    edges = np.linspace(*padded([float(scored.min()), float(scored.max())], 0.01), BINS + 1)
    upper, lower = (_shares(scored[kind], edges) for kind in (inside, ~inside))
    named, top = legend([("bar right", "in scope"), ("bar wrong", "out of scope")], left=LEFT, top=0, right=WIDTH)
    high, low = max(upper.max(), 0.01) * 1.08, max(lower.max(), 0.01) * 1.08
    frame = Frame(LEFT, top + 26, WIDTH - LEFT - RIGHT, PLOT_HEIGHT, (edges[0], edges[-1]), (-low, high))
    threshold = let_in_threshold(scored[inside])
    drawn = [*named, *_axes(frame), *_bars(frame, edges, upper, "right"), *_bars(frame, edges, -lower, "wrong")]
    drawn += [line(frame.left, frame.y(0), frame.right, frame.y(0), "axis"), *_threshold(frame, threshold)]
    passing = float((scored[~inside] >= threshold).mean())
    description = (
        f"Scope scores of {plural(int(inside.sum()), 'text')} in scope and {int((~inside).sum()):,} out of scope; "
        f"the threshold that lets in 95% of the first lets in {percent(passing)} of the second."
    )
    svg = drawing(WIDTH, frame.bottom + 40, drawn, description=description)
    caption = "Upwards: share of the texts in scope. Downwards: share of those out of scope. Apart is good."
    return Picture("Scope scores", svg, round(WIDTH), caption)


def let_in_threshold(scores: NDArray[np.float64]) -> float:
    """Returns the greatest threshold that at least 95 % of these scores reach.

    Args:
        scores: float64[B], of texts in scope, at least one.
    """
    falling = np.sort(scores)[::-1]
    return float(falling[int(np.ceil(LET_IN * len(falling) - 1e-9)) - 1])


def _shares(scores: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.histogram(scores, edges)[0] / max(1, len(scores))


def _axes(frame: Frame) -> list[Markup]:
    x_ticks = tick_words(ticks(*frame.x_range))
    shares = [(value / 100, f"{words.removeprefix('-')}%") for value, words in tick_words(_percent_ticks(frame))]
    return [
        *axes(frame, x_ticks=x_ticks, y_ticks=shares),
        text(frame.right, frame.bottom + 34, "scope score", anchor="end"),
    ]


def _percent_ticks(frame: Frame) -> list[float]:
    low, high = frame.y_range
    return ticks(100 * low, 100 * high)


def _bars(frame: Frame, edges: NDArray[np.float64], shares: NDArray[np.float64], kind: str) -> list[Markup]:
    drawn = []
    for low, high, share in zip(edges[:-1], edges[1:], shares, strict=True):
        if share:
            left, width = frame.x(low), frame.x(high) - frame.x(low)
            top, bottom = sorted((frame.y(0), frame.y(share)))
            hint = f"{low:.4g} to {high:.4g}: {percent(abs(float(share)))}"
            drawn.append(rectangle(left + 0.5, top, width - 1, bottom - top, f"bar {kind}", hint=hint))
    return drawn


def _threshold(frame: Frame, value: float) -> list[Markup]:
    place = frame.x(value)
    anchor = "start" if place < frame.left + frame.width / 2 else "end"
    return [
        line(place, frame.top - 6, place, frame.bottom, "best"),
        text(place, frame.top - 10, f"lets in 95% in scope: {value:.4g}", class_="note", anchor=anchor),
    ]
