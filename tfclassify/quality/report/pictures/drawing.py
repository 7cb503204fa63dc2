"""SVG elements, scales and axes. Colours are classes of the page's style sheet, never values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, isfinite, log10

from markupsafe import Markup, escape

from tfclassify.quality.report.wording import width as columns

# A column of text is about so much of its font size wide, in the fonts that systems have.
COLUMN = 0.58
TICKS = 5
Format = Callable[[float], str]


@dataclass(frozen=True)
class Picture:
    """A drawing with what it shows, in words.

    ``full`` pictures take the width of the page and are scrolled sideways on a phone. The width is the drawing's own,
    at which its letters have the size of the page's.
    """

    title: str
    svg: Markup
    width: int
    caption: str
    full: bool = False


@dataclass(frozen=True)
class Frame:
    """The place of a plot in a drawing, and the values at its edges."""

    left: float
    top: float
    width: float
    height: float
    x_range: tuple[float, float]
    y_range: tuple[float, float]

    @property
    def right(self) -> float:
        """The place of the greatest x."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """The place of the least y."""
        return self.top + self.height

    def x(self, value: float) -> float:
        """Returns the place of a value on the x axis."""
        return self.left + self.width * _portion(value, self.x_range)

    def y(self, value: float) -> float:
        """Returns the place of a value on the y axis, which grows upwards."""
        return self.bottom - self.height * _portion(value, self.y_range)


def element(tag: str, *children: object, **attributes: object) -> Markup:
    """Makes an element; strings among children and attributes are escaped.

    A trailing underscore of a name is dropped, others become hyphens; an attribute of None is left out.
    """
    named = ((name.rstrip("_").replace("_", "-"), value) for name, value in attributes.items() if value is not None)
    head = "".join(f' {name}="{escape(_written(value))}"' for name, value in named)
    inner = "".join(str(escape(child)) for child in children)
    return Markup(f"<{tag}{head}>{inner}</{tag}>" if inner else f"<{tag}{head}/>")  # noqa: S704 -- escaped above


def drawing(width: float, height: float, children: Iterable[Markup], *, description: str) -> Markup:
    """Makes a whole drawing that scales with its place and is read out as its description."""
    return element(
        "svg",
        *children,
        viewBox=f"0 0 {_written(width)} {_written(height)}",
        width=width,
        height=height,
        role="img",
        aria_label=description,
    )


def text(x: float, y: float, content: str, *, class_: str = "tick", anchor: str = "start", **more: object) -> Markup:
    """Makes a line of text; the anchor is start, middle or end."""
    return element("text", content, x=x, y=y, class_=class_, text_anchor=None if anchor == "start" else anchor, **more)


def line(x1: float, y1: float, x2: float, y2: float, class_: str, **more: object) -> Markup:
    """Makes a straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_, **more)


def rectangle(
    x: float, y: float, width: float, height: float, class_: str, *, hint: str = "", **more: object
) -> Markup:
    """Makes a rectangle; the hint is shown when a pointer rests on it."""
    children = (element("title", hint),) if hint else ()
    return element("rect", *children, x=x, y=y, width=max(0.0, width), height=max(0.0, height), class_=class_, **more)


def ticks(low: float, high: float, number: int = TICKS) -> list[float]:
    """Returns about so many round values (1, 2, 2.5 or 5 times a power of ten apart) from low to high."""
    if not high > low:
        return [low]
    rough = (high - low) / number
    power = 10.0 ** floor(log10(rough))
    step = power * next(factor for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [round(step * place, 12) for place in range(first, last + 1)]


def whole_ticks(low: float, high: float, number: int = TICKS) -> list[float]:
    """Returns round whole values from low to high."""
    return sorted({float(round(value)) for value in ticks(low, high, number) if value == round(value)}) or [float(low)]


def tick_words(values: Sequence[float]) -> list[tuple[float, str]]:
    """Returns ticks with their words, all with as many decimals as the finest needs."""
    step = min((after - before for before, after in pairwise(values)), default=0.0)
    digits = next((digits for digits in range(9) if abs(step - round(step, digits)) < step * 1e-6), 3)
    return [(value, f"{value:,.{digits}f}") for value in values]


def padded(values: Sequence[float], share: float = 0.08) -> tuple[float, float]:
    """Returns a range that holds the values with some room; never an empty one."""
    low, high = min(values), max(values)
    room = (high - low) * share or abs(high) * share or 1.0
    return low - room, high + room


def axes(frame: Frame, *, x_ticks: Sequence[tuple[float, str]], y_ticks: Sequence[tuple[float, str]]) -> list[Markup]:
    """Draws the base line, a grid line per y tick, and the words of all ticks."""
    drawn = []
    for value, words in y_ticks:
        drawn.append(line(frame.left, frame.y(value), frame.right, frame.y(value), "grid"))
        drawn.append(text(frame.left - 6, frame.y(value) + 4, words, anchor="end"))
    drawn.append(line(frame.left, frame.bottom, frame.right, frame.bottom, "axis"))
    drawn += [text(frame.x(value), frame.bottom + 16, words, anchor="middle") for value, words in x_ticks]
    return drawn


def text_width(content: str, font_size: float = 12) -> float:
    """Returns about how wide a line of text will be."""
    return columns(content) * COLUMN * font_size


def path(points: Iterable[tuple[float, float]]) -> str:
    """Returns the ``d`` of a line through points."""
    return "M" + "L".join(f"{_written(x)} {_written(y)}" for x, y in points)


def square(x: float, y: float, class_: str) -> Markup:
    """Draws the mark of an area before its name in a legend, whose letters stand on y."""
    return rectangle(x, y - 9, 11, 11, class_, rx=2)


def legend(
    entries: Sequence[tuple[str, str]],
    *,
    left: float,
    top: float,
    right: float,
    mark: Callable[[float, float, str], Markup] = square,
) -> tuple[list[Markup], float]:
    """Draws names with the mark of their class, in as many rows as they need.

    Args:
        entries: class of the mark, name.
        left: where rows begin.
        top: where the first row begins.
        right: where rows end.
        mark: draws the mark at x and y.

    Returns:
        The drawing and where it ends.
    """
    drawn, x, y = [], left, top + 10
    for class_, name in entries:
        needed = 34 + text_width(name)
        if x > left and x + needed > right:
            x, y = left, y + 18
        drawn += [mark(x, y, class_), text(x + 18, y, name, class_="legend")]
        x += needed
    return drawn, y + 8


def _portion(value: float, edges: tuple[float, float]) -> float:
    low, high = edges
    return (value - low) / (high - low) if high > low else 0.5


def _written(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.1f}".rstrip("0").rstrip(".") if isfinite(value) else "0"
