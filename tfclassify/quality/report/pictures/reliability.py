"""The reliability diagram: the share that is right against the score, and how many decisions stand behind it."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from tfclassify.quality.calibration import Bin
from tfclassify.quality.intervals import wilson
from tfclassify.quality.report.formats import compact, decimals, percent
from tfclassify.quality.report.pictures.drawing import (
    Frame,
    Picture,
    axes,
    drawing,
    element,
    legend,
    line,
    rectangle,
    square,
    text,
    ticks,
    whole_ticks,
)
from tfclassify.quality.report.wording import plural

WIDTH = 400.0
LEFT, RIGHT = 44.0, 14.0
SHARE_HEIGHT, COUNT_HEIGHT = 240.0, 84.0
UNIT = (0.0, 1.0)


def reliability_diagram(bins: Sequence[Bin], decisions: str) -> Picture:
    """Draws the bins of ``calibration.reliability``.

    Args:
        bins: of equal width, from 0 to 1.
        decisions: what is counted: ``row``, or ``label decision`` when multi-label.
    """
    filled = [each for each in bins if each.rows]
    entries = [("bar right", "right"), ("bar wrong", "wrong"), ("dot s0", "share right, 95% interval")]
    named, top = legend(entries, left=LEFT, top=0, right=WIDTH, mark=_mark)
    shares = Frame(LEFT, top + 8, WIDTH - LEFT - RIGHT, SHARE_HEIGHT, UNIT, UNIT)
    most = max((each.rows for each in bins), default=0)
    counts = Frame(LEFT, shares.bottom + 34, shares.width, COUNT_HEIGHT, UNIT, (0.0, float(max(most, 1))))
    drawn = [*named, *_share_axes(shares), *_count_axes(counts, decisions)]
    for each in filled:
        drawn += [*_count_bar(counts, each), *_gap(shares, each)]
    svg = drawing(WIDTH, counts.bottom + 40, drawn, description=_words(filled, decisions))
    caption = "Points above the diagonal: scores are too low; below: too high. Wide intervals: few rows behind them."
    return Picture("Reliability", svg, round(WIDTH), caption)


def _share_axes(frame: Frame) -> list[Markup]:
    places = ticks(0, 1)
    return [
        *axes(frame, x_ticks=[], y_ticks=[(value, f"{value:.0%}") for value in places]),
        line(frame.x(0), frame.y(0), frame.x(1), frame.y(1), "diagonal"),
    ]


def _count_axes(frame: Frame, decisions: str) -> list[Markup]:
    y_ticks = [(value, compact(int(value))) for value in whole_ticks(0, frame.y_range[1], 3)]
    return [
        *axes(frame, x_ticks=[(value, f"{value:.1f}") for value in ticks(0, 1)], y_ticks=y_ticks),
        text(frame.left + 8, frame.top - 8, f"{decisions}s", class_="note"),
        text(frame.right, frame.bottom + 34, "score", anchor="end"),
    ]


def _gap(frame: Frame, each: Bin) -> list[Markup]:
    confidence, accuracy = each.confidence or 0.0, each.accuracy or 0.0
    low, high = wilson(round(accuracy * each.rows), each.rows)
    x = frame.x(confidence)
    hint = (
        f"score {each.low:.2f} to {each.high:.2f}: {each.rows:,}, "
        f"mean score {decimals(confidence)}, {percent(accuracy)} right"
    )
    return [
        line(x, frame.y(low), x, frame.y(high), "whisker"),
        element("circle", element("title", hint), cx=x, cy=frame.y(accuracy), r=4.5, class_="dot s0"),
    ]


def _count_bar(frame: Frame, each: Bin) -> list[Markup]:
    right = (each.accuracy or 0.0) * each.rows
    left, width = frame.x(each.low) + 1, frame.x(each.high) - frame.x(each.low) - 2
    hint = f"score {each.low:.2f} to {each.high:.2f}: {each.rows:,}, {each.rows - round(right):,} of them wrong"
    split, top = frame.y(right), frame.y(each.rows)
    return [
        rectangle(left, split, width, frame.bottom - split, "bar right", hint=hint),
        rectangle(left, top, width, split - top, "bar wrong", hint=hint),
    ]


def _mark(x: float, y: float, class_: str) -> Markup:
    if "dot" not in class_:
        return square(x, y, class_)
    return element("circle", cx=x + 6, cy=y - 4, r=4.5, class_=class_)


def _words(filled: Sequence[Bin], decisions: str) -> str:
    rows = sum(each.rows for each in filled)
    found = "; ".join(
        f"scores {each.low:.2f} to {each.high:.2f}: {plural(each.rows, decisions)}, {percent(each.accuracy)} right"
        for each in filled
    )
    return f"Reliability diagram of {plural(rows, decisions)}. {found}".strip()
