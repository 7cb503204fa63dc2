"""From a judgement to report.json, the page and the model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfclassify.learning.judging import Judgement
from tfclassify.learning.trained import Trained, kind_of
from tfclassify.planning.costs import Costs
from tfclassify.planning.facts import Decision
from tfclassify.quality.by_length import by_length
from tfclassify.quality.intervals import paired_difference
from tfclassify.quality.metrics import METRICS, Metric, accuracy, choose_metric, judge, macro_f1, micro_f1
from tfclassify.quality.mistakes import mistakes
from tfclassify.quality.predictions import correct, in_scope
from tfclassify.quality.report import Story, card, page
from tfclassify.runs import write_json, write_text
from tfclassify.settings.dialect import written

MISTAKES_SHOWN = 30


@dataclass(frozen=True)
class Training:
    """What a report tells of the training itself."""

    predicted: Costs
    actual: Costs
    speed: Mapping[str, float | None]
    history: Sequence[Mapping[str, Any]]
    lengths: Sequence[int]
    decisions: Mapping[str, Decision]


def results(
    trained: Trained, judgement: Judgement, *, rows: Mapping[str, Any], training: Training | None
) -> dict[str, Any]:
    """Assembles report.json."""
    made: dict[str, Any] = {
        "task": {"kind": kind_of(trained.labels), "labels": list(trained.labels.names)},
        "splits": {name: judge(predictions, _own(trained)) for name, predictions in judgement.predictions.items()},
    }
    if judgement.baseline is not None:
        made["baseline"] = _baseline(judgement)
    if trained.early is not None:
        made["exits"] = asdict(trained.early.plan)
    if training is not None:
        made["plan"] = {"predicted": asdict(training.predicted), "actual": _measured(asdict(training.actual))}
        made["speed"] = _measured(training.speed)
    if judgement.lengths is not None:
        made["by_length"] = _by_length(judgement, judgement.lengths, whole=trained.limits.whole)
    return {**made, "rows": dict(rows)}


def write_report(
    folder: Path,
    report: Mapping[str, Any],
    trained: Trained,
    judgement: Judgement,
    *,
    training: Training | None,
    notes: Sequence[str],
    facts: Mapping[str, str],
) -> None:
    """Writes report.json and report.html into a folder, and card.md where it is the report of a training."""
    story = Story(
        name=str(trained.settings.name),
        report=report,
        history=training.history if training else (),
        predictions=judgement.predictions[judgement.reported],
        split=judgement.reported,
        mistakes=mistakes(
            judgement.predictions[judgement.reported], judgement.texts, MISTAKES_SHOWN, names=judgement.names
        ),
        baseline_predictions=judgement.baseline_predictions,
        lengths=training.lengths if training else (),
        buckets=trained.settings.train.buckets,
        decisions=[(key, written(d.value), d.reason) for key, d in (training.decisions if training else {}).items()],
        notes=notes,
        facts=facts,
    )
    write_json(folder / "report.json", report)
    write_text(folder / "report.html", page(story))
    if training is not None:
        write_text(folder / "card.md", card(story))


def _own(trained: Trained) -> dict[str, Metric]:
    """Returns the metric that chose the best epoch, where it is none of the package's."""
    name = trained.settings.train.metric
    return {} if name in METRICS else {name: choose_metric(name)}


def _measured(figures: Mapping[str, float | None]) -> dict[str, float | None]:
    """Gives None for what was not measured: the first step has no pace, and may be the only one."""
    return {name: value if value is not None and isfinite(value) else None for name, value in figures.items()}


def _by_length(judgement: Judgement, lengths: NDArray[np.int32], *, whole: int) -> dict[str, Any]:
    own = judgement.predictions[judgement.reported]
    inside = in_scope(own)
    bins = by_length(correct(own)[inside], lengths[inside], whole=whole)
    # Lists, as those who read the file have them.
    told = [{**asdict(each), "accuracy_interval": list(each.accuracy_interval)} for each in bins]
    return {"split": judgement.reported, "whole_tokens": whole, "bins": told}


def _baseline(judgement: Judgement) -> dict[str, Any]:
    baseline, answers = judgement.baseline, judgement.baseline_predictions
    if baseline is None or answers is None:
        raise ValueError("no baseline was fitted; expected one")
    own = judgement.predictions[judgement.reported]
    inside = in_scope(own)
    return {
        "name": baseline.name,
        "seconds": baseline.seconds,
        "rows": baseline.rows,
        judgement.reported: {**accuracy(answers), **macro_f1(answers), **micro_f1(answers)},
        "difference": list(paired_difference(correct(own)[inside], correct(answers)[inside])),
    }
