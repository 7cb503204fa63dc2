"""The training rows as they are learnt from: their weights, their features, and which windows a step reads."""

from __future__ import annotations

from dataclasses import replace

from tfclassify.data.corpus import Corpus
from tfclassify.data.rows import Limits, Rows, rows_of
from tfclassify.data.windowed import Sampling
from tfclassify.learning.features import encoded_rows
from tfclassify.learning.weighting import label_weights, row_weights
from tfclassify.model.features import Encoder
from tfclassify.settings import AUTO, Settings


def learnt_rows(corpus: Corpus, settings: Settings, limits: Limits, features: Encoder | None) -> Rows:
    """Returns the training rows with their weights, and what they are told beside the text."""
    rows = _weighted(training_rows(corpus, limits, settings), corpus, settings)
    return replace(rows, features=encoded_rows(features, corpus.splits["train"]))


def training_rows(corpus: Corpus, limits: Limits, settings: Settings) -> Rows:
    """Returns the training rows, of which a step reads no more windows than the settings say."""
    most = settings.train.windows
    sampled = limits.windowing is not None and most != AUTO and most < limits.windowing.most
    sampling = Sampling(most, settings.seed) if sampled else None
    return rows_of(corpus.splits["train"], limits, sampling=sampling)


def _weighted(rows: Rows, corpus: Corpus, settings: Settings) -> Rows:
    counts = corpus.statistics.splits["train"].label_counts
    by_label = label_weights(settings.train.class_weights, corpus.labels.names, counts)
    return replace(rows, weights=row_weights(corpus.splits["train"].truth, rows.weights, by_label))
