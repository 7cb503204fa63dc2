"""The shares of the labels in every split, beside each other."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from tfclassify.quality.report.formats import percent
from tfclassify.quality.report.pictures.drawing import (
    Frame,
    Picture,
    axes,
    drawing,
    element,
    legend,
    rectangle,
    square,
    text,
    tick_words,
    ticks,
)
from tfclassify.quality.report.wording import label_text, plural, shortened

MOST_LABELS = 40
ROW, WIDTH, RIGHT, TOP = 20.0, 720.0, 20.0, 34.0
NAME_COLUMNS, NAME_WIDTH = 26, 200.0
OTHERS = "others"

Counts = Mapping[str, Mapping[str, int]]


def label_picture(labels: Counts) -> Picture | None:
    """Draws a bar per label for its share of the training rows, and a dot for its share of every other split.

    Args:
        labels: rows by label and split, in the order to be drawn; at most 40 labels are, the others as one.

    Returns:
        None where there is no label.
    """
    if not labels:
        return None
    shown = folded(labels)
    totals = {name: max(1, sum(rows[name] for rows in labels.values())) for name in next(iter(labels.values()))}
    shares = {label: {name: rows[name] / totals[name] for name in rows} for label, rows in shown.items()}
    most = max(share for each in shares.values() for share in each.values()) or 1.0
    entries = [(_class(place), name) for place, name in enumerate(totals)]
    drawn, top = legend(entries, left=NAME_WIDTH, top=0.0, right=WIDTH, mark=_mark)
    frame = Frame(NAME_WIDTH, top + 10, WIDTH - NAME_WIDTH - RIGHT, ROW * len(shares), (0, 100 * most), (0, 1))
    drawn += axes(
        frame, x_ticks=[(value, f"{words}%") for value, words in tick_words(ticks(0, 100 * most))], y_ticks=[]
    )
    for place, (label, each) in enumerate(shares.items()):
        drawn += _row(frame, place, label, each, shown[label])
    words = "; ".join(f"{label_text(label)} {percent(next(iter(each.values())))}" for label, each in shares.items())
    svg = drawing(WIDTH, frame.bottom + 26, drawn, description=f"Shares of the labels in the training rows: {words}.")
    return Picture("Labels", svg, round(WIDTH), _caption(labels), full=True)


def folded(labels: Counts) -> dict[str, Mapping[str, int]]:
    """Returns the first labels, and the sum of all others as one more where there are too many to draw."""
    if len(labels) <= MOST_LABELS:
        return dict(labels)
    names = list(labels)
    rest = [labels[name] for name in names[MOST_LABELS - 1 :]]
    summed = {split: sum(rows[split] for rows in rest) for split in rest[0]}
    return {**{name: labels[name] for name in names[: MOST_LABELS - 1]}, f"{OTHERS} ({len(rest)})": summed}


def _row(frame: Frame, place: int, label: str, shares: Mapping[str, float], rows: Mapping[str, int]) -> list[Markup]:
    y = frame.top + ROW * place
    drawn = [text(frame.left - 8, y + 14, shortened(label, NAME_COLUMNS), class_="name", anchor="end", font_size=12)]
    for number, (name, share) in enumerate(shares.items()):
        hint = f"{label_text(label)} in {name}: {plural(rows[name], 'row')}, {percent(share)}"
        if number == 0:
            width = frame.x(100 * share) - frame.left
            drawn.append(rectangle(frame.left, y + 4, width, ROW - 8, "bar right", hint=hint))
        else:
            title = element("title", hint)
            drawn.append(
                element("circle", title, cx=frame.x(100 * share), cy=y + ROW / 2, r=4.5, class_=_class(number))
            )
    return drawn


def _mark(x: float, y: float, class_: str) -> Markup:
    """Draws the mark of a split in the legend as it is drawn in the picture."""
    is_bar = class_.startswith("bar")
    return square(x, y, class_) if is_bar else element("circle", cx=x + 5.5, cy=y - 3.5, r=4.5, class_=class_)


def _class(number: int) -> str:
    return "bar right" if number == 0 else f"dot s{number}"


def _caption(labels: Counts) -> str:
    said = "Bars: share of the training rows. Dots: share of the other splits."
    return said if len(labels) <= MOST_LABELS else f"The most frequent of {len(labels):,} labels. {said}"
