"""Learning curves: loss and what was measured on the validation rows, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tfclassify.quality.report.formats import decimals
from tfclassify.quality.report.pictures.drawing import (
    Frame,
    Picture,
    axes,
    drawing,
    element,
    legend,
    line,
    padded,
    path,
    text,
    tick_words,
    ticks,
    whole_ticks,
)
from tfclassify.quality.report.story import is_number
from tfclassify.quality.report.wording import label_text, plural

WIDTH, PLOT_HEIGHT = 400.0, 180.0
LEFT, RIGHT = 44.0, 14.0
VALIDATION = "Validation metrics"
MAX_MARKERS, MAX_SERIES = 40, 4
NAMES = {"loss": "training loss", "macro_f1": "macro-F1", "micro_f1": "micro-F1", "mcc": "MCC", "log_loss": "log loss"}
# On scales of their own: they would flatten the curves they were drawn beside.
APART = ("epoch", "seconds", "learning_rate", "validation_ece", "validation_rows")

History = Sequence[Mapping[str, float]]


@dataclass(frozen=True)
class Series:
    """A named line through (epoch, value)."""

    name: str
    points: tuple[tuple[float, float], ...]


def learning_curves(history: History, best: int | None) -> list[Picture]:
    """Draws the losses and the validation metrics; what was never measured is left out.

    Args:
        history: one entry per epoch.
        best: the epoch whose weights were kept.
    """
    keys = list(dict.fromkeys(key for entry in history for key in entry if key not in APART))
    losses = [key for key in keys if key.endswith("loss")]
    groups = {
        "Loss": losses,
        VALIDATION: [key for key in keys if key.startswith("validation_") and key not in losses],
    }
    drawn = {title: _different(_series(history, group))[:MAX_SERIES] for title, group in groups.items()}
    return [_curves(title, series, best) for title, series in drawn.items() if series]


def series_name(key: str) -> str:
    """Returns what a key of the history is called: ``validation macro-F1``."""
    rest = key.removeprefix("validation_")
    name = NAMES.get(rest, label_text(rest.replace("_", " ")))
    return f"validation {name}" if rest != key else name


def _series(history: History, keys: Sequence[str]) -> list[Series]:
    found = [
        Series(series_name(key), tuple((entry["epoch"], entry[key]) for entry in history if is_number(entry.get(key))))
        for key in keys
    ]
    return [each for each in found if each.points]


def _different(series: Sequence[Series]) -> list[Series]:
    """Returns the series without those that lie under another, which is named after both."""
    names: dict[tuple[tuple[float, float], ...], str] = {}
    for each in series:
        before = names.get(each.points)
        names[each.points] = f"{before} = {each.name.removeprefix('validation ')}" if before else each.name
    return [Series(name, points) for points, name in names.items()]


def _curves(title: str, series: Sequence[Series], best: int | None) -> Picture:
    told = title == VALIDATION
    entries = [
        (f"line s{number}", each.name.removeprefix("validation ") if told else each.name)
        for number, each in enumerate(series)
    ]
    named, top = legend(entries, left=LEFT, top=0, right=WIDTH, mark=_line_mark)
    frame = _frame(series, top + 22)
    drawn = [*named, *axes(frame, x_ticks=_epoch_ticks(frame), y_ticks=tick_words(ticks(*frame.y_range)))]
    drawn += _best_mark(frame, best)
    for number, each in enumerate(series):
        drawn += _curve(frame, each, number)
    drawn.append(text(frame.right, frame.bottom + 34, "epoch", anchor="end"))
    svg = drawing(WIDTH, frame.bottom + 40, drawn, description=_description(title, series, best))
    return Picture(title, svg, round(WIDTH), "")


def _frame(series: Sequence[Series], top: float) -> Frame:
    epochs = [epoch for each in series for epoch, _ in each.points]
    values = [value for each in series for _, value in each.points]
    first, last = min(epochs), max(epochs)
    x_range = (first, last) if last > first else (first - 0.5, last + 0.5)
    return Frame(LEFT, top, WIDTH - LEFT - RIGHT, PLOT_HEIGHT, x_range, padded(values))


def _epoch_ticks(frame: Frame) -> list[tuple[float, str]]:
    low, high = frame.x_range
    return [(value, f"{value:.0f}") for value in whole_ticks(low, high, 8) if low <= value <= high]


def _best_mark(frame: Frame, best: int | None) -> list[Markup]:
    if best is None or not frame.x_range[0] <= best <= frame.x_range[1]:
        return []
    place = frame.x(best)
    anchor = "start" if place < frame.left + 60 else "end" if place > frame.right - 60 else "middle"
    return [
        line(place, frame.top - 4, place, frame.bottom, "best"),
        text(place, frame.top - 9, f"best epoch {best}", class_="note", anchor=anchor),
    ]


def _curve(frame: Frame, series: Series, number: int) -> list[Markup]:
    places = [(frame.x(epoch), frame.y(value)) for epoch, value in series.points]
    drawn = [element("path", d=path(places), class_=f"line s{number}")]
    if len(places) > MAX_MARKERS:
        return drawn
    for (x, y), (epoch, value) in zip(places, series.points, strict=True):
        hint = element("title", f"epoch {epoch:.0f}: {series.name} {value:.4g}")
        drawn.append(element("circle", hint, cx=x, cy=y, r=3.5, class_=f"dot s{number}"))
    return drawn


def _line_mark(x: float, y: float, class_: str) -> Markup:
    return line(x - 2, y - 4, x + 13, y - 4, class_)


def _description(title: str, series: Sequence[Series], best: int | None) -> str:
    courses = "; ".join(
        f"{each.name} from {decimals(each.points[0][1], 4)} to {decimals(each.points[-1][1], 4)}" for each in series
    )
    kept = f" The best epoch is {best}." if best is not None else ""
    return f"{title} over {plural(len(series[0].points), 'epoch')}: {courses}.{kept}"
