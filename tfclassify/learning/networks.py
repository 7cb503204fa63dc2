"""The network of complete settings, compiled with its step and its optimizer."""

from __future__ import annotations

import tf_keras as keras

from tfclassify.data.corpus import Corpus
from tfclassify.data.shares import share_shapes
from tfclassify.learning.averages import Average
from tfclassify.learning.long_texts import windowed_of
from tfclassify.learning.objectives import choose
from tfclassify.learning.optimizers import AdamW, WarmupLinearDecay
from tfclassify.learning.step import Folding, training_step
from tfclassify.learning.weighting import head_bias
from tfclassify.model.classifier import ADDED_SCOPES, BertClassifier, build
from tfclassify.model.features import Encoder
from tfclassify.model.weights import Found
from tfclassify.settings import Settings, TrainSettings


def folding_of(train: TrainSettings, replicas: int) -> Folding | None:
    """Returns the static shapes of a replica's batches; None where a batch may have any shape."""
    if train.shapes == "dynamic":
        return None
    shapes = share_shapes(train.buckets, shares=replicas, multiple=train.accumulation_steps)
    return Folding(shapes, compiled=train.shapes == "compiled", rows=train.embedding_updates == "rows")


def compiled(
    found: Found,
    corpus: Corpus,
    settings: Settings,
    features: Encoder | None,
    *,
    total_steps: int,
    folding: Folding | None,
) -> BertClassifier:
    """Builds the network of complete settings, compiled with its step and with an optimizer of so many steps."""
    train = settings.train
    labels, counted = corpus.labels, corpus.statistics.splits["train"]
    model = build(
        found,
        labels=labels.names,
        multilabel=labels.multilabel,
        dropout=settings.model.dropout,
        features=None if features is None else features.measures,
        windows=windowed_of(settings.text),
        exits=settings.model.exits,
        bias=head_bias(
            settings.model.head_bias,
            labels.names,
            counted.label_counts,
            rows=counted.rows,
            multilabel=labels.multilabel,
        ),
    )
    rate = WarmupLinearDecay(
        train.learning_rate, warmup_steps=round(train.warmup_share * total_steps), total_steps=total_steps
    )
    optimizer = AdamW(
        rate,
        weight_decay=train.weight_decay,
        clip_norm=train.clip_norm,
        row_wise=train.embedding_updates == "rows",
        average=_average(train, total_steps),
        multiples=dict.fromkeys(ADDED_SCOPES, train.added_learning_rate / train.learning_rate),
    )
    if train.precision == "float16":
        optimizer = keras.mixed_precision.LossScaleOptimizer(optimizer)
    step = training_step(
        choose(train.objectives), accumulation_steps=train.accumulation_steps, folding=folding, seed=settings.seed
    )
    model.compile(optimizer=optimizer, step=step, steps_per_execution=train.steps_per_execution)
    # A step that has to make the optimizer's variables first is traced twice.
    optimizer.build(model.trainable_variables)
    return model


def _average(train: TrainSettings, total_steps: int) -> Average | None:
    if train.average == "none":
        return None
    start = 1 + round(train.average_start * total_steps)
    return Average(train.average, start=start, every=train.average_every, decay=train.average_decay)
