"""How the network learns: how long, how fast, towards what, and when it stops."""

from __future__ import annotations

from math import ceil, inf, isinf

from tfclassify.planning.costs import batches_of_epoch, judging_seconds, planned_steps, seconds_of
from tfclassify.planning.deciders.models import BASELINE, training_rows
from tfclassify.planning.deciders.task import validation_rows
from tfclassify.planning.facts import Decision, Facts
from tfclassify.planning.statistics import imbalance
from tfclassify.settings import AUTO, Settings

EPOCHS = {"fast": 0.5, "balanced": 1.0, "best": 1.5}
FEWEST_EPOCHS, MOST_EPOCHS = 3, 20
# Of a class so many rows are seen on top of what FEWEST_EPOCHS see of it.
SEEN_OF_A_CLASS = 800
# Of so many rows or more an epoch is enough.
ROWS_SEEN = 300_000
DROPOUT = 0.1
# Falls to the 3.5e-5 of width 768, which lies among the rates of the BERT paper.
RATE_AT_WIDTH_384, FALL_WITH_WIDTH = 1e-4, 1.5
MANY_CLASSES, HIGHEST_FACTOR = 25, 3.0
UNEVEN = 20
# Of layers that begin with nothing: that of the layer which features go through, and else so many times the encoder's.
FEATURE_RATE, ADDED_FACTOR = 2e-3, 10.0
LEARNT_POOLS = ("attention", "hierarchical")
CHECKPOINTS, FEWEST_SECONDS, MOST_SECONDS = 20, 10.0, 600.0
NOT_AVERAGED = "not used: nothing is averaged"
AVERAGED_STEPS, REMEMBERED_SHARE = 100, 0.1
ROOM = 2.0


def decide_objectives(settings: Settings, facts: Facts) -> Decision:
    """Takes the likelihood of the labels."""
    if settings.model.task == "multilabel":
        return Decision(("binary_cross_entropy",), "labels are independent of each other")
    return Decision(("cross_entropy",), "a row has one label")


def decide_class_weights(settings: Settings, facts: Facts) -> Decision:
    """Favours small classes where they are so small that macro-F1 is what is judged by.

    Weights trade accuracy for recall of small classes; their square root is half of the way.
    """
    train = facts.statistics.splits["train"]
    ratio = imbalance(train.label_counts)
    if settings.model.task == "multilabel" or settings.train.metric not in (AUTO, "macro_f1"):
        return Decision("none", f"{_ratio(ratio)}, but {_judged(settings)}")
    if UNEVEN < ratio < inf:
        return Decision(
            "square_root", f"{_ratio(ratio)}; half of the way to balanced ones, as what is judged by is macro-F1"
        )
    return Decision("none", _ratio(ratio))


def decide_metric(settings: Settings, facts: Facts) -> Decision:
    """Judges by what people will ask for first."""
    if settings.model.task == "multilabel":
        return Decision("micro_f1", "with several labels a row, accuracy counts only rows that are right in all")
    ratio = imbalance(facts.statistics.splits["train"].label_counts)
    if ratio > UNEVEN:
        return Decision("macro_f1", _ratio(ratio))
    return Decision("accuracy", f"{_ratio(ratio)}; up to {UNEVEN} times leaves accuracy a fair judge")


def decide_epochs(settings: Settings, facts: Facts) -> Decision:
    """Takes more passes when a class has few rows, fewer when there are very many rows, and no more than time allows.

    Where the time is short, there is room for a machine that is faster than it is predicted to be.
    """
    rows, per_class = training_rows(facts)
    wanted = (FEWEST_EPOCHS + SEEN_OF_A_CLASS / max(per_class, 1)) * EPOCHS[settings.goal]
    epochs = min(MOST_EPOCHS, max(1, round(wanted)), max(1, ceil(ROWS_SEEN / rows)))
    why = f"{rows} training rows, {per_class:.0f} a class; goal={settings.goal}"
    fitting = _fitting_epochs(settings, facts)
    if fitting is not None and (most := max(1, ceil(ROOM * fitting))) < epochs:
        limit = f"about {fitting:.1f} of {epochs} epochs are made in train.time_limit_minutes"
        return Decision(most, f"{limit}={settings.train.time_limit_minutes:g} ({why})")
    return Decision(epochs, why)


