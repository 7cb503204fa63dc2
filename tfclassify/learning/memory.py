"""Too little memory for a batch: found out before the training, and mended by computing batches in more parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import tensorflow as tf

from tfclassify.display import Display
from tfclassify.errors import UsageError
from tfclassify.learning.checkpoints import put_values, take_values
from tfclassify.model.classifier import BertClassifier
from tfclassify.planning.buckets import Bucket
from tfclassify.planning.calibration import activations
from tfclassify.planning.facts import Decision
from tfclassify.planning.planner import Plan, plan_yaml, reasons_markdown
from tfclassify.planning.presets import EncoderSize
from tfclassify.planning.windows import encoder_shape
from tfclassify.runs import Run, write_text
from tfclassify.settings import TextSettings, changed

KEY = "train.accumulation_steps"


def try_step(model: BertClassifier, batch: Any) -> None:
    """Makes a training step, and undoes it: everything that moves is as it was before.

    Args:
        model: compiled with the training step, which is traced here rather than in the training.
        batch: a data set of one, as the training's are and as its strategy takes it; what is in it does not matter.

    Raises:
        tf.errors.ResourceExhaustedError: it takes more memory than there is.
    """
    before = take_values(model)
    model.fit(batch, steps_per_epoch=1, epochs=1, verbose=0)
    put_values(model, before)


def largest_bucket(buckets: Sequence[Bucket], size: EncoderSize, text: TextSettings) -> Bucket:
    """Returns the batch shape that takes the most memory."""
    return max(buckets, key=lambda bucket: activations(size, *encoder_shape(bucket, text)))


def in_more_parts(plan: Plan, why: tf.errors.ResourceExhaustedError) -> Plan:
    """Returns a plan that does the same in twice as many parts, each of which takes half the memory.

    Raises:
        UsageError: each part has one row already.
    """
    parts, most = plan.settings.train.accumulation_steps, min(rows for rows, _ in plan.settings.train.buckets)
    if parts >= most:
        raise UsageError(
            f"a batch does not fit into memory in {parts} parts, and there are no more rows to part; "
            "lower text.max_length, raise train.batch_size, or take a smaller model.name"
        ) from why
    more = min(2 * parts, most)
    reason = f"a batch in {parts} parts did not fit into memory; more parts do the same, but slower"
    settings = changed(plan.settings, {KEY: more})
    return replace(plan, settings=settings, decisions={**plan.decisions, KEY: Decision(more, reason)})


def note_plan(run: Run, plan: Plan, display: Display) -> None:
    """Writes the plan anew, and says what is other than it was."""
    write_text(run.plan, plan_yaml(plan))
    write_text(run.reasons, reasons_markdown(plan))
    decision = plan.decisions[KEY]
    display.say(f"{KEY}={decision.value}: {decision.reason}")
