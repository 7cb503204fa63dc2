"""Which pre-trained network: by the letters of the texts, the goal, the rows, and the time and memory there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tfclassify.errors import UsageError
from tfclassify.hardware import Hardware
from tfclassify.planning.buckets import Bucket
from tfclassify.planning.costs import answer_bytes, answer_seconds, epoch_seconds
from tfclassify.planning.facts import Decision, Facts
from tfclassify.planning.presets import PRESETS
from tfclassify.planning.statistics import added, quantile_length, unknown_share
from tfclassify.planning.windows import SPECIALS, answered_shape, expected_windows
from tfclassify.settings import AUTO, Settings, changed

CHINESE, MULTILINGUAL, MINILM, SMALLEST = "bert-base-chinese", "multilingual", "minilm", "bert-tiny"
BASELINE = "TF-IDF with logistic regression, the baseline of the report"
OF_OTHER_LETTERS = (CHINESE, MULTILINGUAL)
LATIN, HAN = "Latin", "Han"
# Below it, the texts in other letters are more than oddities.
LEAST_SHARE = 0.8
MOST_UNKNOWN = 0.2
FEW_ROWS, MANY_ROWS = 8, 10_000
LONGEST_SECONDS = 3600.0
LEAST_EPOCHS = 3
COVERED_SHARE = 0.995
# Models of texts in Latin letters by what is taken first; the others follow where it cannot be.
LADDERS: Mapping[str, Sequence[str]] = {
    "fast": (MINILM, SMALLEST),
    "balanced": (MINILM, SMALLEST),
    "best": ("bert-large", "bert-base", MINILM, SMALLEST),
}
BENCHMARK = "benchmarks/results/training.jsonl: minilm is 1.6 to 8.7 points above the baseline on 5 data sets"
FEW_ROWS_SOURCE = "Tunstall et al., Efficient Few-Shot Learning Without Prompts (2022)"
LARGER_SOURCE = "Devlin et al., BERT (2019), tables 1 and 5: accuracy grows with size on all their tasks"
LANGUAGE_SOURCE = (
    "Devlin et al., BERT (2019): the vocabulary is that of English text; Chinese and multilingual ones exist"
)


def choose_model(
    asked: Settings, hardware: Hardware, facts: Facts | None = None, *, nowhere: Sequence[str] = ()
) -> Decision:
    """Chooses the pre-trained model.

    Args:
        asked: what is asked for; of a name that is asked for nothing is left to choose.
        hardware: the machine.
        facts: what is known of the data; None before they are read, by the vocabulary of a model that is chosen so.
        nowhere: models whose files are nowhere to be had.

    Raises:
        UsageError: no model is as fast or as small as it has to be.
    """
    if asked.model.name != AUTO:
        return Decision(asked.model.name, "as asked")
    if facts is None:
        return Decision(MINILM, "its vocabulary serves to count, until the data are known")
    wanted, reason, source = _wanted(asked, hardware, facts)
    able = [name for name in wanted if not misses(asked, _with(name, facts))]
    if not able:
        raise UsageError(_impossible(asked, facts, wanted))
    # What is nowhere at all is the finder's to refuse, which names the places.
    chosen = next((name for name in able if name not in nowhere), able[0])
    said = [
        f"{name} {misses(asked, _with(name, facts))[0]}" for name in wanted[: wanted.index(chosen)] if name not in able
    ]
    missing = [name for name in able[: able.index(chosen)] if name in nowhere]
    if missing:
        said.append(f"the files of {' and '.join(missing)} are nowhere to be had")
    alone = baseline_alone(changed(asked, {"model.name": chosen}), _with(chosen, facts))
    why = "; ".join([reason, *said, *filter(None, [alone])])
    return Decision(chosen, why, source, _changes(asked, missing))


def misses(settings: Settings, facts: Facts) -> list[str]:
    """Says which of the limits of its deployment the model would not keep, with what it would take."""
    found, (rows, length) = [], usual_shape(settings, facts)
    if (limit := settings.deploy.latency_ms) is not None:
        needed = 1000 * answer_seconds((rows, length), facts)
        if needed > limit:
            tokens = f"{rows * length} tokens"
            found.append(f"would take {needed:.3g} ms for a text of {tokens}, and deploy.latency_ms={limit:g}")
    if (limit := settings.deploy.memory_mb) is not None:
        needed = answer_bytes((rows, length), facts) / 1e6
        if needed > limit:
            found.append(f"would take {needed:.0f} MB to answer, and deploy.memory_mb={limit:g}")
    return found


def usual_shape(settings: Settings, facts: Facts) -> Bucket:
    """Returns what the encoder gets of a text that is longer than nearly all others: windows, and their length.

    What was not planned yet counts as what costs least: a text is one window, as long as the model reads.
    """
    text, positions = settings.text, facts.encoder.positions
    lengths = added([split.lengths for split in facts.statistics.splits.values()])
    tokens = max(1, quantile_length(lengths, COVERED_SHARE))
    window = positions if text.max_length == AUTO else min(text.max_length, positions)
    if text.windows in (AUTO, 1) or tokens <= window:
        return 1, min(window, tokens)
    stride = window - SPECIALS if text.window_stride == AUTO else text.window_stride
    read = text.model_copy(update={"max_length": window, "window_stride": stride})
    return answered_shape((1, window * expected_windows(tokens, read)), read)


def check_deployment(settings: Settings, facts: Facts) -> None:
    """Refuses what was asked for where it does not keep the limits of its deployment.

    Raises:
        UsageError: it does not; says what it takes, and which model takes less.
    """
    found = misses(settings, facts)
    if found:
        nearest = next((name for name in LADDERS["fast"] if not misses(settings, _with(name, facts))), None)
        remedy = f"set model.name={nearest}" if nearest else _least(settings, facts)
        raise UsageError(f"{settings.model.name} {found[0]}; {remedy}")


def by_letters(facts: Facts) -> str | None:
    """Returns the model of texts in other letters than Latin; None where most letters are Latin, or none are known."""
    shares = {script: share for script, share in facts.scripts.items() if script != "no letters"}
    least = LEAST_SHARE * sum(shares.values())
    if not shares or shares.get(LATIN, 0.0) >= least:
        return None
    return CHINESE if shares.get(HAN, 0.0) >= least else MULTILINGUAL


def baseline_alone(settings: Settings, facts: Facts) -> str | None:
    """Says where training a network cannot pay, so that the baseline alone would be the answer; None where it can."""
    if (said := english_only(settings, facts)) is not None:
        return said
    if settings.train.time_limit_minutes is None or (facts.calibration is None and not facts.hardware.accelerators):
        return None
    seconds, limit = epoch_seconds(settings, facts), settings.train.time_limit_minutes
    if seconds <= 60 * limit:
        return None
    too_long = f"an epoch takes {seconds:.0f} seconds, more than train.time_limit_minutes={limit:g}"
    return f"{too_long}: {BASELINE}, may do as well"


def english_only(settings: Settings, facts: Facts) -> str | None:
    """Says where the texts are in letters that the model does not know; None where it does."""
    if by_letters(facts) is None or settings.model.name not in LADDERS["best"]:
        return None
    return f"{settings.model.name} knows English only: {BASELINE}, may do better"


def _with(name: str, facts: Facts) -> Facts:
    return replace(facts, encoder=PRESETS[name].size)


def _wanted(asked: Settings, hardware: Hardware, facts: Facts) -> tuple[list[str], str, str]:
    """Returns the models to be tried in this order, why the first one comes first, and who says so."""
    if (name := by_letters(facts)) is not None:
        script, told = (HAN, "{:.0%} of") if name == CHINESE else (LATIN, "only {:.0%} of")
        letters = f"{told.format(facts.scripts.get(script, 0.0))} the texts are in {script} letters"
        return [name, MINILM, SMALLEST], letters, LANGUAGE_SOURCE
    unknown = unknown_share(facts.statistics.splits["train"])
    if unknown > MOST_UNKNOWN:
        reason = f"{unknown:.0%} of the tokens are unknown to an English vocabulary"
        return [MULTILINGUAL, MINILM, SMALLEST], reason, LANGUAGE_SOURCE
    if asked.goal == "best":
        return _best(asked, hardware, facts)
    size = PRESETS[MINILM].size
    reason = f"{size.layers} layers of width {size.width}, small enough to be trained on a processor"
    if asked.train.time_limit_minutes is not None and (slow := _too_slow(asked, MINILM, facts)):
        return [SMALLEST, MINILM], slow, "the calibration of this machine"
    return list(LADDERS[asked.goal]), reason, BENCHMARK


def _best(asked: Settings, hardware: Hardware, facts: Facts) -> tuple[list[str], str, str]:
    rows, per_class = training_rows(facts)
    ladder = list(LADDERS["best"])
    if per_class < FEW_ROWS:
        return ladder[2:], f"{per_class:.3g} rows a class; its vectors tell sentences apart already", FEW_ROWS_SOURCE
    if not hardware.accelerators or rows < MANY_ROWS:
        ladder.remove("bert-large")
    size, slow = PRESETS[MINILM].size, None
    for place, name in enumerate(ladder[: ladder.index(MINILM)]):
        slow = _too_slow(asked, name, facts)
        if slow is None:
            reason = f"goal=best, and {PRESETS[name].size.layers} layers can be trained on {rows} rows in time"
            return ladder[place:], reason, LARGER_SOURCE
    return ladder[ladder.index(MINILM) :], f"{size.layers} layers of width {size.width}; {slow}", BENCHMARK


def training_rows(facts: Facts) -> tuple[int, float]:
    """Returns the training rows, and how many of them a class has on average."""
    train = facts.statistics.splits["train"]
    return train.rows, sum(train.label_counts.values()) / len(facts.statistics.labels)


def _too_slow(asked: Settings, name: str, facts: Facts) -> str | None:
    """Says how long a model would train, where that is more than it may; None where it may or nobody knows."""
    if facts.calibration is None and not facts.hardware.accelerators:
        return None
    minutes = asked.train.time_limit_minutes
    limit = LONGEST_SECONDS if minutes is None else 60 * minutes
    seconds = LEAST_EPOCHS * epoch_seconds(asked, _with(name, facts))
    if seconds <= limit:
        return None
    told = f"{limit / 60:.0f} minutes are the most" if minutes is None else f"train.time_limit_minutes={minutes:g}"
    return f"{name} would take {seconds / 60:.1f} minutes for {LEAST_EPOCHS} epochs, and {told}"


def _changes(asked: Settings, missing: Sequence[str]) -> str:
    said = [f"files of {name} on this machine (model.name=FOLDER)" for name in missing]
    others = " or ".join(f"goal={goal}" for goal in ("balanced", "best") if goal != asked.goal)
    return "; ".join([*said, f"{others}, texts in other letters, or limits in deploy"])


def _impossible(asked: Settings, facts: Facts, wanted: Sequence[str]) -> str:
    smallest = min(wanted, key=lambda name: PRESETS[name].size.parameters)
    return f"{smallest} {misses(asked, _with(smallest, facts))[0]}; {_least(asked, facts)}"


def _least(settings: Settings, facts: Facts) -> str:
    """Says that the baseline is left, and what the smallest model takes in the words of a setting."""
    known = _with(SMALLEST, facts)
    shape = usual_shape(settings, known)
    milliseconds, megabytes = 1000 * answer_seconds(shape, known), answer_bytes(shape, known) / 1e6
    slow = settings.deploy.latency_ms is not None and milliseconds > settings.deploy.latency_ms
    least = f"deploy.latency_ms={_above(milliseconds)}" if slow else f"deploy.memory_mb={megabytes + 1:.0f}"
    shorter = ", or a smaller text.max_length" if slow else ""
    return f"{BASELINE}, alone would be the answer; expected at least {least}, what {SMALLEST} takes{shorter}"


def _above(value: float) -> str:
    """Writes a number in three digits that is no smaller."""
    return f"{value * 1.005 + 1e-9:.3g}"
