"""The drawing of a graph: stages from top to bottom, tensors on the arrows, costs beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import floor

from markupsafe import Markup

from tfclassify.quality.report.formats import compact, count, percent
from tfclassify.quality.report.pictures.drawing import (
    COLUMN,
    Picture,
    drawing,
    element,
    line,
    path,
    rectangle,
    text,
)
from tfclassify.quality.report.wording import label_text, plural, shortened, visible, width
from tfclassify.servable.stages import Stage, folded

WIDTH, TOP = 1060.0, 34.0
LEFT, BOX = 14.0, 500.0
SPINE = LEFT + 34
PADDING, ROW = 14.0, 17.0
TENSOR_ROW, SHORTEST_ARROW = 15.0, 40.0
NAME_SIZE, WORDS_SIZE, TENSOR_SIZE = 14.5, 12.5, 12.0
MOST_LINES, MOST_TENSOR_LINES = 3, 5
STACKED, STEP = 3, 4.0
SEPARATOR = " · "


@dataclass(frozen=True)
class Cost:
    """A column of bars: its title, the place where bars begin, and what it shows of a stage."""

    title: str
    left: float
    value: Callable[[Stage], int]


COSTS = (
    Cost("Parameters", 560.0, lambda stage: stage.parameters),
    Cost("FLOPs per token", 735.0, lambda stage: stage.flops_per_token),
    Cost("Ops", 910.0, lambda stage: stage.ops),
)
BAR, BAR_HEIGHT = 72.0, 14.0


def graph_picture(stages: Sequence[Stage]) -> Picture:
    """Draws the stages; equal ones in a row are one box with the number of them.

    Args:
        stages: in the order in which texts go through them; at least one.
    """
    boxes = folded(stages)
    most = [max(1, *(cost.value(each) for each in boxes)) for cost in COSTS]
    drawn = [text(cost.left, 16, cost.title, class_="column") for cost in COSTS]
    entry, top = _arrow(TOP - 10, boxes[0].inputs)
    drawn += entry
    for before, stage in zip((None, *boxes), boxes, strict=False):
        words = _words(stage, before)
        height = 2 * PADDING + ROW * (len(words) + 1) - 5
        drawn += _box(stage, words, top, height)
        drawn += _bars(stage, top + height / 2, most, stages)
        bottom = top + height + _stack(stage)
        leaving, top = _arrow(bottom, stage.outputs)
        drawn += leaving
    description = "From top to bottom: " + ", then ".join(label_text(stage.name) for stage in boxes) + "."
    caption = "Bars: each stage beside the largest of its column. On the arrows: the tensors that go on."
    return Picture(
        "The graph", drawing(WIDTH, top + 4, drawn, description=description), round(WIDTH), caption, full=True
    )


def _words(stage: Stage, before: Stage | None) -> list[str]:
    """Returns the lines of a box below its name: what it does, and what it takes that is not the last arrow's."""
    letters = floor((BOX - 2 * PADDING) / (COLUMN * 0.94 * WORDS_SIZE))
    lines = _wrapped(visible(stage.text), letters)
    others = [each for each in stage.inputs if before is not None and each not in before.outputs]
    return [*lines, *([shortened(f"also takes {SEPARATOR.join(others)}", letters)] if others else [])]


def _wrapped(words: str, letters: int) -> list[str]:
    """Returns words in lines of at most so many columns; East Asian letters take two, which textwrap does not know."""
    lines: list[str] = []
    for word in words.split():
        if lines and width(lines[-1]) + 1 + width(word) <= letters:
            lines[-1] += f" {word}"
        elif len(lines) == MOST_LINES:
            return [*lines[:-1], f"{shortened(lines[-1], letters - 2)} …"]
        else:
            lines.append(shortened(word, letters))
    return lines