def decide_dropout(settings: Settings, facts: Facts) -> Decision:
    """Drops as much in front of the head as inside the encoder, unless rows are so many that each is seen but once."""
    rows, epochs = training_rows(facts)[0], settings.train.epochs
    if epochs == 1 and rows >= ROWS_SEEN:
        return Decision(0.0, f"{rows} training rows, each of which is seen once: nothing can be learnt by heart")
    return Decision(DROPOUT, f"as in front of the head in the BERT paper; epochs={epochs} of {rows} training rows")


def decide_scheduled_steps(settings: Settings, facts: Facts) -> Decision:
    """Lets the rate fall to 0 when the time is over, by the predicted speed."""
    minutes, fitting = settings.train.time_limit_minutes, _fitting_epochs(settings, facts)
    if minutes is None or fitting is None:
        return Decision(None, "there is no time limit: all steps of the epochs are made")
    steps = planned_steps(settings, facts)
    scheduled = max(1, int(fitting * sum(number for number, _ in batches_of_epoch(settings, facts))))
    if scheduled >= steps:
        return Decision(None, f"all {steps} steps are predicted to be made in {minutes:g} minutes")
    return Decision(scheduled, f"of {steps} steps, by what they are predicted to take in {minutes:g} minutes")


def limit_too_short(settings: Settings, facts: Facts) -> str | None:
    """Says where complete settings have a time limit in which not one epoch is made; None where one is."""
    minutes, fitting = settings.train.time_limit_minutes, _fitting_epochs(settings, facts)
    if minutes is None or fitting is None:
        return None
    epoch = sum(number for number, _ in batches_of_epoch(settings, facts))
    made = max(1, int(fitting * epoch))
    # Whoever asks for fewer steps than an epoch has gets what was asked for.
    if made >= min(epoch, settings.train.steps or epoch):
        return None
    takes = f"which is predicted to take {minutes / fitting:.2g} minutes with its judgement"
    return (
        f"train.time_limit_minutes={minutes:g} is too short for one epoch, {takes}: {made} of its {epoch} steps are "
        f"made, and the rows of the others are not learnt from; {BASELINE}, may do as well"
    )


def _fitting_epochs(settings: Settings, facts: Facts) -> float | None:
    """Returns how many epochs fit into the time limit, with their judgements; None where there is no limit."""
    if settings.train.time_limit_minutes is None or not (batches := batches_of_epoch(settings, facts)):
        return None
    seconds = seconds_of(batches, settings, facts) + judging_seconds(settings, facts)
    return 60 * settings.train.time_limit_minutes / seconds


def decide_learning_rate(settings: Settings, facts: Facts) -> Decision:
    """Takes a higher peak for narrower networks, and where a new head has much to tell apart."""
    classes, width = len(facts.statistics.labels), facts.encoder.width
    independent = settings.model.task == "multilabel"
    factor = HIGHEST_FACTOR if independent else min(HIGHEST_FACTOR, max(1.0, classes / MANY_CLASSES))
    rate = RATE_AT_WIDTH_384 * (384 / width) ** FALL_WITH_WIDTH * factor
    kind = "independent labels" if independent else "classes"
    at = f"{rate / factor:.2g} at width {width}"
    if factor == 1.0:
        return Decision(float(f"{rate:.2g}"), f"{at}; up to {MANY_CLASSES} classes, here {classes}, ask for no more")
    return Decision(float(f"{rate:.2g}"), f"{at}, {factor:.3g} times that for {classes} {kind}")


def decide_added_learning_rate(settings: Settings, facts: Facts) -> Decision:
    """Takes the rate of new and small layers, which is above that of a pre-trained network."""
    rate, text = settings.train.learning_rate, settings.text
    if settings.data.features:
        if rate >= FEATURE_RATE:
            return Decision(rate, "as train.learning_rate, which is not below that of a new network")
        return Decision(FEATURE_RATE, f"the layers of features are new and small; at {rate:g} they would hardly move")
    if text.windows != 1 and text.pool in LEARNT_POOLS:
        reason = f"{ADDED_FACTOR:g} times train.learning_rate: {text.pool} over windows begins with nothing"
        return Decision(float(f"{ADDED_FACTOR * rate:.6g}"), reason)
    return Decision(rate, "not used: no layer is added to the network and its head")


def decide_warmup(settings: Settings, facts: Facts) -> Decision:
    """Rises over the first tenth."""
    return Decision(0.1, "Adam's moments are noise in the first steps")


