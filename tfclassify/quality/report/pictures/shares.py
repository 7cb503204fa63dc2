"""Accuracies beside each other, with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from tfclassify.quality.report.formats import percent
from tfclassify.quality.report.pictures.drawing import (
    Frame,
    Picture,
    drawing,
    element,
    line,
    text,
    tick_words,
    ticks,
)
from tfclassify.quality.report.verdict import Share

WIDTH, ROW, TOP = 400.0, 46.0, 8.0
LEFT, RIGHT = 10.0, 18.0


def accuracy_strip(shares: Sequence[Share]) -> Picture:
    """Draws a row per accuracy: its point and its 95 % interval on one scale.

    Args:
        shares: at least one; the first is the classifier's own.
    """
    frame = _frame(shares)
    drawn = [line(frame.left, frame.bottom, frame.right, frame.bottom, "axis")]
    for value, words in tick_words(ticks(*frame.x_range, 4)):
        drawn.append(line(frame.x(value), frame.top, frame.x(value), frame.bottom, "grid"))
        drawn.append(text(frame.x(value), frame.bottom + 16, f"{words}%", anchor="middle"))
    for number, share in enumerate(shares):
        drawn += _row(frame, share, number)
    named = "; ".join(f"{share.name} {percent(share.share)}{_interval(share)}" for share in shares)
    svg = drawing(WIDTH, frame.bottom + 24, drawn, description=f"Accuracy: {named}.")
    return Picture("Accuracy", svg, round(WIDTH), "Accuracy with 95% intervals.")


def _frame(shares: Sequence[Share]) -> Frame:
    edges = [edge for share in shares for edge in (share.share, *(share.interval or ()))]
    low, high = min(edges), max(edges)
    room = max((high - low) * 0.12, 0.005)
    x_range = (100 * max(0.0, low - room), 100 * min(1.0, high + room))
    return Frame(LEFT, TOP, WIDTH - LEFT - RIGHT, ROW * len(shares), x_range, (0, 1))


def _row(frame: Frame, share: Share, number: int) -> list[Markup]:
    y = frame.top + ROW * (number + 0.5) + 8
    class_ = "s0" if number == 0 else "s1" if share.interval else "s2"
    words = text(frame.left, y - 14, f"{share.name}  {percent(share.share)}{_interval(share)}", class_="legend")
    drawn = [words, element("circle", cx=frame.x(100 * share.share), cy=y, r=5.5, class_=f"dot {class_}")]
    if share.interval:
        low, high = (frame.x(100 * edge) for edge in share.interval)
        drawn.insert(0, line(low, y, high, y, f"spread {class_}"))
    return drawn


def _interval(share: Share) -> str:
    if share.interval is None:
        return ""
    low, high = share.interval
    return f" ({percent(low)} to {percent(high)})"
