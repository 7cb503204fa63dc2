"""The verdict: how good, how sure, and whether it is worth having beside the baseline. In plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tfclassify.quality.intervals import paired_difference, wilson
from tfclassify.quality.predictions import correct, true_labels, within_scope
from tfclassify.quality.report.formats import decimals, percent, points
from tfclassify.quality.report.story import Story, is_number, judged, rows_in_scope, section
from tfclassify.quality.report.wording import label_text, plural

BASELINES = {"tfidf_logistic_regression": "TF-IDF with logistic regression"}
Outcome = Literal["beats", "equals", "loses", "unpaired"]
BADGES: dict[Outcome, str] = {
    "beats": "Beats the baseline",
    "equals": "Not distinguishable from the baseline",
    "loses": "Loses to the baseline",
    "unpaired": "Not compared row by row",
}
FAR_BEHIND = 0.3


@dataclass(frozen=True)
class Comparison:
    """How much more accurate than the baseline, on the same rows.

    ``unpaired``: only the two accuracies are known, so nothing can be said of chance; low and high are the difference.
    """

    outcome: Outcome
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class Share:
    """An accuracy with its 95 % interval, to be drawn beside others. A figure without an interval has none."""

    name: str
    share: float
    interval: tuple[float, float] | None


def compare(story: Story) -> Comparison | None:
    """Compares with the baseline, or returns None where there is none, or nothing to compare.

    Raises:
        ValueError: the baseline's predictions are not of the same rows.
    """
    if story.baseline_predictions is None:
        return _compare_figures(story)
    ours, theirs = story.predictions, story.baseline_predictions
    if not np.array_equal(ours.truth, theirs.truth):
        raise ValueError("the baseline's predictions are of other rows; expected the same rows in the same order")
    inside, others = within_scope(ours), within_scope(theirs)
    return _judged_difference(*paired_difference(correct(inside), correct(others))) if len(inside.truth) else None


def baseline_name(story: Story) -> str:
    """Returns the baseline's name in words."""
    name = str(section(story, "baseline").get("name", "the baseline"))
    return BASELINES.get(name, label_text(name))


def headline(story: Story) -> str:
    """Says how good the classifier is and how sure that is."""
    figures, rows = judged(story), plural(rows_in_scope(story), f"{story.split} row")
    if not is_number(figures.get("accuracy")):
        return f"Nothing could be measured: {rows} in scope."
    low, high = figures.get("accuracy_interval") or (None, None)
    what = "All labels right" if story.predictions.kind == "multilabel" else "Right"
    return (
        f"{what} on {percent(figures['accuracy'])} of {rows} "
        f"(95% interval {percent(low)} to {percent(high)}); macro-F1 {decimals(figures.get('macro_f1'))}."
    )


def comparison_sentence(story: Story, comparison: Comparison) -> str:
    """Says whether it beats the baseline, loses to it, or cannot be told from it."""
    name, gap = baseline_name(story), points(abs(comparison.difference))
    more = "more" if comparison.difference >= 0 else "less"
    low, high = points(comparison.low).removesuffix(" points"), points(comparison.high)
    paired = f"{gap} {more} accurate on the same rows (95% interval of the difference {low} to {high})"
    sentences: dict[Outcome, str] = {
        "beats": f"It beats the baseline, {name}: {paired}.",
        "equals": f"It is not distinguishable from the baseline, {name}, on these rows: {paired}.",
        "loses": f"It loses to the baseline, {name}: {paired}. On these rows the baseline is the better choice.",
        "unpaired": f"The baseline, {name}, is compared by its accuracy alone: {gap} {more} accurate than it.",
    }
    return sentences[comparison.outcome]


def caveats(story: Story) -> list[str]:
    """Says why the verdict may be too kind."""
    if story.split == "validation":
        return ["The same rows chose the best epoch and calibrated its scores, so expect somewhat less on new texts."]
    return []


def accuracies(story: Story) -> list[Share]:
    """Returns the accuracies to draw beside each other: the classifier's, the baseline's, the largest class's share.

    A largest class that is far behind is left out: it would press the others together.
    """
    figures = judged(story)
    accuracy = figures.get("accuracy")
    if not is_number(accuracy):
        return []
    low, high = figures.get("accuracy_interval") or (None, None)
    interval = (low, high) if is_number(low) and is_number(high) else None
    found = [Share("this classifier", accuracy, interval), *_baseline_share(story)]
    majority = largest_class(story)
    if majority is None or majority[1] < found[0].share - FAR_BEHIND:
        return found
    return [*found, Share("always the largest class", majority[1], None)]


def largest_class(story: Story) -> tuple[str, float] | None:
    """Returns the label that most rows have and their share, or None where labels are independent or rows none."""
    inside = within_scope(story.predictions)
    if inside.kind == "multilabel" or not len(inside.truth):
        return None
    counts = true_labels(inside).sum(axis=0)
    return inside.labels[int(counts.argmax())], float(counts.max() / len(inside.truth))


def _baseline_share(story: Story) -> Sequence[Share]:
    if story.baseline_predictions is not None:
        right = correct(within_scope(story.baseline_predictions))
        if not len(right):
            return []
        return [Share("the baseline", float(right.mean()), wilson(int(right.sum()), len(right)))]
    accuracy = _baseline_accuracy(story)
    return [Share("the baseline", accuracy, None)] if is_number(accuracy) else []


def _baseline_accuracy(story: Story) -> Any:
    return (section(story, "baseline").get(story.split) or {}).get("accuracy")


def _compare_figures(story: Story) -> Comparison | None:
    difference = section(story, "baseline").get("difference")
    if difference and all(map(is_number, difference)):
        return _judged_difference(*map(float, difference))
    ours, theirs = judged(story).get("accuracy"), _baseline_accuracy(story)
    if not (is_number(ours) and is_number(theirs)):
        return None
    return Comparison("unpaired", *[ours - theirs] * 3)


def _judged_difference(difference: float, low: float, high: float) -> Comparison:
    outcome: Outcome = "beats" if low > 0 else "loses" if high < 0 else "equals"
    return Comparison(outcome, difference, low, high)
