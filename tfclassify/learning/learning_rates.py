"""Learning rates before a training: what a few steps at the planned one, at a third and at three times it come to."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import tf_keras as keras

from tfclassify.data.batches import steps_per_epoch
from tfclassify.data.corpus import Corpus
from tfclassify.data.pieces import Pieces
from tfclassify.learning.checkpoints import put_values, take_values
from tfclassify.learning.features import encoder_of
from tfclassify.learning.learnt_rows import learnt_rows
from tfclassify.learning.networks import compiled, folding_of
from tfclassify.learning.strategies import STRATEGIES, set_precision
from tfclassify.learning.trained import limits_of
from tfclassify.learning.training import fed_batches, seeded
from tfclassify.model.classifier import BertClassifier
from tfclassify.model.weights import Found
from tfclassify.planning.planner import Plan
from tfclassify.settings import changed

FACTORS = (1.0, 1 / 3, 3.0)
FEWEST_STEPS, MOST_STEPS = 6, 24
# A loss so many times that of the untrained network is no noise of a batch.
CLEARLY = 1.25
# The rate rises for half of the steps: at once it would try what no training does.
WARMING = 0.5


@dataclass(frozen=True)
class RateCheck:
    """What so many ``steps`` at a rate, and at a third and three times it, come to.

    ``begun`` is the loss of the first batch before any step; ``ended``, by factor of the rate, the mean loss of the
    last third of the steps, None where one of them was no finite number.
    """

    rate: float
    steps: int
    begun: float
    ended: Mapping[float, float | None]
    seconds: float

    @property
    def lower(self) -> float | None:
        """A third of the rate, where the rate clearly diverges and its third does not; None to leave it."""
        if self._diverges(1.0) and not self._diverges(1 / 3):
            return float(f"{self.rate / 3:.2g}")
        return None

    @property
    def sentence(self) -> str:
        """What was found, with the losses."""
        told = [f"{_written(self.ended[factor])} at {self.rate * factor:.2g}" for factor in sorted(self.ended)]
        found = f"{self.steps} steps each in {self.seconds:.1f} s: a loss of {self.begun:.3g} becomes {', '.join(told)}"
        if self.lower is not None:
            return f"{found}; {self.rate:.2g} diverges"
        nothing = "; all of them diverge: look at the data first"
        return found + (nothing if all(map(self._diverges, self.ended)) else "")

    def _diverges(self, factor: float) -> bool:
        loss = self.ended[factor]
        return loss is None or loss > CLEARLY * self.begun


def check_rates(plan: Plan, corpus: Corpus, found: Found, pieces: Pieces, *, seconds: float) -> RateCheck | str:
    """Makes a few steps at the planned rate, at a third and at three times it, each from the same weights.

    Args:
        plan: complete settings; the steps are those of the training, but for a rate that rises for half of them.
        corpus: the data.
        found: the model's files.
        pieces: the tokenizer.
        seconds: that the steps may take, as they are predicted.

    Returns:
        What was found, or why nothing was looked for.
    """
    if plan.settings.train.strategy == "multi_worker":
        return "no look at learning rates: each machine might find another one"
    settings = changed(plan.settings, {"train.warmup_share": WARMING, "train.steps_per_execution": 1})
    set_precision(settings.train.precision)
    features = encoder_of(corpus.splits["train"], settings)
    rows = learnt_rows(corpus, settings, limits_of(pieces, settings.text), features)
    per_epoch = steps_per_epoch(rows.lengths, settings.train.buckets)
    affordable = int(seconds / len(FACTORS) / (plan.costs.seconds_per_epoch / per_epoch))
    steps = min(MOST_STEPS, affordable, per_epoch * settings.train.epochs)
    if steps < FEWEST_STEPS:
        return f"no look at learning rates: there is time, and there are batches, for {steps} steps each, too few"
    begun, strategy = time.perf_counter(), STRATEGIES[settings.train.strategy]()
    folding = folding_of(settings.train, strategy.num_replicas_in_sync)
    with seeded(settings):
        with strategy.scope():
            model = compiled(found, corpus, settings, features, total_steps=steps, folding=folding)
        losses = _tried(model, partial(fed_batches, rows, settings, strategy, folding, 0, 0), steps=steps)
    del model
    gc.collect()
    first = losses[1.0][0]
    ended = {factor: _ending(each) for factor, each in losses.items()}
    return RateCheck(
        settings.train.learning_rate,
        steps,
        float("inf") if first is None else first,
        ended,
        time.perf_counter() - begun,
    )


def _tried(model: BertClassifier, batches: Callable[[], Any], *, steps: int) -> Mapping[float, Sequence[float | None]]:
    """Returns the losses of the steps at each factor of the rate, begun with the same weights."""
    before, losses = take_values(model), {}
    for factor in FACTORS:
        put_values(model, before)
        losses[factor] = _losses(model, batches(), steps=steps, factor=factor)
    return losses


class _Watch(keras.callbacks.Callback):
    """Keeps the loss of each step, which Keras tells the running mean of; None where it was no finite number."""

    def __init__(self) -> None:
        super().__init__()
        self.sums, self.losses = (0.0, 0.0), list[float | None]()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        total, count = (float(each) for each in (self.model.mean_loss.total, self.model.mean_loss.count))
        rows = count - self.sums[1]
        self.losses.append((total - self.sums[0]) / rows if rows > 0 else None)
        self.sums = total, count


def _losses(model: BertClassifier, batches: Any, *, steps: int, factor: float) -> list[float | None]:
    optimizer: Any = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    optimizer.rate_factor.assign(factor)
    watch = _Watch()
    model.fit(batches, epochs=1, steps_per_epoch=steps, callbacks=[watch], verbose=0)
    return watch.losses


def _ending(losses: Sequence[float | None]) -> float | None:
    last = losses[-max(1, len(losses) // 3) :]
    finite = [loss for loss in last if loss is not None]
    return sum(finite) / len(finite) if len(finite) == len(last) else None


def _written(loss: float | None) -> str:
    return "no finite number" if loss is None else f"{loss:.3g}"
