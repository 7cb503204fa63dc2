"""What the task is, which network does it, and how its answers are made."""

from __future__ import annotations

from math import ceil
from statistics import NormalDist

from tfclassify.planning.deciders.models import choose_model
from tfclassify.planning.facts import Decision, Facts
from tfclassify.settings import Settings

SCOPE_SHARE = 0.95
FEATURE_WIDTH = 64
FEWEST_LAYERS = 4
LOSS_CONFIDENCE = 0.8


def decide_model(settings: Settings, facts: Facts) -> Decision:
    """Chooses by the data, the machine and the limits of its deployment."""
    return choose_model(settings, facts.hardware, facts)


def decide_task(settings: Settings, facts: Facts) -> Decision:
    """Tells one label a row from several, and two classes from more."""
    classes = len(facts.statistics.labels)
    if facts.statistics.multilabel:
        return Decision("multilabel", f"a row may have several of the {classes} labels")
    if classes == 2:
        return Decision("binary", "there are two labels, one a row")
    return Decision("multiclass", f"there are {classes} labels, one a row")


def decide_lower_case(settings: Settings, facts: Facts) -> Decision:
    """Treats letters as the model's vocabulary expects it."""
    kind = "lower-cased" if facts.lower_case else "cased"
    return Decision(facts.lower_case, f"the model's vocabulary is {kind}")


def decide_head_bias(settings: Settings, facts: Facts) -> Decision:
    """Lets independent labels begin as rare as they are, which is else the first thing to learn, and a slow one."""
    if settings.model.task == "multilabel":
        return Decision("shares", "most labels of a row are a no; what is left to learn is which are not")
    return Decision("zeros", "as in BERT's own code; of one label a row none is rare beforehand")


def decide_feature_width(settings: Settings, facts: Facts) -> Decision:
    """Gives text and features a hidden layer to meet in, where there are features."""
    if not settings.data.features:
        return Decision(FEATURE_WIDTH, "not used: there are no features beside the text")
    return Decision(
        FEATURE_WIDTH, f"{len(settings.data.features)} features; enough for what they and a text say together"
    )


def decide_loss_confidence(settings: Settings, facts: Facts) -> Decision:
    """Keeps losses within their bounds more surely than even odds, and not so surely that few rows allow nothing."""
    return Decision(
        LOSS_CONFIDENCE,
        f"four in five that answer.cascade and answer.exit_loss are kept on new texts, by {validation_rows(facts)} "
        "validation rows; 0.5 is faster, 0.95 less of a risk",
    )


def decide_exits(settings: Settings, facts: Facts) -> Decision:
    """Lets easy texts leave early where speed is what is asked for, and there are rows to show what it costs."""
    rows, layers, bound = validation_rows(facts), facts.encoder.layers, settings.answer.exit_loss
    if settings.goal != "fast":
        return Decision(
            (), f"goal={settings.goal}: all texts go through all layers; with goal=fast easy ones might not"
        )
    if settings.data.features:
        return Decision((), "heads of early exits read the text alone, and there are features beside it")
    if layers < FEWEST_LAYERS:
        return Decision((), f"of {layers} layers too little is saved; {FEWEST_LAYERS} would do")
    if not bound:
        return Decision(
            (), "answer.exit_loss=0: no text could leave, since no number of rows shows that nothing is lost"
        )
    needed = rows_to_show(float(bound), settings)
    if rows < needed:
        return Decision((), f"{rows} validation rows cannot show a loss below {bound:g}; {needed} could")
    step = max(1, layers // 6)
    exits = tuple(range(step, layers - 1, step))
    return Decision(exits, f"goal=fast; {layers} layers, and {rows} validation rows to plan by")


def decide_calibration(settings: Settings, facts: Facts) -> Decision:
    """Calibrates wherever there are rows to do it on."""
    rows = validation_rows(facts)
    if not rows:
        return Decision("none", "there are no validation rows to calibrate on")
    return Decision("temperature", f"one number is fitted on {rows} validation rows")


def decide_thresholds(settings: Settings, facts: Facts) -> Decision:
    """Chooses the threshold of labels by validation rows, where a row may have several."""
    rows = validation_rows(facts)
    if settings.model.task != "multilabel":
        return Decision(0.5, "not used: a row gets the label of the highest score")
    if not rows:
        return Decision(0.5, "there are no validation rows to choose by")
    return Decision("validation", f"the one with the highest micro-F1 on {rows} validation rows")


def decide_scope(settings: Settings, facts: Facts) -> Decision:
    """Calls a text out of scope that looks less like the classes than nearly all of the validation rows."""
    if settings.model.task == "multilabel":
        return Decision("none", "a row may have no label at all, which is no sign of being out of scope")
    rows = validation_rows(facts)
    if not rows:
        return Decision("none", "there are no validation rows to choose by")
    return Decision(SCOPE_SHARE, f"of {rows} validation rows; the share at which fpr_at_95_tpr is reported")


def rows_to_show(loss: float, settings: Settings) -> int:
    """Returns the fewest rows that can show, as surely as is asked for, that no more accuracy is lost than this."""
    # Without any difference in n rows, the limit is at this point of the normal distribution, divided by n + 2.
    return max(1, ceil(NormalDist().inv_cdf(float(settings.answer.loss_confidence)) / loss) - 2)


def validation_rows(facts: Facts) -> int:
    """Returns how many rows there are to choose the best epoch by, and to calibrate on."""
    splits = facts.statistics.splits
    return splits["validation"].rows - splits["validation"].out_of_scope if "validation" in splits else 0


TASK = {
    "model.name": decide_model,
    "model.task": decide_task,
    "model.head_bias": decide_head_bias,
    "model.feature_width": decide_feature_width,
    "answer.loss_confidence": decide_loss_confidence,
    "model.exits": decide_exits,
    "text.lower_case": decide_lower_case,
    "answer.calibrate": decide_calibration,
    "answer.thresholds": decide_thresholds,
    "answer.scope": decide_scope,
}
