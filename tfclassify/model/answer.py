"""From logits to answers, in the graph: calibrated scores, label names by falling score, in or out of scope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from tfclassify.model.routes import Routed
from tfclassify.model.rules import rule_of

NO_RULE = ""


@dataclass(frozen=True)
class Answering:
    """What turns the logits of C labels into answers.

    Attributes:
        labels: C names.
        multilabel: scores are sigmoids, and those from ``threshold`` on are chosen.
        temperature: logits are divided by it.
        threshold: of a score; multi-label only.
        scope_threshold: of a scope score; None takes every text for one of the classes.
        ruled: there are rules, whose names are in routes.
    """

    labels: Sequence[str]
    multilabel: bool
    temperature: float
    threshold: float
    scope_threshold: float | None
    ruled: bool = False


def answers(routed: Routed, masked: tf.Tensor, how: Answering) -> dict[str, tf.Tensor]:
    """Answers B texts.

    Args:
        routed: what the network says of each text, and by which route.
        masked: int32[B], spans of personal data that were masked in each text.
        how: names, calibration, thresholds.

    Returns:
        ``labels`` string[B, C] and ``scores`` float32[B, C] by falling score, of equal scores the first label first;
        ``label`` string[B], ``score`` float32[B], ``in_scope`` bool[B], ``scope_score`` float32[B], ``route``
        string[B], ``rule`` string[B], ``masked`` int32[B]; multi-label also ``chosen`` bool[B, C].
    """
    divided = routed.logits / tf.constant(how.temperature, tf.float32)
    scores, order = tf.math.top_k(_scores(divided, how), k=len(how.labels))
    labels = tf.gather(tf.constant(list(how.labels)), order)
    scope_scores = tf.constant(how.temperature, tf.float32) * tf.reduce_logsumexp(divided, axis=1)
    rows = tf.shape(routed.logits)[:1]
    made = {
        "labels": labels,
        "scores": scores,
        "label": labels[:, 0],
        "score": scores[:, 0],
        "in_scope": _in_scope(scope_scores, how),
        "scope_score": scope_scores,
        "route": routed.route,
        "rule": rule_of(routed.route) if how.ruled else tf.fill(rows, NO_RULE),
        "masked": masked,
    }
    return {**made, "chosen": scores >= how.threshold} if how.multilabel else made


def _scores(divided: tf.Tensor, how: Answering) -> tf.Tensor:
    return tf.sigmoid(divided) if how.multilabel else tf.nn.softmax(divided)


def _in_scope(scope_scores: tf.Tensor, how: Answering) -> tf.Tensor:
    if how.scope_threshold is None:
        return tf.ones_like(scope_scores, tf.bool)
    return scope_scores >= how.scope_threshold
