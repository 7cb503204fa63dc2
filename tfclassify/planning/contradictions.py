"""What was asked and cannot be, with these data and this model; said before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence

from tfclassify.errors import UsageError, excerpt, nearest
from tfclassify.planning.deciders.models import check_deployment
from tfclassify.planning.deciders.task import decide_task, validation_rows
from tfclassify.planning.facts import Facts
from tfclassify.planning.windows import SPECIALS, longest_columns
from tfclassify.settings import Settings

# The package's own objectives by what a row has: the one label, or several.
FITTING = {False: "cross_entropy", True: "binary_cross_entropy"}
LEAST_LENGTH_OF_PAIRS = 5
NAMED_LABELS = 10


def check(settings: Settings, facts: Facts) -> None:
    """Compares complete settings with the facts.

    Raises:
        UsageError: the data or the model contradict them.
    """
    _check_task(settings, facts)
    _check_objectives(settings, facts)
    _check_exits(settings, facts)
    _check_validation(settings, facts)
    _check_length(settings, facts)
    _check_windows(settings, facts)
    _check_buckets(settings, facts)
    _check_accumulation(settings)
    _check_rules(settings, facts)
    _check_cascade(settings)
    check_deployment(settings, facts)


def _check_task(settings: Settings, facts: Facts) -> None:
    found = decide_task(settings, facts)
    if settings.model.task != found.value:
        raise UsageError(f"model.task is '{settings.model.task}', but {found.reason}; expected {found.value}")


def _check_objectives(settings: Settings, facts: Facts) -> None:
    several = facts.statistics.multilabel
    names = [term if isinstance(term, str) else next(iter(term), "") for term in settings.train.objectives]
    if FITTING[not several] in names:
        rows = "a row may have several labels" if several else "a row has one label"
        raise UsageError(f"train.objectives has '{FITTING[not several]}', but {rows}; expected {FITTING[several]}")


def _check_exits(settings: Settings, facts: Facts) -> None:
    exits, layers = settings.model.exits, facts.encoder.layers
    if not exits:
        return
    asked = f"model.exits is {list(exits)}"
    if exits[-1] >= layers:
        raise UsageError(f"{asked}; expected layers before the last of the model's {layers}")
    if settings.data.features:
        raise UsageError(f"{asked}, but the heads of early exits read the text alone; leave out data.features")
    if not validation_rows(facts):
        raise UsageError(f"{asked}, but how sure texts have to be is planned by validation rows; give data.validation")


def _check_validation(settings: Settings, facts: Facts) -> None:
    if validation_rows(facts):
        return
    answer, patience = settings.answer, settings.train.early_stopping
    needing = {
        f"answer.calibrate is '{answer.calibrate}'": answer.calibrate != "none",
        f"answer.thresholds is '{answer.thresholds}'": answer.thresholds == "validation"
        and facts.statistics.multilabel,
        f"train.early_stopping is {patience}": patience != 0,
        f"answer.stack is '{answer.stack}'": answer.stack != "none",
        f"answer.cascade is {answer.cascade}": answer.cascade != "none",
    }
    for what, needed in needing.items():
        if needed:
            raise UsageError(f"{what}, but there are no validation rows; give data.validation or data.validation_share")


def _check_length(settings: Settings, facts: Facts) -> None:
    length, positions = settings.text.max_length, facts.encoder.positions
    if length > positions:
        raise UsageError(f"text.max_length is {length}; expected at most {positions}, the tokens that the model reads")
    if facts.statistics.pairs and length < LEAST_LENGTH_OF_PAIRS:
        raise UsageError(f"text.max_length is {length}; expected at least {LEAST_LENGTH_OF_PAIRS} for pairs of texts")


def _check_windows(settings: Settings, facts: Facts) -> None:
    text, room = settings.text, settings.text.max_length - SPECIALS
    if facts.statistics.pairs and (text.windows > 1 or text.keep != "head"):
        asked = f"text.windows is {text.windows}" if text.windows > 1 else f"text.keep is '{text.keep}'"
        raise UsageError(f"{asked}, but rows are pairs of texts; expected one window with the heads of both")
    if text.window_stride > room:
        raise UsageError(
            f"text.window_stride is {text.window_stride}, but a window of {text.max_length} tokens holds {room} "
            f"word pieces; expected at most {room}, or tokens between windows would not be read"
        )


def _check_buckets(settings: Settings, facts: Facts) -> None:
    end, positions, text = settings.train.buckets[-1][1], facts.encoder.positions, settings.text
    odd = [length for _, length in settings.train.buckets if length > text.max_length and length % text.max_length]
    if text.windows > 1 and odd:
        raise UsageError(
            f"train.buckets has a shape of {odd[0]} tokens; expected whole windows of "
            f"text.max_length={text.max_length} tokens in those that are longer"
        )
    if end > positions * text.windows:
        raise UsageError(
            f"train.buckets goes up to {end} tokens; expected at most {positions * text.windows}, which the model reads"
        )
    longest = longest_columns(settings, facts)
    if end < longest:
        raise UsageError(
            f"train.buckets goes up to {end} tokens, but training texts have up to {longest}; "
            f"give a longer shape, or set text.max_length={end}"
        )


def _check_accumulation(settings: Settings) -> None:
    parts, (rows, length) = settings.train.accumulation_steps, min(settings.train.buckets)
    if parts > rows:
        raise UsageError(
            f"train.accumulation_steps is {parts}, but batches of {length} tokens have {rows} rows; "
            f"expected at most {rows}, a row in each part"
        )


def _check_rules(settings: Settings, facts: Facts) -> None:
    labels = facts.statistics.labels
    for rule in settings.answer.rules:
        if rule.label not in labels:
            raise UsageError(
                f"answer.rules: {rule.name} gives the label '{rule.label}', which no training row has"
                f"{nearest(rule.label, labels) or _labels(labels)}"
            )
        if rule.column == "text_b" and not facts.statistics.pairs:
            raise UsageError(
                f"answer.rules: {rule.name} looks in text_b, but the data have single texts; expected text"
            )


def _labels(labels: Sequence[str]) -> str:
    shown = ", ".join(f"'{excerpt(label)}'" for label in labels[:NAMED_LABELS])
    return f"; expected one of {shown}{', ...' * (len(labels) > NAMED_LABELS)}"


def _check_cascade(settings: Settings) -> None:
    if settings.answer.cascade != "none" and settings.model.task == "multilabel":
        raise UsageError(
            f"answer.cascade is {settings.answer.cascade}, but a row may have several labels; expected none"
        )
