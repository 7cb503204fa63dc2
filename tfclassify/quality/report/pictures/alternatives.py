"""What else could have been planned: the time of the training and of an answer, side by side, each on a log scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, floor, log10

from markupsafe import Markup

from tfclassify.planning.alternatives import Alternative, duration, milliseconds
from tfclassify.quality.report.pictures.drawing import (
    Frame,
    Picture,
    axes,
    drawing,
    element,
    legend,
    line,
    text,
)

ROW, NAME_WIDTH, PANEL, GAP, RIGHT = 20.0, 250.0, 250.0, 30.0, 30.0
WIDTH = NAME_WIDTH + 2 * PANEL + GAP + RIGHT
CHOSEN, OTHER = "dot s0", "dot s2"

Value = Callable[[Alternative], float]
Words = Callable[[float], str]


def alternatives_picture(found: Sequence[Alternative]) -> Picture:
    """Draws a row per alternative, with a dot for its training time and one for the time of a single answer."""
    entries = [(CHOSEN, "planned"), (OTHER, "could be planned as well")]
    drawn, top = legend(entries, left=NAME_WIDTH, top=0.0, right=WIDTH, mark=_mark)
    top += 24
    height = ROW * len(found)
    for place, (title, value, words) in enumerate(PANELS):
        left = NAME_WIDTH + place * (PANEL + GAP)
        frame = Frame(left, top, PANEL, height, _decades([value(each) for each in found]), (0, 1))
        drawn.append(text(left, top - 8, title, class_="legend"))
        drawn += _panel(frame, found, value, words)
    for place, each in enumerate(found):
        drawn.append(
            text(NAME_WIDTH - 10, top + ROW * place + 14, _name(each), class_="name", anchor="end", font_size=12)
        )
    chosen = next((each for each in found if each.chosen), None)
    said = "" if chosen is None else f" Planned: {_name(chosen)}, {_described(chosen)}."
    svg = drawing(WIDTH, top + height + 26, drawn, description=f"Predicted costs of {len(found)} alternatives.{said}")
    caption = "Predicted on this machine. Both scales are logarithmic: a step to the right is ten times as much."
    return Picture("Alternatives", svg, round(WIDTH), caption, full=True)


def _panel(frame: Frame, found: Sequence[Alternative], value: Value, words: Words) -> list[Markup]:
    low, high = frame.x_range
    powers = range(round(low), round(high) + 1)
    drawn = [line(frame.x(power), frame.top, frame.x(power), frame.bottom, "grid") for power in powers]
    drawn += axes(frame, x_ticks=[(float(power), words(10.0**power)) for power in powers], y_ticks=[])
    for place, each in enumerate(found):
        hint = element("title", f"{_name(each)}: {_described(each)}")
        x, y = frame.x(log10(max(value(each), 1e-9))), frame.top + ROW * (place + 0.5)
        radius, class_ = (6.0, CHOSEN) if each.chosen else (4.0, OTHER)
        drawn.append(element("circle", hint, cx=x, cy=y, r=radius, class_=class_))
    return drawn


def _decades(values: Sequence[float]) -> tuple[float, float]:
    """Returns the powers of ten around all values."""
    low, high = log10(max(min(values), 1e-9)), log10(max(max(values), 1e-9))
    return float(floor(low)), float(max(ceil(high), floor(low) + 1))


def _name(each: Alternative) -> str:
    return f"{each.model}, {each.max_length} tokens, {each.batch_size} rows"


def _described(each: Alternative) -> str:
    memory = f"{each.memory_bytes / 1e9:.2f} GB"
    return f"training {duration(each.training_seconds)}, {memory}, a text {milliseconds(each.answer_seconds)}"


def _mark(x: float, y: float, class_: str) -> Markup:
    return element("circle", cx=x + 5.5, cy=y - 3.5, r=4.5, class_=class_)


PANELS: tuple[tuple[str, Value, Words], ...] = (
    ("training", lambda each: each.training_seconds, duration),
    ("one text", lambda each: each.answer_seconds, milliseconds),
)
