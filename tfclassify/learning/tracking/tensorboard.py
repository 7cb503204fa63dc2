"""TensorBoard: scalars as they come, the plan as text, and in the end the graph, PR curves and an embedding projector.

Written by the ``tensorboard`` package itself, with no operation of TensorFlow's, which the training is busy with.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from tfclassify.learning.tracking.figures import report_figures
from tfclassify.learning.tracking.judged import Judged
from tfclassify.learning.tracking.projector import write_projector
from tfclassify.learning.tracking.tracker import Ending, Figures, Say, Tracker
from tfclassify.planning.planner import Plan, plan_yaml, reasons_markdown
from tfclassify.quality.predictions import Predictions, true_labels, within_scope
from tfclassify.runs import Run

FOLDER = "tensorboard"
# Each is a picture of its own in the browser.
MOST_CURVES = 100
FLUSH_SECONDS = 10


def begin(plan: Plan, run: Run, say: Say) -> Tracker:
    """Writes into the folder ``tensorboard`` of the run, where an earlier process may have written already."""
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    folder = run.folder / FOLDER
    first = [_mark_start]
    writer = EventFileWriter(str(folder), flush_secs=FLUSH_SECONDS)
    _write(writer, 0, _text("plan", f"```yaml\n{plan_yaml(plan)}```"), _text("reasons", reasons_markdown(plan)))

    def figures(steps: int, given: Figures) -> None:
        while first:
            first.pop()(writer, steps)
        _write(writer, steps, *(_scalar(name, value) for name, value in given.items()))

    def end(steps: int, ending: Ending) -> None:
        try:
            figures(steps, report_figures(ending.report))
            if ending.judged is not None:
                _write_judged(writer, steps, ending.judged, folder, say)
        finally:
            writer.close()

    return Tracker(step=figures, epoch=figures, end=end)


def _write_judged(writer: Any, steps: int, judged: Judged, folder: Path, say: Say) -> None:
    reported = judged.judgement.reported
    _write(writer, steps, *_curves(judged.judgement.predictions[reported], reported, say))
    _event(writer, 0, graph_def=judged.graph().as_graph_def().SerializeToString())
    write_projector(folder, judged, say)


def _curves(predictions: Predictions, split: str, say: Say) -> list[Any]:
    """Makes the curve of precision over recall of each label, over the rows that are in scope."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.pr_curve.summary import pb

    inside = within_scope(predictions)
    truth = true_labels(inside)
    frequent = np.argsort(-truth.sum(axis=0), kind="stable")[:MOST_CURVES]
    if len(frequent) < len(inside.labels):
        say(f"has precision-recall curves of the {MOST_CURVES} most frequent of {len(inside.labels)} labels")
    named = [(f"{split}/{inside.labels[column]}", column) for column in frequent]
    made = [pb(name, truth[:, column], inside.scores[:, column]) for name, column in named]
    # They are TensorFlow's messages, of the same form as the package's own.
    return [Summary.FromString(each.SerializeToString()) for each in made]


def _mark_start(writer: Any, steps: int) -> None:
    """Has TensorBoard forget what an earlier process wrote of these steps and later ones: they are made again.

    It does so at the second of such marks, so that every process has to make one.
    """
    from tensorboard.compat.proto.event_pb2 import SessionLog

    _event(writer, steps, session_log=SessionLog(status=SessionLog.START))


def _write(writer: Any, steps: int, *summaries: Any) -> None:
    for summary in summaries:
        _event(writer, steps, summary=summary)


def _event(writer: Any, steps: int, **what: Any) -> None:
    from tensorboard.compat.proto.event_pb2 import Event

    writer.add_event(Event(wall_time=time.time(), step=steps, **what))


def _scalar(name: str, value: float) -> Any:
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb

    return scalar_pb(name, value)


def _text(name: str, markdown: str) -> Any:
    from tensorboard.plugins.text.summary_v2 import text_pb

    return text_pb(name, markdown)
