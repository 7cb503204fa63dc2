"""What a training settles on its validation rows: calibration, and what the in-graph baseline is good for beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfclassify.data import ragged
from tfclassify.data.corpus import Corpus
from tfclassify.data.labelling import Split, in_scope
from tfclassify.data.rows import rows_of, some_rows
from tfclassify.display import Display
from tfclassify.learning.early import Early
from tfclassify.learning.exits import Heard, early_exits, fit_heads, means_forward
from tfclassify.learning.prediction import Forward, covering
from tfclassify.learning.routing import baseline_logits
from tfclassify.learning.score_calibration import calibrated
from tfclassify.learning.trained import Trained, predict_split
from tfclassify.learning.views import views_of_split
from tfclassify.model.cascades import InGraphBaseline, beside, together
from tfclassify.model.classifier import BertClassifier
from tfclassify.model.exits import Scale
from tfclassify.model.ngrams import NgramModel, margins
from tfclassify.planning.facts import Decision
from tfclassify.quality.calibration import scores
from tfclassify.quality.cascade_threshold import Threshold, cascade_threshold
from tfclassify.quality.ngram_fit import fit_ngrams
from tfclassify.quality.predictions import Predictions
from tfclassify.quality.stacking import FEWEST_ROWS, Stacking, judge_stacking
from tfclassify.quality.temperature import fit_temperature
from tfclassify.quality.thresholds import scope_threshold
from tfclassify.settings import AnswerSettings

STACK, CASCADE = "answer.stack", "answer.cascade"
# Of more training rows, or word pieces, a fixed random sample is fitted, for the baseline and for early exits.
MOST_ROWS, MOST_PIECES, MOST_ROWS_OF_HEADS = 50_000, 5_000_000, 20_000


@dataclass(frozen=True)
class Settled:
    """A classifier with all that its validation rows settled.

    ``decisions`` has what was decided, by settings key, with the reason; ``numbers`` what that rests on.
    """

    trained: Trained
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    numbers: Mapping[str, Any] = field(default_factory=dict)


def settle(trained: Trained, corpus: Corpus, model: BertClassifier, *, display: Display) -> Settled:
    """Calibrates a network on the validation rows, beside the in-graph baseline where the plan asks for one.

    The baseline is fitted on training rows only, so that what it says of the validation rows is honest.

    Args:
        trained: the network, without rules.
        corpus: the data.
        model: the network, with heads for early exits where it has any.
        display: gets the progress.
    """
    if "validation" not in corpus.splits:
        return Settled(trained)
    validation, asked = corpus.splits["validation"], trained.settings.answer
    predictions = predict_split(trained, validation)
    made = Settled(calibrated(trained, predictions))
    said = None
    if asked.stack != "none" or asked.cascade != "none":
        display.start("fitting the in-graph baseline", 0)
        ngrams = fit_on(trained, corpus.splits["train"])
        said = baseline_logits(ngrams, views_of_split(validation, trained.pieces))
        made, predictions = settle_stack(made.trained, predictions, said, ngrams)
    if model.exits is not None:
        display.start("fitting the heads of early exits", 0)
        run = means_forward(model)
        _fit_heads(trained, model, corpus.splits["train"], run)
        made = settle_exits(made, model, validation, predictions, said, run=run)
    if said is not None and asked.cascade != "none":
        made = settle_cascade(made, predictions, said)
    return without_idle_baseline(made)


def settle_exits(
    made: Settled,
    model: BertClassifier,
    validation: Split,
    predictions: Predictions,
    said: NDArray[np.float64] | None,
    *,
    run: Forward | None = None,
) -> Settled:
    """Settles how sure a text has to be to leave the network early, and whether the baseline is added to that.

    Args:
        made: the classifier, with the baseline where there is one.
        model: the network, with heads that were fitted.
        validation: its rows.
        predictions: of these, by the whole network, with the baseline where it is added.
        said: float64[N, C], the baseline's logits of the same rows.
        run: as in :func:`tfclassify.learning.exits.means_of`.
    """
    trained, asked = made.trained, made.trained.settings.answer
    several, added = trained.labels.multilabel, beside(trained.baseline)
    scored = scores(predictions.logits, temperature=trained.temperature, multilabel=several)
    early = early_exits(
        model,
        rows_of(validation, trained.limits),
        covering(trained.settings.train.buckets, trained.limits.columns),
        replace(predictions, scores=scored, thresholds=trained.threshold),
        Scale(several, trained.temperature, trained.scope_threshold),
        asked,
        heard=None if said is None or added is None else Heard(said, added),
        run=run,
    )
    decisions = dict(made.decisions)
    if early is not None and STACK in decisions:
        reason = f"{decisions[STACK].reason}; {_of_exits(early)}"
        decisions[STACK] = replace(decisions[STACK], reason=reason)
    return replace(made, trained=replace(trained, early=early), decisions=decisions)


def _fit_heads(trained: Trained, model: BertClassifier, train: Split, run: Forward) -> None:
    """Fits the heads on the training rows of the classes, or on a fixed sample of them."""
    inside = np.flatnonzero(in_scope(train))
    if len(inside) > MOST_ROWS_OF_HEADS:
        inside = np.sort(np.random.default_rng(0).choice(inside, MOST_ROWS_OF_HEADS, replace=False))
    buckets = covering(trained.settings.train.buckets, trained.limits.columns)
    fit_heads(model, some_rows(rows_of(train, trained.limits), inside), train.truth[inside], buckets, run=run)


def fit_on(trained: Trained, train: Split) -> NgramModel:
    """Fits the baseline on the training rows, or on a fixed sample of them."""
    inside = np.flatnonzero(in_scope(train))
    lengths = ragged.lengths(train.store.pieces)[train.rows[inside]].astype(np.int64)
    if train.store.pieces_b is not None:
        lengths += ragged.lengths(train.store.pieces_b)[train.rows[inside]]
    rows = inside[_sample(lengths)]
    pieces = views_of_split(train, trained.pieces).pieces(rows)
    buckets = trained.settings.answer.baseline_buckets
    return fit_ngrams(pieces, train.truth[rows], classes=len(trained.labels.names), buckets=buckets)


def _sample(lengths: NDArray[np.int64]) -> NDArray[np.intp]:
    """Returns the rows to fit, in their order: as many as can be afforded."""
    if len(lengths) <= MOST_ROWS and lengths.sum() <= MOST_PIECES:
        return np.arange(len(lengths))
    shuffled = np.random.default_rng(0).permutation(len(lengths))
    affordable = int(np.searchsorted(lengths[shuffled].cumsum(), MOST_PIECES, side="right"))
    return np.sort(shuffled[: max(1, min(MOST_ROWS, affordable))])


def settle_stack(
    trained: Trained, predictions: Predictions, said: NDArray[np.float64], model: NgramModel
) -> tuple[Settled, Predictions]:
    """Calibrates the baseline, and settles whether it is added to all that the network says.

    Args:
        trained: the network, calibrated, without rules.
        predictions: of the validation rows, by the network alone.
        said: float64[N, C], the baseline's logits of the same rows.
        model: the baseline.

    Returns:
        The classifier with the baseline, and the predictions of the two together.
    """
    several, asked = trained.labels.multilabel, trained.settings.answer
    baseline = InGraphBaseline(model, fit_temperature(said.astype(np.float32), predictions.truth, multilabel=several))
    if asked.stack == "none":
        return Settled(replace(trained, baseline=baseline)), predictions
    stacking = _stacking(baseline, predictions, said)
    baseline = replace(baseline, stack=None if stacking is None else stacking.weights)
    decision = Decision(asked.stack, _of_stack(stacking, rows=int(_inside(predictions).sum())))
    if baseline.stack is not None:
        predictions = replace(predictions, logits=together(baseline, predictions.logits, said))
        trained = calibrated(trained, predictions)
    numbers = None if stacking is None else asdict(stacking)
    return Settled(replace(trained, baseline=baseline), {STACK: decision}, {STACK: numbers}), predictions


def settle_cascade(made: Settled, predictions: Predictions, said: NDArray[np.float64]) -> Settled:
    """Settles what the baseline answers by itself.

    Args:
        made: with the baseline, by :func:`settle_stack`.
        predictions: of the validation rows, as that returned them.
        said: float64[N, C], the baseline's logits of the same rows.
    """
    trained, asked = made.trained, made.trained.settings.answer
    if trained.baseline is None:
        return made
    baseline, found = _cascade(trained.baseline, trained, predictions, said, bound=float(asked.cascade))
    decision = Decision(asked.cascade, _of_cascade(found, asked, baseline))
    return Settled(
        replace(trained, baseline=baseline),
        {**made.decisions, CASCADE: decision},
        {**made.numbers, CASCADE: None if found is None else asdict(found)},
    )


def without_idle_baseline(made: Settled) -> Settled:
    """Leaves the baseline out where nothing that was settled needs it."""
    trained = made.trained
    if trained.baseline is None:
        return made
    exits = () if trained.early is None else trained.early.leaving.exits
    used = (trained.baseline.stack, trained.baseline.margin, *(each.stack for each in exits))
    if any(each is not None for each in used):
        return made
    return replace(made, trained=replace(trained, baseline=None))


def _stacking(baseline: InGraphBaseline, predictions: Predictions, said: NDArray[np.float64]) -> Stacking | None:
    inside = _inside(predictions)
    network = predictions.logits[inside].astype(np.float64)
    return judge_stacking(network, said[inside] / baseline.temperature, predictions.truth[inside])


def _cascade(
    baseline: InGraphBaseline, trained: Trained, predictions: Predictions, said: NDArray[np.float64], *, bound: float
) -> tuple[InGraphBaseline, Threshold | None]:
    asked, inside = trained.settings.answer, _inside(predictions)
    best, truth = said.max(axis=1), predictions.truth[inside]
    least = None if asked.scope == "none" else scope_threshold(best[inside], asked.scope)
    # A margin is never below 0: what looks like no class is never sure enough.
    confidence = margins(said) if least is None else np.where(best >= least, margins(said), -1.0)
    found = cascade_threshold(
        confidence[inside],
        said[inside].argmax(axis=1) == truth,
        predictions.logits[inside].argmax(axis=1) == truth,
        bound=bound,
        certainty=asked.loss_confidence,
    )
    if found is None or found.share < asked.cascade_share:
        return baseline, found
    return replace(baseline, margin=found.confidence, least=least), found


def _inside(predictions: Predictions) -> NDArray[np.bool_]:
    if predictions.truth.ndim == 2:
        return np.ones(len(predictions.truth), bool)
    return predictions.truth >= 0


def _of_stack(found: Stacking | None, *, rows: int) -> str:
    if found is None:
        return f"not taken: in-scope validation rows to judge by: {rows}; expected at least {FEWEST_ROWS}"
    gain = f"{found.gain:.4f} nats a row ({found.interval[0]:.4f} to {found.interval[1]:.4f})"
    right = f"right {found.right[0]:.4f} alone, {found.right[1]:.4f} together"
    on = f"on {found.rows} validation rows left out of the fit the two gain {gain}, {right}"
    if found.weights is None:
        return f"not taken: {on}"
    return f"taken, the network weighs {found.weights[0]:.3g} and the baseline {found.weights[1]:.3g}: {on}"


def _of_exits(early: Early) -> str:
    layers = [str(each.layer) for each in early.leaving.exits if each.stack is not None]
    if not layers:
        return "no early exit is better with it"
    return f"early exits that are better with it: after layers {', '.join(layers)}"


def _of_cascade(found: Threshold | None, asked: AnswerSettings, baseline: InGraphBaseline) -> str:
    if found is None:
        return f"not taken: the baseline is nowhere sure enough, asked for a certainty of {asked.loss_confidence:g}"
    loss = f"loses {found.loss:.4f} ({found.interval[0]:.4f} to {found.interval[1]:.4f}) of the accuracy"
    share = f"it answers {found.share:.1%} of {found.rows} validation rows and {loss}"
    if baseline.margin is None:
        return f"not taken: {share}; fewer than answer.cascade_share={asked.cascade_share:g} are not worth looking up"
    return f"taken from {found.confidence:.3g} between the best and the second logit: {share}"
