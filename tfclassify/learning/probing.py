"""A probe before a training: what the vectors of the network, as it is, tell of the classes of a few rows.

Fine-tuning starts from these vectors, so that it is expected to end above them; where they tell no more than the most
frequent class does, the data or the model are to be looked at first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from tfclassify.data.batches import Bucket
from tfclassify.data.labelling import Split, chosen, in_scope
from tfclassify.data.rows import Limits, rows_of
from tfclassify.learning.prediction import Forward, logits_of
from tfclassify.model.classifier import BertClassifier, build
from tfclassify.model.routes import INPUTS
from tfclassify.model.weights import Found
from tfclassify.quality.intervals import wilson

MOST_ROWS, JUDGED_SHARE = 1000, 0.3
# Fewer of a class tell nothing, and fewer in all have an interval that says nothing.
FEWEST_OF_A_CLASS, FEWEST_JUDGED = 2, 20
REGULARISATION, ITERATIONS = 10.0, 300
MOST_TOKENS = 16_384


@dataclass(frozen=True)
class Probe:
    """How many of the judged validation rows a logistic regression on the frozen vectors of ``rows`` others got right.

    ``most_frequent`` is the share of the judged rows that have the most frequent label; ``others`` has how many were
    right where texts are read in other ways, by the name of each.
    """

    rows: int
    judged: int
    right: int
    most_frequent: float
    seconds: float
    way: str = ""
    others: Mapping[str, int] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """What was found, with its 95 % interval."""
        low, high = wilson(self.right, self.judged)
        told = f"its frozen vectors of {self.rows} rows tell {self.right / self.judged:.3f} of {self.judged} others"
        said = f"a probe of {self.seconds:.1f} s: {told} right [{low:.3f}, {high:.3f}], and fine-tuning starts there"
        nothing = f"; the most frequent label alone is {self.most_frequent:.3f}: look at the data first"
        return said + (nothing if low <= self.most_frequent else "")

    @property
    def reading(self) -> str | None:
        """What other ways to read the same rows come to, with the planned one first; None where none was tried."""
        if not self.others:
            return None
        told = [f"{way} {right / self.judged:.3f}" for way, right in {self.way: self.right, **self.others}.items()]
        return f"of {self.judged} rows frozen vectors tell right: read {', '.join(told)}"


def probe(
    found: Found,
    train: Split,
    validation: Split,
    *,
    classes: int,
    ways: Mapping[str, Limits],
    most_rows: int,
    advance: Callable[[int, str], None] | None = None,
) -> Probe | str:
    """Fits a logistic regression on frozen vectors of some training rows, and judges it on some validation rows.

    Args:
        found: the network, of which nothing is trained.
        train: rows, of which each label gets as many as any other as long as it has them.
        validation: rows that are judged, those out of scope left out.
        classes: C labels, one a row.
        ways: how rows are packed, the planned way first, and others to compare it with.
        most_rows: that there is time for, of both together.
        advance: is told of rows done.

    Returns:
        What was found, or why nothing was looked for.
    """
    inside = chosen(validation, in_scope(validation))
    judged = min(len(inside), int(JUDGED_SHARE * min(most_rows, MOST_ROWS)))
    learnt = min(len(train), min(most_rows, MOST_ROWS) - judged)
    if judged < FEWEST_JUDGED or learnt < FEWEST_OF_A_CLASS * classes:
        return f"no probe: there is time and there are rows for {learnt} and {judged} to judge them by, too few"
    begun = time.perf_counter()
    some, others = _some(train, learnt), _evenly(inside, judged)
    model = build(found, labels=[str(label) for label in range(classes)], multilabel=False, dropout=0.0)
    (planned, right), *more = ((way, _right(model, some, others, limits, advance)) for way, limits in ways.items())
    frequent = float(np.bincount(others.truth, minlength=classes).max() / judged)
    return Probe(len(some), judged, right, frequent, time.perf_counter() - begun, planned, dict(more))


def _right(
    model: BertClassifier, some: Split, others: Split, limits: Limits, advance: Callable[[int, str], None] | None
) -> int:
    """Returns how many of the other rows are right, read in this way."""
    run, width = averaged(model, window=limits.max_length), int(model.config.hidden_size)
    learnt, judged = (_vectors(run, split, limits, width, advance) for split in (some, others))
    fitted = LogisticRegression(C=REGULARISATION, max_iter=ITERATIONS).fit(learnt, some.truth)
    return int((fitted.predict(judged) == others.truth).sum())


def averaged(model: BertClassifier, *, window: int) -> Forward:
    """Returns the encoder without dropout: ids, mask, types int32[B, L] to unit vectors float32[B, H].

    They are the means of the last layer over the tokens, as Sentence-BERT has them (Reimers and Gurevych, 2019). Where
    L is more than a window, windows lie side by side, and are encoded one by one.
    """
    tokens = tf.TensorSpec([None, None], tf.int32)

    @tf.function(input_signature=[tokens, tokens, tokens])
    def run(input_ids: tf.Tensor, attention_mask: tf.Tensor, token_type_ids: tf.Tensor) -> tf.Tensor:
        rows, columns = tf.unstack(tf.shape(input_ids))
        each = columns // tf.maximum(columns // window, 1)
        folded = (tf.reshape(given, [-1, each]) for given in (input_ids, attention_mask, token_type_ids))
        made = model.bert(dict(zip(INPUTS, folded, strict=True)), training=False).last_hidden_state
        states = tf.reshape(tf.cast(made, tf.float32), [rows, columns, model.config.hidden_size])
        mask = tf.cast(attention_mask, tf.float32)[:, :, None]
        return tf.math.l2_normalize(tf.reduce_sum(states * mask, axis=1), axis=1)

    return run


def _vectors(
    run: Forward, split: Split, limits: Limits, width: int, advance: Callable[[int, str], None] | None
) -> NDArray[np.float32]:
    rows = rows_of(split, limits)
    longest = int(rows.lengths.max())
    lengths = sorted({min(longest, 2**power) for power in range(3, longest.bit_length() + 1)} | {longest})
    buckets: list[Bucket] = [(max(1, min(32, MOST_TOKENS // length)), length) for length in lengths]
    return logits_of(run, rows, buckets, classes=width, advance=advance)


def _evenly(split: Split, number: int) -> Split:
    """Takes so many rows from all over a split, so that labels are about as frequent as they are in it."""
    mask = np.zeros(len(split), bool)
    mask[np.linspace(0, len(split) - 1, number).round().astype(np.int64)] = True
    return chosen(split, mask)


def _some(split: Split, number: int) -> Split:
    """Takes so many rows: the first of each label, then the second of each, and so on; their order says nothing."""
    order = np.argsort(split.truth, kind="stable")
    sorted_truth = split.truth[order]
    starts = np.searchsorted(sorted_truth, sorted_truth)
    turns = np.empty(len(split), np.int64)
    turns[order] = np.arange(len(split)) - starts
    mask = np.zeros(len(split), bool)
    mask[np.argsort(turns, kind="stable")[:number]] = True
    return chosen(split, mask)
