"""A training that was judged, without a training: what trackers get in the end, and the plan they begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfclassify.learning.judging import Judgement
from tfclassify.learning.tracking.judged import Judged
from tfclassify.learning.tracking.tracker import Ending
from tfclassify.planning.costs import Costs
from tfclassify.planning.facts import Decision
from tfclassify.planning.planner import Plan
from tfclassify.quality.predictions import Predictions
from tfclassify.runs import Run, write_json, write_text
from tfclassify.settings import Settings, parse

REPORT = {
    "splits": {"test": {"rows": 4, "accuracy": 0.75, "accuracy_interval": [0.3, 0.95], "mcc": None, "per_class": {}}},
    "baseline": {"name": "tfidf", "test": {"accuracy": 0.5}, "seconds": 0.1},
    "speed": {"train_examples_per_second": 12.5},
}
WIDTH = 3


def made_plan(**asked: Any) -> Plan:
    settings = parse({"name": "letters", "seed": 7, "model.name": "random-tiny", **asked}, Settings)
    return Plan(settings, {"model.name": Decision("random-tiny", "tests are small")}, Costs(2.0, 1000, 0.25))


def made_run(folder: Path) -> Run:
    run = Run(folder)
    write_text(run.plan, "name: letters\n")
    write_text(folder / "report.html", "<p>a page</p>")
    write_json(run.report, REPORT)
    return run


def made_predictions(truth: list[int], *, classes: int = 2, given: list[int] | None = None) -> Predictions:
    """Rows whose answer is right, unless another is given; -1 is out of scope."""
    scores = np.full((len(truth), classes), 0.1, np.float32)
    for row, column in enumerate(given or truth):
        scores[row, max(column, 0)] = 0.9
    return Predictions(
        kind="binary" if classes == 2 else "multiclass",
        labels=tuple(f"label {column}" for column in range(classes)),
        truth=np.array(truth, np.int32),
        logits=np.log(scores),
        scores=scores,
        scope_scores=scores.max(axis=1),
    )


def made_ending(predictions: Predictions, texts: list[str] | None = None) -> Ending:
    """An ending whose vectors are the places of the rows."""

    def vectors(places: NDArray[np.integer]) -> NDArray[np.float32]:
        return np.repeat(places[:, None], WIDTH, axis=1).astype(np.float32)

    def graph() -> tf.Graph:
        made = tf.Graph()
        with made.as_default():
            tf.constant(1.0, name="only")
        return made

    rows = len(predictions.truth)
    judgement = Judgement({"test": predictions}, "test", tuple(texts or [f"text {row}" for row in range(rows)]))
    return Ending("finished", REPORT, Judged(judgement, vectors, graph))