def decide_weight_decay(settings: Settings, facts: Facts) -> Decision:
    """Decays as BERT was trained."""
    return Decision(0.01, "as in the BERT paper; none on biases and layer norms")


def decide_clip_norm(settings: Settings, facts: Facts) -> Decision:
    """Clips as BERT was trained."""
    return Decision(1.0, "as in BERT's own code; a single odd batch cannot undo what was learnt")


def decide_average(settings: Settings, facts: Facts) -> Decision:
    """Averages nothing unless it is asked for."""
    return Decision("none", "the rate falls to 0, so that the last steps move the weights less and less anyway")


def decide_average_start(settings: Settings, facts: Facts) -> Decision:
    """Leaves out the steps in which the weights still go somewhere."""
    if settings.train.average == "swa":
        return Decision(0.5, "over the second half of the steps, all of which count alike")
    return Decision(0.0, "early weights are soon forgotten" if settings.train.average == "ema" else NOT_AVERAGED)


def decide_average_every(settings: Settings, facts: Facts) -> Decision:
    """Takes a hundred of the steps: each costs a pass over all weights."""
    steps = planned_steps(settings, facts)
    every = max(1, steps // AVERAGED_STEPS)
    if settings.train.average == "none":
        return Decision(every, NOT_AVERAGED)
    return Decision(every, f"each costs a pass over all weights; there are {steps} steps in all")


def decide_average_decay(settings: Settings, facts: Facts) -> Decision:
    """Remembers a tenth of the training."""
    if settings.train.average != "ema":
        return Decision(
            0.0, NOT_AVERAGED if settings.train.average == "none" else "all steps since the start count alike"
        )
    remembered = max(1.0, planned_steps(settings, facts) * REMEMBERED_SHARE)
    decay = float(f"{1 - 1 / remembered:.6g}")
    return Decision(decay, f"about the latest {remembered:.0f} steps count")


def decide_early_stopping(settings: Settings, facts: Facts) -> Decision:
    """Waits for a third of the epochs, at least three: some tasks learn how rare labels are before all else."""
    if not validation_rows(facts):
        return Decision(0, "there are no validation rows to stop by")
    epochs = settings.train.epochs
    patience = max(3, ceil(epochs / 3))
    if epochs == 1:
        return Decision(patience, "not used: there is one epoch")
    return Decision(patience, f"{epochs} epochs with a falling rate; the last ones gain little each")


def decide_checkpoint_steps(settings: Settings, facts: Facts) -> Decision:
    """Saves twenty times, but neither while one is still being written nor so rarely that much would be lost."""
    total, batches = planned_steps(settings, facts), batches_of_epoch(settings, facts)
    if not batches:
        return Decision(0, "the shapes of the batches hold no training row")
    pace = seconds_of(batches, settings, facts) / sum(number for number, _ in batches)
    wanted = min(max(total / CHECKPOINTS, FEWEST_SECONDS / pace), MOST_SECONDS / pace)
    steps = max(1, min(ceil(wanted), total))
    return Decision(steps, f"of about {total} steps in all; {steps * pace:.0f} seconds of work, by the predicted speed")


def _judged(settings: Settings) -> str:
    several = settings.model.task == "multilabel"
    return "a row may have several labels" if several else f"what is judged by is {settings.train.metric}"


def _ratio(ratio: float) -> str:
    if isinf(ratio):
        return "there is a class without training rows"
    if f"{ratio:.3g}" == "1":
        return f"all classes have {'' if ratio == 1.0 else 'nearly '}the same number of rows"
    return f"the largest class has {ratio:.3g} times the rows of the smallest"


LEARNING = {
    "train.objectives": decide_objectives,
    "train.class_weights": decide_class_weights,
    "train.metric": decide_metric,
    "train.epochs": decide_epochs,
    "model.dropout": decide_dropout,
    "train.scheduled_steps": decide_scheduled_steps,
    "train.learning_rate": decide_learning_rate,
    "train.added_learning_rate": decide_added_learning_rate,
    "train.warmup_share": decide_warmup,
    "train.weight_decay": decide_weight_decay,
    "train.clip_norm": decide_clip_norm,
    "train.average": decide_average,
    "train.average_start": decide_average_start,
    "train.average_every": decide_average_every,
    "train.average_decay": decide_average_decay,
    "train.early_stopping": decide_early_stopping,
    "train.checkpoint_steps": decide_checkpoint_steps,
}