def _box(stage: Stage, words: Sequence[str], top: float, height: float) -> Iterator[Markup]:
    class_ = "stage weighty" if stage.parameters else "stage"
    for place in range(round(_stack(stage) / STEP), 0, -1):
        yield rectangle(LEFT + STEP * place, top + STEP * place, BOX, height, f"{class_} behind", rx=8)
    yield rectangle(LEFT, top, BOX, height, class_, hint=_hint(stage), rx=8)
    yield rectangle(LEFT, top + 8, 4, height - 16, "accent weighty" if stage.parameters else "accent", rx=2)
    times = f"{stage.times} ×" if stage.times > 1 else ""
    letters = floor((BOX - 3 * PADDING - 40) / (COLUMN * NAME_SIZE))
    base = top + PADDING + 11
    yield text(LEFT + PADDING + 4, base, shortened(stage.name, letters), class_="stage-name")
    if times:
        yield text(LEFT + BOX - PADDING, base, times, class_="stage-name", anchor="end")
    for number, words_of_line in enumerate(words, start=1):
        yield text(LEFT + PADDING + 4, base + ROW * number + 1, words_of_line, class_="stage-text")


def _stack(stage: Stage) -> float:
    """Returns how far the boxes behind the front one stand out."""
    return STEP * min(STACKED, stage.times - 1)


def _arrow(top: float, tensors: Sequence[str]) -> tuple[list[Markup], float]:
    """Draws an arrow that is as long as the tensors beside it need; returns it and where it ends."""
    lines = _tensor_lines(tensors)
    end = top + max(SHORTEST_ARROW, 22 + TENSOR_ROW * len(lines))
    first = (top + end) / 2 + 3 - TENSOR_ROW * (len(lines) - 1) / 2
    return [
        line(SPINE, top + 3, SPINE, end - 9, "flow"),
        element("path", d=path([(SPINE - 5, end - 10), (SPINE + 5, end - 10), (SPINE, end - 2)]) + "Z", class_="head"),
        *(text(SPINE + 16, first + TENSOR_ROW * row, words, class_="tensor") for row, words in enumerate(lines)),
    ], end


def _tensor_lines(tensors: Sequence[str]) -> list[str]:
    """Returns the tensors in lines that are as wide as a box; what does not fit is counted."""
    letters = floor((BOX - 60) / (COLUMN * TENSOR_SIZE * 1.06))
    lines: list[str] = []
    for place, tensor in enumerate(tensors):
        words = shortened(tensor, letters)
        if lines and len(lines[-1]) + len(SEPARATOR) + len(words) <= letters:
            lines[-1] += SEPARATOR + words
        elif len(lines) == MOST_TENSOR_LINES:
            return [*lines[:-1], f"{shortened(lines[-1], letters - 14)}{SEPARATOR}{len(tensors) - place} more"]
        else:
            lines.append(words)
    return lines


def _bars(stage: Stage, middle: float, most: Sequence[int], stages: Sequence[Stage]) -> Iterator[Markup]:
    yield line(LEFT + BOX + 14, middle, COSTS[0].left - 8, middle, "lead")
    for cost, largest in zip(COSTS, most, strict=True):
        value = cost.value(stage)
        all_of_it = sum(map(cost.value, stages))
        length = BAR * value / largest
        if value:
            share = f"{count(value)}, {percent(value / all_of_it)} of all"
            yield rectangle(
                cost.left, middle - BAR_HEIGHT / 2, max(length, 1.5), BAR_HEIGHT, "bar right", hint=share, rx=2
            )
        words = compact(value) if value else "none"
        place = cost.left + (max(length, 1.5) + 7 if value else 0)
        yield text(place, middle + 4.5, words, class_="number cost" if value else "tick")
        if stage.times > 1 and value and value % stage.times == 0:
            each = f"{stage.times} × {compact(value // stage.times)}"
            yield text(cost.left, middle + 22, each, class_="tick")


def _hint(stage: Stage) -> str:
    return f"{label_text(stage.name)}: {plural(stage.ops, 'op')}, {plural(stage.parameters, 'parameter')}"
