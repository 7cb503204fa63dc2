"""The report's figures as rows of tables: name, figure as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from tfclassify.planning.statistics import rows_over
from tfclassify.quality.report.formats import UNKNOWN, count, decimals, named, percent, signed
from tfclassify.quality.report.story import Story, is_number, judged, section
from tfclassify.quality.report.verdict import Comparison
from tfclassify.quality.report.wording import label_text

NAMES = {
    "rows": "rows",
    "out_of_scope_rows": "rows out of scope",
    "accuracy": "accuracy",
    "accuracy_interval": "95% interval of accuracy",
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "mcc": "Matthews correlation",
    "log_loss": "log loss",
    "ece": "calibration error (ECE)",
    "scope.auroc": "scope: AUROC",
    "scope.fpr_at_95_tpr": "scope: FPR at 95% TPR",
    "seconds_per_epoch": "time per epoch",
    "peak_memory_bytes": "peak memory",
    "padding_share": "padding in batches",
    "train_examples_per_second": "training examples per second",
    "train_tokens_per_second": "training tokens per second",
    "time_to_first_step_seconds": "time to the first step",
}
MEANINGS = {
    "macro_f1": ("macro-F1", "mean over classes, each counts the same"),
    "micro_f1": ("micro-F1", "over all labels together"),
    "mcc": ("MCC", "correlation of truth and answer, −1 to 1"),
    "log_loss": ("log loss", "of the true label, in nats; lower is better"),
    "ece": ("calibration error", "mean gap of score and share right; lower is better"),
}
LEFT_OUT = ("per_class",)
KEPT = ("validation", "test")


@dataclass(frozen=True)
class Tile:
    """A key figure and what it means in a few words."""

    name: str
    value: str
    meaning: str


@dataclass(frozen=True)
class PlanRow:
    """A cost as it was planned and as it came, with measured over predicted where both are known."""

    name: str
    predicted: str
    actual: str
    ratio: float | None


@dataclass(frozen=True)
class LedgerRow:
    """Rows that were read and what became of them; the share is of all that were read."""

    name: str
    rows: int
    share: float | None


@dataclass(frozen=True)
class BucketRow:
    """A batch shape and the training texts that it is for."""

    rows: int
    length: int
    texts: int
    share: float | None


def tiles(story: Story, comparison: Comparison | None) -> list[Tile]:
    """Returns the key figures of the split."""
    figures, multilabel = judged(story), story.predictions.kind == "multilabel"
    low, high = figures.get("accuracy_interval") or (None, None)
    interval = f"95% interval {percent(low)} to {percent(high)}"
    found = [Tile("all labels right" if multilabel else "accuracy", percent(figures.get("accuracy")), interval)]
    found += [
        Tile(name, decimals(figures.get(key)), meaning)
        for key, (name, meaning) in MEANINGS.items()
        if multilabel or key != "micro_f1"
    ]
    if comparison:
        gap = signed(comparison.difference, plus=True)
        found.append(Tile("against baseline", gap, "points of accuracy on the same rows"))
    if figures.get("scope"):
        found.append(Tile("scope AUROC", decimals(figures["scope"].get("auroc")), "1 tells every text of no class"))
    return found


def split_table(story: Story) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Returns every single figure of every split, and of the baseline: the heads, then name and cells of each row."""
    columns = {name: dict(_flat(figures)) for name, figures in story.report["splits"].items() if figures}
    baseline = section(story, "baseline")
    columns |= {
        f"baseline, {name}": dict(_flat(figures))
        for name, figures in baseline.items()
        if isinstance(figures, Mapping) and figures
    }
    known = [key for key in NAMES if any(key in column for column in columns.values())]
    keys = dict.fromkeys([*known, *(key for column in columns.values() for key in column)])
    rows = [(figure_name(key), [_cell(key, column) for column in columns.values()]) for key in keys]
    return list(columns), rows


def plan_table(story: Story) -> list[PlanRow]:
    """Returns what was predicted beside what came."""
    plan = section(story, "plan")
    predicted, actual = plan.get("predicted") or {}, plan.get("actual") or {}
    return [
        PlanRow(
            figure_name(key),
            named(key, predicted.get(key)),
            named(key, actual.get(key)),
            _ratio(actual.get(key), predicted.get(key)),
        )
        for key in dict.fromkeys([*predicted, *actual])
    ]


def speed_table(story: Story) -> list[tuple[str, str]]:
    """Returns how fast training was, and what the baseline's fit took."""
    found = [(figure_name(key), named(key, value)) for key, value in section(story, "speed").items()]
    baseline = section(story, "baseline")
    if "rows" in baseline:
        found.append(("rows the baseline was fitted to", count(baseline["rows"])))
    if "seconds" in baseline:
        found.append(("fit of the baseline", named("seconds", baseline["seconds"])))
    return found


def ledger(story: Story) -> list[LedgerRow]:
    """Returns where every row that was read went, by the splits and by what was dropped; they sum up to those read."""
    rows = section(story, "rows")
    read, trained = rows.get("read"), rows.get("trained")
    if not is_number(read):
        return []
    dropped = {name: number for name, number in (rows.get("dropped") or {}).items() if is_number(number)}
    found = [("trained on", trained)] if is_number(trained) else []
    found += [(f"kept for {split}", rows[split]) for split in KEPT if is_number(rows.get(split))]
    found += [(f"dropped: {name.replace('_', ' ')}", number) for name, number in dropped.items()]
    rest = read - sum(number for _, number in found)
    if rest:
        found.append(("unaccounted for" if rest > 0 else "counted twice", rest))
    return [LedgerRow(name, int(number), number / read if read else None) for name, number in found]


def bucket_table(lengths: Sequence[int], buckets: Sequence[tuple[int, int]]) -> list[BucketRow]:
    """Returns each batch shape with the texts whose lengths it is for; longer ones count in the last."""
    total, found, start = sum(lengths), [], 0
    for place, (rows, length) in enumerate(buckets):
        texts = sum(lengths[start : length + 1])
        texts += rows_over(lengths, length) if place == len(buckets) - 1 else 0
        found.append(BucketRow(rows, length, texts, texts / total if total else None))
        start = length + 1
    return found


def figure_name(key: str) -> str:
    """Returns what a figure of the report is called."""
    return NAMES.get(key) or label_text(key.replace(".", ": ").replace("_", " "))


def ratio_text(ratio: float | None) -> str:
    """Returns ``1.12×``."""
    return UNKNOWN if ratio is None else f"{ratio:.2f}×"


def _flat(figures: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in figures.items():
        if key in LEFT_OUT:
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _cell(key: str, column: Mapping[str, Any]) -> str:
    if key not in column:
        return "–"
    value = column[key]
    if isinstance(value, list | tuple):
        return " to ".join(decimals(each, 4) for each in value)
    if isinstance(value, str):
        return label_text(value)
    return count(value) if isinstance(value, Integral) else decimals(value, 4)


def _ratio(actual: Any, predicted: Any) -> float | None:
    return actual / predicted if is_number(actual) and is_number(predicted) and predicted else None
