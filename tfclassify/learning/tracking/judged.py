"""What trackers may show of a network that has been judged: its answers, its pooled vectors, its graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfclassify.data.labelling import Split
from tfclassify.data.rows import rows_of
from tfclassify.learning.judging import Judgement
from tfclassify.learning.prediction import covering, logits_of, pooled
from tfclassify.learning.trained import Trained
from tfclassify.model.classifier import BertClassifier


@dataclass(frozen=True, eq=False)
class Judged:
    """A network that has been judged.

    Attributes:
        judgement: predictions by split, and the texts of the reported one, N of them.
        vectors: gives the pooled vectors of some of those rows by their places: int[R] to float32[R, H].
        graph: gives the graph of the forward pass.
    """

    judgement: Judgement
    vectors: Callable[[NDArray[np.integer]], NDArray[np.float32]]
    graph: Callable[[], tf.Graph]


def judged(trained: Trained, model: BertClassifier, judgement: Judgement, splits: Mapping[str, Split]) -> Judged:
    """Makes what trackers get; nothing is computed before one of them asks."""
    split = splits[judgement.reported]

    def vectors(places: NDArray[np.integer]) -> NDArray[np.float32]:
        some = replace(split, rows=split.rows[places], truth=split.truth[places])
        buckets = covering(trained.settings.train.buckets, trained.limits.columns)
        return logits_of(pooled(model), rows_of(some, trained.limits), buckets, classes=model.config.hidden_size)

    return Judged(judgement, vectors, lambda: trained.forward.get_concrete_function().graph)  # type: ignore[attr-defined]
