"""Early exits after a training: each calibrated on the validation rows, and how sure texts have to be to leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfclassify.data.batches import Bucket
from tfclassify.data.rows import Rows
from tfclassify.learning.early import Early
from tfclassify.learning.prediction import Forward, logits_of
from tfclassify.model.cascades import added
from tfclassify.model.classifier import BertClassifier, answering_early, exit_means
from tfclassify.model.exit_heads import ExitHeads
from tfclassify.model.exits import Beside, Exit, Scale
from tfclassify.model.routes import INPUTS
from tfclassify.quality.calibration import scope_score, scores
from tfclassify.quality.exits import ExitScores, plan_exits
from tfclassify.quality.linear_fit import fit_linear
from tfclassify.quality.predictions import Predictions, correct, in_scope
from tfclassify.quality.stacking import judge_stacking
from tfclassify.quality.temperature import fit_temperature
from tfclassify.quality.thresholds import scope_threshold
from tfclassify.settings import AnswerSettings

MARGIN = 1e-5


@dataclass(frozen=True, eq=False)
class Heard:
    """What the in-graph baseline says of N rows, its logits float64[N, C], and what it is to the network."""

    said: NDArray[np.float64]
    beside: Beside

    @property
    def divided(self) -> NDArray[np.float64]:
        """The logits divided by the baseline's temperature."""
        return self.said / self.beside.temperature


def means_forward(model: BertClassifier) -> Forward:
    """Returns what the heads of early exits read as one graph: ids, mask, types int32[B, L] to float32[B, E * H].

    The heads have no part in it, so that it stays what it is when they are fitted.
    """
    tokens = tf.TensorSpec([None, None], tf.int32)

    @tf.function(input_signature=[tokens, tokens, tokens], autograph=False)
    def run(*given: tf.Tensor) -> tf.Tensor:
        return tf.concat(exit_means(model, dict(zip(INPUTS, given, strict=True))), axis=1)

    return run


def means_of(
    model: BertClassifier, rows: Rows, buckets: Sequence[Bucket], *, run: Forward | None = None
) -> NDArray[np.float32]:
    """Returns what each head reads of N rows: float32[E, N, H].

    Args:
        model: with early exits.
        rows: of tokens.
        buckets: shapes that they come in.
        run: what :func:`means_forward` makes of the network, where it is there already: to make it takes seconds.
    """
    count, width = len(heads_of(model).after), model.config.hidden_size
    made = logits_of(run or means_forward(model), rows, buckets, classes=count * width)
    return np.moveaxis(made.reshape(-1, count, width), 1, 0)


def fit_heads(
    model: BertClassifier, rows: Rows, truth: NDArray[Any], buckets: Sequence[Bucket], *, run: Forward | None = None
) -> None:
    """Fits the heads of early exits on training rows, by what the network, which has learnt, makes of them.

    Args:
        model: with early exits; its heads take what was fitted.
        rows: N of training, of the classes.
        truth: int32[N], or bool[N, C].
        buckets: shapes that they come in.
        run: as in :func:`means_of`.
    """
    heads, classes = heads_of(model), model.config.num_labels
    paired = zip(heads.after, means_of(model, rows, buckets, run=run), strict=True)
    heads.take({layer: fit_linear(means, truth, classes=classes) for layer, means in paired})


def heads_of(model: BertClassifier) -> ExitHeads:
    """Returns the heads of early exits.

    Raises:
        ValueError: the network has none.
    """
    if model.exits is None:
        raise ValueError("the network has no early exits; expected one that was built with exits")
    return model.exits


def early_exits(
    model: BertClassifier,
    rows: Rows,
    buckets: Sequence[Bucket],
    whole: Predictions,
    scale: Scale,
    asked: AnswerSettings,
    *,
    heard: Heard | None = None,
    run: Forward | None = None,
) -> Early | None:
    """Calibrates each exit on validation rows, and plans how sure texts have to be to leave by it.

    Args:
        model: trained, with heads for early exits that were fitted.
        rows: of validation.
        buckets: shapes that they come in.
        whole: what the whole network says of them, calibrated, with the baseline where it is added.
        scale: on which its logits are read.
        asked: how answers are made.
        heard: the in-graph baseline, where there is one; it is added to what an exit says where that is better.
        run: as in :func:`means_of`.

    Returns:
        None where nobody may leave at all.
    """
    heads, inside = heads_of(model), in_scope(whole)
    made = heads([tf.constant(each) for each in means_of(model, rows, buckets, run=run)]).numpy()
    stacks = [_stack(made[:, place], heard, whole, inside, asked) for place in range(len(heads.after))]
    said = [
        made[:, place] if heard is None else added(made[:, place], heard.divided, stack)
        for place, stack in enumerate(stacks)
    ]
    read = [
        replace(_read(after, logits, whole, asked), stack=stack)
        for after, logits, stack in zip(heads.after, said, stacks, strict=True)
    ]
    plan = plan_exits(
        [_scores(each, logits, whole, inside) for each, logits in zip(read, said, strict=True)],
        correct(whole)[inside],
        layers=model.config.num_hidden_layers,
        bound=asked.exit_loss,
        certainty=asked.loss_confidence,
    )
    exits = [
        replace(each, threshold=threshold)
        for each, threshold in zip(read, plan.thresholds, strict=True)
        if threshold is not None
    ]
    beside = heard.beside if heard is not None and (heard.beside.stack or any(each.stack for each in exits)) else None
    return Early(answering_early(model, exits, scale, beside), plan) if exits else None


def _stack(
    logits: NDArray[np.float32],
    heard: Heard | None,
    whole: Predictions,
    inside: NDArray[np.bool_],
    asked: AnswerSettings,
) -> tuple[float, float] | None:
    """Returns what an exit and the baseline are weighted with, where the two are better than the exit alone."""
    if heard is None or asked.stack == "none":
        return None
    found = judge_stacking(logits[inside].astype(np.float64), heard.divided[inside], whole.truth[inside])
    return None if found is None else found.weights


def _read(after: int, logits: NDArray[np.float32], whole: Predictions, asked: AnswerSettings) -> Exit:
    """Fits how the logits of an exit are read, as it is done for those of the whole network."""
    several, inside = whole.kind == "multilabel", in_scope(whole)
    temperature = 1.0
    if asked.calibrate == "temperature":
        temperature = fit_temperature(logits, whole.truth, multilabel=several)
    scope = None
    if asked.scope != "none":
        scope = scope_threshold(scope_score(logits[inside], temperature), asked.scope)
    if scope is not None:
        # It is a row's own score, of which another batch may compute the last bits otherwise, and so another route.
        scope -= MARGIN * max(1.0, abs(scope))
    return Exit(after, np.inf, temperature, scope)


def _scores(read: Exit, logits: NDArray[np.float32], whole: Predictions, inside: NDArray[np.bool_]) -> ExitScores:
    several = whole.kind == "multilabel"
    made = scores(logits, temperature=read.temperature, multilabel=several)
    allowed = np.ones(len(logits), bool)
    if read.scope_threshold is not None:
        allowed = scope_score(logits, read.temperature) >= np.float32(read.scope_threshold)
    right = correct(replace(whole, logits=logits, scores=made))
    confidence = np.maximum(made, 1 - made).min(axis=1) if several else made.max(axis=1)
    return ExitScores(read.layer, confidence[inside], allowed[inside], right[inside])
