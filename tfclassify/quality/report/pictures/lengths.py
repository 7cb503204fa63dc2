"""The lengths of the training texts with the batch shapes drawn in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from markupsafe import Markup

from tfclassify.planning.statistics import rows_over
from tfclassify.quality.report.formats import compact
from tfclassify.quality.report.pictures.drawing import (
    Frame,
    Picture,
    axes,
    drawing,
    line,
    rectangle,
    text,
    whole_ticks,
)
from tfclassify.quality.report.wording import plural

WIDTH, PLOT_HEIGHT = 400.0, 190.0
LEFT, RIGHT, TOP = 44.0, 14.0, 46.0
MAX_BARS = 96


@dataclass(frozen=True)
class Bar:
    """Rows with a length from low to high, both included."""

    low: int
    high: int
    rows: int


def length_histogram(lengths: Sequence[int], buckets: Sequence[tuple[int, int]]) -> Picture:
    """Draws rows per length, and each bucket as a band that ends at its length.

    Args:
        lengths: ``lengths[n]`` rows have n tokens; at least one row in all.
        buckets: [rows, length], by rising length. Texts longer than the last are counted, not drawn.
    """
    end = buckets[-1][1] if buckets else len(lengths) - 1
    bars = bars_of(lengths[: end + 1])
    most = max((bar.rows for bar in bars), default=0)
    frame = Frame(LEFT, TOP, WIDTH - LEFT - RIGHT, PLOT_HEIGHT, (0.0, end + 1.0), (0.0, max(most, 1) * 1.04))
    drawn = [*_bands(frame, buckets), *_axes(frame), *_bars(frame, bars), *_edges(frame, buckets)]
    beyond = rows_over(lengths, end)
    rows = sum(lengths)
    title = "Lengths and batch shapes" if buckets else "Lengths"
    description = f"Lengths of {plural(rows, 'training text')} in tokens; {_shapes(buckets)}"
    svg = drawing(WIDTH, frame.bottom + 40, drawn, description=description)
    return Picture(title, svg, round(WIDTH), _caption(bars, beyond, end, bool(buckets)))


def bars_of(lengths: Sequence[int]) -> list[Bar]:
    """Returns bars of equal width, at most 96 of them."""
    step = max(1, ceil(len(lengths) / MAX_BARS))
    starts = range(0, len(lengths), step)
    return [Bar(low, min(low + step, len(lengths)) - 1, sum(lengths[low : low + step])) for low in starts]


def _axes(frame: Frame) -> list[Markup]:
    x_ticks = [(value, f"{value:,.0f}") for value in whole_ticks(0, frame.x_range[1], 7)]
    y_ticks = [(value, compact(int(value))) for value in whole_ticks(0, frame.y_range[1], 4)]
    return [
        *axes(frame, x_ticks=x_ticks, y_ticks=y_ticks),
        text(frame.right, frame.bottom + 34, "tokens", anchor="end"),
        text(8, 14, "texts", class_="note"),
    ]


def _bars(frame: Frame, bars: Sequence[Bar]) -> list[Markup]:
    drawn = []
    for bar in bars:
        if bar.rows:
            left, right = frame.x(bar.low), frame.x(bar.high + 1)
            gap = 0.5 if right - left < 6 else 1.0
            named = f"{bar.low}" if bar.low == bar.high else f"{bar.low} to {bar.high}"
            top = frame.y(bar.rows)
            hint = f"{named} tokens: {plural(bar.rows, 'text')}"
            drawn.append(rectangle(left + gap / 2, top, right - left - gap, frame.bottom - top, "bar right", hint=hint))
    return drawn


def _bands(frame: Frame, buckets: Sequence[tuple[int, int]]) -> list[Markup]:
    drawn, start = [], 0
    for number, (rows, length) in enumerate(buckets):
        left, right = frame.x(start), frame.x(length + 1)
        class_ = "band" if number % 2 else "band other"
        hint = f"batches of {rows} texts of {length} tokens"
        drawn.append(rectangle(left, frame.top, right - left, frame.height, class_, hint=hint))
        start = length + 1
    return drawn


def _edges(frame: Frame, buckets: Sequence[tuple[int, int]]) -> list[Markup]:
    """Draws where buckets end, with their shapes in two rows, so that near ones do not cover each other."""
    drawn: list[Markup] = []
    free = [0.0, 0.0]
    for rows, length in buckets:
        place, words = frame.x(length + 1), f"{rows} × {length}"
        drawn.append(line(place, frame.top - 6, place, frame.bottom, "edge"))
        needed = 7.0 * len(words)
        row = next((row for row in (1, 0) if place - needed >= free[row]), None)
        if row is not None:
            drawn.append(text(place, frame.top - 10 - 15 * (1 - row), words, class_="note", anchor="end"))
            free[row] = place + 4
    return drawn


def _shapes(buckets: Sequence[tuple[int, int]]) -> str:
    named = ", ".join(f"{rows} texts of {length} tokens" for rows, length in buckets)
    return f"batch shapes: {named}." if buckets else "no batch shapes."


def _caption(bars: Sequence[Bar], beyond: int, end: int, has_buckets: bool) -> str:
    step = bars[0].high - bars[0].low + 1 if bars else 1
    said = "" if step == 1 else f"Each bar spans {step} lengths. "
    said += "Labels above: texts × tokens of a batch; each text goes to the first shape it fits." if has_buckets else ""
    return f"{said} {plural(beyond, 'text')} longer than {end} tokens.".strip() if beyond else said.strip()
