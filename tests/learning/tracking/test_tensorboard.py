"""TensorBoard, with the real package: what was written is read as its server reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from made_endings import made_ending, made_plan, made_predictions, made_run
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator

from tfclassify.learning.tracking.tensorboard import MOST_CURVES, begin
from tfclassify.learning.tracking.tracker import Ending


def read(folder: Path) -> EventAccumulator:
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    return events


def points(events: EventAccumulator, tag: str) -> list[tuple[int, float]]:
    return [(event.step, float(tf.make_ndarray(event.tensor_proto))) for event in events.Tensors(tag)]


def plugin(events: EventAccumulator, tag: str) -> str:
    return events.SummaryMetadata(tag).plugin_data.plugin_name


def text(events: EventAccumulator, tag: str) -> str:
    (event,) = events.Tensors(tag)
    return tf.make_ndarray(event.tensor_proto).item().decode("utf-8")


def test_figures_as_they_come(tmp_path: Path) -> None:
    tracker = begin(made_plan(), made_run(tmp_path), pytest.fail)
    for steps in (1, 2):
        tracker.step(steps, {"train/loss": 1.0 / steps})
    tracker.epoch(2, {"validation/accuracy": 0.5})
    tracker.end(2, Ending("stopped"))
    events = read(tmp_path)
    assert points(events, "train/loss") == [(1, 1.0), (2, 0.5)]
    assert points(events, "validation/accuracy") == [(2, 0.5)]
    assert plugin(events, "train/loss") == "scalars"


def test_the_plan_is_there_to_be_read(tmp_path: Path) -> None:
    begin(made_plan(), made_run(tmp_path), pytest.fail).end(0, Ending("failed"))
    events = read(tmp_path)
    assert {plugin(events, tag) for tag in ("plan", "reasons")} == {"text"}
    assert text(events, "plan").startswith("```yaml\n")
    assert "\nseed: 7\n" in text(events, "plan")
    assert "tests are small" in text(events, "reasons")


def test_the_end(tmp_path: Path) -> None:
    tracker = begin(made_plan(), made_run(tmp_path), pytest.fail)
    tracker.step(9, {"train/loss": 1.0})
    tracker.end(9, made_ending(made_predictions([0, 1, 1, 1, -1], given=[0, 1, 1, 0, 1])))
    events = read(tmp_path)
    assert points(events, "report/test/accuracy") == [(9, 0.75)]
    assert "only" in events.Graph().node[0].name
    assert {plugin(events, f"test/label {column}/pr_curves") for column in range(2)} == {"pr_curves"}
    (curve,) = events.Tensors("test/label 1/pr_curves")
    positives, negatives, _, missed, precision, recall = tf.make_ndarray(curve.tensor_proto)
    # At a threshold of one half: two found, one missed; the row that is out of scope does not count.
    middle = len(positives) // 2
    assert (positives[middle], negatives[middle], missed[middle]) == (2, 0, 1)
    assert (precision[middle], recall[middle]) == pytest.approx((1, 2 / 3))
    assert (tmp_path / "tensorboard" / "projector_config.pbtxt").is_file()


def test_no_more_curves_than_anybody_looks_at(tmp_path: Path) -> None:
    said: list[str] = []
    tracker = begin(made_plan(), made_run(tmp_path), said.append)
    truth = [*range(120), 110, 110, 115]
    tracker.end(0, made_ending(made_predictions(truth, classes=120)))
    curves = [tag for tag in read(tmp_path).Tags()["tensors"] if tag.endswith("/pr_curves")]
    assert len(curves) == MOST_CURVES
    # The most frequent ones.
    assert {f"test/label {column}/pr_curves" for column in (110, 115, 0)} <= set(curves)
    assert said == ["has precision-recall curves of the 100 most frequent of 120 labels"]


def test_one_that_goes_on_takes_back_what_is_made_again(tmp_path: Path) -> None:
    """A training that was killed goes on from its last checkpoint, which is before the last steps that were noted."""
    for first, loss in ((1, 1.0), (3, 0.5)):
        tracker = begin(made_plan(), made_run(tmp_path), pytest.fail)
        for steps in range(first, first + 4):
            tracker.step(steps, {"train/loss": loss})
        tracker.end(first + 3, Ending("stopped"))
    expected = [(1, 1.0), (2, 1.0), (3, 0.5), (4, 0.5), (5, 0.5), (6, 0.5)]
    assert points(read(tmp_path), "train/loss") == expected


def test_it_is_readable_while_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    from tfclassify.learning.tracking import tensorboard

    monkeypatch.setattr(tensorboard, "FLUSH_SECONDS", 0.05)
    tracker = begin(made_plan(), made_run(tmp_path), pytest.fail)
    for steps in range(5):
        tracker.step(steps, {"train/loss": 1.0})
        time.sleep(0.1)
    assert points(read(tmp_path), "train/loss")
    tracker.end(5, Ending("stopped"))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e-45, 3e38])
def test_any_number(tmp_path: Path, value: float) -> None:
    tracker = begin(made_plan(), made_run(tmp_path), pytest.fail)
    tracker.step(1, {"train/loss": value})
    tracker.end(1, Ending("failed"))
    ((_, found),) = points(read(tmp_path), "train/loss")
    np.testing.assert_equal(found, float(np.float32(value)))


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "tensorboard").write_text("a file", encoding="utf-8")
    errors: tuple[Any, ...] = (OSError, tf.errors.OpError)
    with pytest.raises(errors):
        begin(made_plan(), made_run(tmp_path), pytest.fail)
