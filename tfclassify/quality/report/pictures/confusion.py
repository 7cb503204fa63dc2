"""The confusion matrix, readable at any number of classes: the most confused ones, alike ones side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from tfclassify.quality.report.formats import compact, percent
from tfclassify.quality.report.pictures.drawing import (
    Picture,
    drawing,
    element,
    line,
    rectangle,
    text,
    text_width,
)
from tfclassify.quality.report.wording import label_text, plural, shortened

MAX_CLASSES = 30
# Up to here the labels stay in the order they were given in.
KEPT_ORDER = 12
LABEL_COLUMNS = 26
SLANT = sqrt(0.5)
# Classes up to which a cell has so many units to a side, and its size of type.
CELLS = ((2, 96.0, 14), (6, 64.0, 13), (12, 46.0, 12), (20, 34.0, 11), (MAX_CLASSES + 1, 27.0, 10))
# Cells of this size have room for counts in full, and for shares too.
MIDDLE_CELL, LARGE_CELL = 46.0, 64.0
OTHERS = "others"


@dataclass(frozen=True)
class Shown:
    """The part of a matrix that is drawn: int64[n, n], the last row and column of all other classes if folded."""

    matrix: NDArray[np.int64]
    labels: tuple[str, ...]
    folded: bool


@dataclass(frozen=True)
class Grid:
    """Where cells lie."""

    left: float
    top: float
    cell: float
    font_size: int
    number: int

    @property
    def side(self) -> float:
        """The length of the whole grid."""
        return self.cell * self.number


def confusion_matrix(matrix: NDArray[np.int64], labels: Sequence[str]) -> Picture:
    """Draws rows by true label and by label given.

    Over 30 classes it is the 30 with the most confusions among them, and all others as one more row and column.

    Args:
        matrix: int64[C, C], true label first.
        labels: C names.
    """
    shown = part(matrix, labels)
    grid = _grid(shown)
    drawn = [*_background(grid, shown), *_cells(grid, shown), *_names(grid, shown)]
    width = _right_edge(grid, shown)
    svg = drawing(width, grid.top + grid.side + 10, drawn, description=_words(matrix))
    return Picture("Confusion matrix", svg, round(width), _caption(matrix, shown), full=grid.number > 8)


def part(matrix: NDArray[np.int64], labels: Sequence[str]) -> Shown:
    """Chooses and orders the classes to draw."""
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    chosen = most_confused(wrong, MAX_CLASSES)
    if len(chosen) > KEPT_ORDER:
        chosen = [chosen[place] for place in _alike(wrong[np.ix_(chosen, chosen)])]
    names = tuple(labels[column] for column in chosen)
    inner = matrix[np.ix_(chosen, chosen)]
    if len(chosen) == len(labels):
        return Shown(inner, names, folded=False)
    return Shown(_with_others(matrix, chosen), (*names, OTHERS), folded=True)


def most_confused(wrong: NDArray[np.int64], limit: int) -> list[int]:
    """Returns at most so many classes in rising order: those of the most frequent confusions.

    Args:
        wrong: int64[C, C] with an empty diagonal.
        limit: number of classes.
    """
    if len(wrong) <= limit:
        return list(range(len(wrong)))
    rows, columns = np.nonzero(wrong)
    chosen: dict[int, None] = {}
    for pair in np.argsort(-wrong[rows, columns], kind="stable"):
        new = [each for each in (int(rows[pair]), int(columns[pair])) if each not in chosen]
        if len(chosen) + len(new) <= limit:
            chosen.update(dict.fromkeys(new))
    fill = (each for each in range(len(wrong)) if each not in chosen)
    return sorted([*chosen, *(next(fill) for _ in range(limit - len(chosen)))])


def _alike(wrong: NDArray[np.int64]) -> list[int]:
    """Returns an order in which classes that are confused with each other lie side by side."""
    together = (wrong + wrong.T).astype(float)
    distance = 1.0 / (1.0 + together)
    np.fill_diagonal(distance, 0.0)
    return [int(place) for place in leaves_list(linkage(squareform(distance), "average", optimal_ordering=True))]


def _with_others(matrix: NDArray[np.int64], chosen: Sequence[int]) -> NDArray[np.int64]:
    """Returns int64[n + 1, n + 1]: the chosen rows and columns, and all others added up."""
    group = np.full(len(matrix), len(chosen))
    group[list(chosen)] = np.arange(len(chosen))
    folded = np.zeros((len(chosen) + 1, len(chosen) + 1), np.int64)
    np.add.at(folded, (group[:, None], group[None, :]), matrix)
    return folded


def _grid(shown: Shown) -> Grid:
    number = len(shown.labels)
    cell, font_size = next((cell, font) for most, cell, font in CELLS if number <= most)
    room = max((_name_width(label, font_size) for label in shown.labels), default=0.0)
    return Grid(room + 30, room * SLANT + 46, cell, font_size, number)


def _background(grid: Grid, shown: Shown) -> list[Markup]:
    drawn = [rectangle(grid.left, grid.top, grid.side, grid.side, "plate", rx=3)]
    for place in range(1, grid.number):
        offset = place * grid.cell
        # The line before "others" is heavier: what is beyond it is a sum.
        class_ = "divide" if shown.folded and place == grid.number - 1 else "grid"
        drawn.append(line(grid.left, grid.top + offset, grid.left + grid.side, grid.top + offset, class_))
        drawn.append(line(grid.left + offset, grid.top, grid.left + offset, grid.top + grid.side, class_))
    return drawn


def _cells(grid: Grid, shown: Shown) -> list[Markup]:
    totals = shown.matrix.sum(axis=1)
    drawn = []
    for row, column in zip(*(places.tolist() for places in np.nonzero(shown.matrix)), strict=True):
        rows, share = int(shown.matrix[row, column]), float(shown.matrix[row, column] / totals[row])
        truth, given = label_text(shown.labels[row]), label_text(shown.labels[column])
        hint = element("title", f"{truth} → {given}: {plural(rows, 'row')}, {percent(share)} of {truth}")
        box = _box(grid, row, column, share, mixed=shown.folded and row == column == grid.number - 1)
        drawn.append(element("g", hint, box, *_cell_words(grid, row, column, rows, share)))
    return drawn


def _box(grid: Grid, row: int, column: int, share: float, *, mixed: bool) -> Markup:
    kind = "mixed" if mixed else "right" if row == column else "wrong"
    # Errors are few: their root is drawn, or they could not be seen.
    strength = f"{0.1 + 0.5 * (share if row == column else sqrt(share)):.2f}"
    x, y, side = grid.left + column * grid.cell + 1, grid.top + row * grid.cell + 1, grid.cell - 2
    return rectangle(x, y, side, side, f"cell {kind}", rx=2, fill_opacity=strength)


def _cell_words(grid: Grid, row: int, column: int, rows: int, share: float) -> list[Markup]:
    middle = grid.left + (column + 0.5) * grid.cell
    base = grid.top + (row + 0.5) * grid.cell + grid.font_size * 0.36
    style = {"class_": "number", "anchor": "middle"}
    written = f"{rows:,}" if grid.cell >= MIDDLE_CELL and rows < 100_000 else compact(rows)
    if grid.cell < LARGE_CELL:
        return [text(middle, base, written, font_size=grid.font_size, **style)]
    return [
        text(middle, base - 6, written, font_size=grid.font_size, **style),
        text(middle, base + 11, percent(share), font_size=11, **style),
    ]


def _names(grid: Grid, shown: Shown) -> list[Markup]:
    drawn = [
        text(14, grid.top + grid.side / 2, "true label", class_="note", anchor="middle", transform=_turned(grid)),
        text(grid.left, 14, "label given", class_="note"),
    ]
    for place, label in enumerate(shown.labels):
        name, hint = shortened(label, LABEL_COLUMNS), element("title", label_text(label))
        middle = (place + 0.5) * grid.cell
        style = {"class_": "name", "font_size": max(grid.font_size - 1, 11)}
        drawn.append(element("text", hint, name, x=grid.left - 7, y=grid.top + middle + 4, text_anchor="end", **style))
        turn = f"translate({grid.left + middle + 3:.1f} {grid.top - 7:.1f}) rotate(-45)"
        drawn.append(element("text", hint, name, transform=turn, **style))
    return drawn


def _turned(grid: Grid) -> str:
    return f"rotate(-90 14 {grid.top + grid.side / 2:.1f})"


def _right_edge(grid: Grid, shown: Shown) -> float:
    """Returns the width of the drawing: slanted names of the last columns reach over the grid."""
    reaches = [
        grid.left + (place + 0.5) * grid.cell + 8 + _name_width(label, grid.font_size) * SLANT
        for place, label in enumerate(shown.labels)
    ]
    return max([grid.left + grid.side + 8, *reaches])


def _name_width(label: str, font_size: int) -> float:
    return text_width(shortened(label, LABEL_COLUMNS), max(font_size - 1, 11))


def _words(matrix: NDArray[np.int64]) -> str:
    right, rows = int(matrix.trace()), int(matrix.sum())
    return (
        f"Confusion matrix of {plural(len(matrix), 'class')}: {right:,} of {plural(rows, 'row')} on the diagonal. "
        "The most frequent confusions are in the table beside it."
    )


def _caption(matrix: NDArray[np.int64], shown: Shown) -> str:
    said = "Blue: right. Orange: wrong. The stronger the colour, the larger the share of the true label."
    if not shown.folded:
        return said
    inner = shown.matrix[:-1, :-1]
    errors = int(matrix.sum() - matrix.trace())
    inside = int(inner.sum() - inner.trace())
    return (
        f"The {len(inner)} most confused of {len(matrix)} classes, alike ones side by side; they hold {inside:,} of "
        f"{plural(errors, 'error')}. All other classes are summed up as “{OTHERS}”. {said}"
    )
