"""Which pre-trained network: by the letters of the texts, the goal, the rows, and the time and memory there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tfclassify.errors import UsageError
from tfclassify.hardware import Hardware
from tfclassify.planning.costs import answer_bytes, answer_seconds, epoch_seconds
from tfclassify.planning.facts import Decision, Facts
from tfclassify.planning.presets import PRESETS, EncoderSize
from tfclassify.planning.statistics import added, quantile_length, unknown_share
from tfclassify.settings import AUTO, Settings

CHINESE, MULTILINGUAL, MINILM = "bert-base-chinese", "multilingual", "minilm"
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
    "fast": ("minilm", "bert-tiny"),
    "balanced": ("minilm", "bert-tiny"),
    "best": ("bert-large", "bert-base", "minilm", "bert-tiny"),
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
    able = [name for name in wanted if not misses(asked, PRESETS[name].size, facts)]
    if not able:
        raise UsageError(_impossible(asked, facts, wanted))
    # What is nowhere at all is the finder's to refuse, which names the places.
    chosen = next((name for name in able if name not in nowhere), able[0])
    before = [name for name in wanted[: wanted.index(chosen)] if name not in able]
    slower = [f"{name} {misses(asked, PRESETS[name].size, facts)[0]}" for name in before]
    missing = [name for name in able[: able.index(chosen)] if name in nowhere]
    if missing:
        slower.append(f"the files of {' and '.join(missing)} are nowhere to be had")
    why = "; ".join([reason, *slower, *_baseline(asked, chosen, facts)])
    return Decision(chosen, why, source, _changes(asked, facts, missing))


def misses(asked: Settings, size: EncoderSize, facts: Facts) -> list[str]:
    """Says which of the limits of time and memory a model of this size would not keep, with what it would take."""
    found, known = [], replace(facts, encoder=size)
    length = usual_length(known)
    if (limit := asked.deploy.latency_ms) is not None:
        needed = 1000 * answer_seconds((1, length), known)
        if needed > limit:
            found.append(f"would take {needed:.3g} ms for a text of {length} tokens, and deploy.latency_ms={limit:g}")
    if (limit := asked.deploy.memory_mb) is not None:
        needed = answer_bytes((1, length), known) / 1e6
        if needed > limit:
            found.append(f"would take {needed:.0f} MB to answer, and deploy.memory_mb={limit:g}")
    return found


def usual_length(facts: Facts) -> int:
    """Returns the tokens of a text that is longer than nearly all others, as far as the model reads it."""
    lengths = added([split.lengths for split in facts.statistics.splits.values()])
    return max(1, min(facts.encoder.positions, quantile_length(lengths, COVERED_SHARE)))


def check_deployment(settings: Settings, facts: Facts) -> None:
    """Refuses a model that was asked for and does not keep the limits of its deployment.

    Raises:
        UsageError: it does not; says what it takes, and which model takes less.
    """
    found = misses(settings, facts.encoder, facts)
    if found:
        nearest = next((name for name in LADDERS["fast"] if not misses(settings, PRESETS[name].size, facts)), None)
        remedy = f"set model.name={nearest}" if nearest else _least(settings, facts)
        raise UsageError(f"{settings.model.name} {found[0]}; {remedy}")


def _wanted(asked: Settings, hardware: Hardware, facts: Facts) -> tuple[list[str], str, str]:
    """Returns the models to be tried in this order, why the first one comes first, and who says so."""
    shares = {script: share for script, share in facts.scripts.items() if script != "no letters"}
    latin, han = shares.get(LATIN, 0.0), shares.get(HAN, 0.0)
    if shares and latin < LEAST_SHARE * sum(shares.values()):
        name = CHINESE if han >= LEAST_SHARE * sum(shares.values()) else MULTILINGUAL
        letters = f"{han:.0%} of the texts are in Han letters" if name == CHINESE else _foreign(latin)
        return [name, MINILM, "bert-tiny"], letters, LANGUAGE_SOURCE
    unknown = unknown_share(facts.statistics.splits["train"])
    if unknown > MOST_UNKNOWN:
        reason = f"{unknown:.0%} of the tokens are unknown to an English vocabulary"
        return [MULTILINGUAL, MINILM, "bert-tiny"], reason, LANGUAGE_SOURCE
    if asked.goal == "best":
        return _best(asked, hardware, facts)
    size = PRESETS[MINILM].size
    reason = f"{size.layers} layers of width {size.width}, small enough to be trained on a processor"
    if asked.train.time_limit_minutes is not None and (slow := _too_slow(asked, MINILM, facts)):
        return ["bert-tiny", MINILM], slow, "the calibration of this machine"
    return list(LADDERS[asked.goal]), reason, BENCHMARK


def _best(asked: Settings, hardware: Hardware, facts: Facts) -> tuple[list[str], str, str]:
    rows, per_class = training_rows(facts)
    ladder = list(LADDERS["best"])
    if per_class < FEW_ROWS:
        return ladder[2:], f"{per_class:.0f} rows a class; its vectors tell sentences apart already", FEW_ROWS_SOURCE
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
    seconds = LEAST_EPOCHS * epoch_seconds(replace(facts, encoder=PRESETS[name].size))
    if seconds <= limit:
        return None
    told = f"{limit / 60:.0f} minutes are the most" if minutes is None else f"train.time_limit_minutes={minutes:g}"
    return f"{name} would take {seconds / 60:.1f} minutes for {LEAST_EPOCHS} epochs, and {told}"


def _baseline(asked: Settings, chosen: str, facts: Facts) -> Iterator[str]:
    """Recommends the baseline alone where a network cannot pay."""
    shares = facts.scripts
    foreign = shares and shares.get(LATIN, 0.0) < LEAST_SHARE * (1 - shares.get("no letters", 0.0))
    if foreign and chosen not in (CHINESE, MULTILINGUAL):
        yield f"{chosen} knows English only: TF-IDF with logistic regression, the baseline of the report, may do better"
    minutes = asked.train.time_limit_minutes
    if minutes is not None and (facts.calibration is not None or facts.hardware.accelerators):
        seconds = epoch_seconds(replace(facts, encoder=PRESETS[chosen].size))
        if seconds > 60 * minutes:
            yield (
                f"an epoch takes {seconds:.0f} seconds, more than train.time_limit_minutes={minutes:g}: "
                "TF-IDF with logistic regression, the baseline of the report, may do as well"
            )


def _changes(asked: Settings, facts: Facts, missing: Sequence[str]) -> str:
    said = [f"files of {name} on this machine (model.name=FOLDER)" for name in missing]
    others = " or ".join(f"goal={goal}" for goal in ("balanced", "best") if goal != asked.goal)
    return "; ".join([*said, f"{others}, texts in other letters, or limits in deploy"])


def _foreign(latin: float) -> str:
    return f"only {latin:.0%} of the texts are in Latin letters"


def _impossible(asked: Settings, facts: Facts, wanted: Sequence[str]) -> str:
    smallest = min(wanted, key=lambda name: PRESETS[name].size.parameters)
    return f"{smallest} {misses(asked, PRESETS[smallest].size, facts)[0]}; {_least(asked, facts)}"


def _least(asked: Settings, facts: Facts) -> str:
    """Says what the smallest model takes, in the words of a setting."""
    known = replace(facts, encoder=PRESETS["bert-tiny"].size)
    length = usual_length(known)
    milliseconds, megabytes = 1000 * answer_seconds((1, length), known), answer_bytes((1, length), known) / 1e6
    if asked.deploy.latency_ms is not None and milliseconds > asked.deploy.latency_ms:
        return f"expected at least deploy.latency_ms={_above(milliseconds)}, what bert-tiny takes, or shorter texts"
    return f"expected at least deploy.memory_mb={megabytes + 1:.0f}, what bert-tiny takes"


def _above(value: float) -> str:
    """Writes a number in three digits that is no smaller."""
    return f"{value * 1.005 + 1e-9:.3g}"
