"""What else could have been planned: models, lengths and batch sizes, with what each of them would cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tfclassify.planning.buckets import Bucket, choose_lengths, make_buckets
from tfclassify.planning.costs import answer_seconds, is_averaged, peak_memory_bytes, training_seconds
from tfclassify.planning.deciders.models import OF_OTHER_LETTERS, by_letters
from tfclassify.planning.evidence import Band, expected_accuracy
from tfclassify.planning.facts import Facts
from tfclassify.planning.presets import PRESETS
from tfclassify.planning.statistics import cut_lengths, rows_over
from tfclassify.planning.windows import answered_shape, encoder_shape, whole_tokens
from tfclassify.settings import Settings, TextSettings

MODELS = ("bert-tiny", "minilm", "bert-base", "bert-large")
BATCH_SIZES = (16, 32)
ANSWERED_LENGTHS, BATCH = (16, 32, 64, 128, 256, 512), 32
# Evidence is of texts of which nearly none was cut.
MOST_CUT = 0.01


@dataclass(frozen=True)
class Alternative:
    """A model, the longest input in tokens and the rows of a batch, with what they are predicted to cost.

    ``training_seconds`` are those of as many epochs as are planned, each with its judgement; ``answer_seconds`` those
    of one text of this length alone, ``batch_seconds`` of one among 32 of them. ``cut_share`` of the training texts
    lose tokens. ``accuracy`` is None where nothing is known of data like these.
    """

    model: str
    max_length: int
    batch_size: int
    chosen: bool
    training_seconds: float
    memory_bytes: int
    answer_seconds: float
    batch_seconds: float
    cut_share: float
    accuracy: Band | None


@dataclass(frozen=True)
class Answered:
    """How long the planned network takes for a text of so many tokens: alone, and among 32 of them."""

    length: int
    single_seconds: float
    batch_seconds: float


def alternatives(settings: Settings, facts: Facts) -> tuple[Alternative, ...]:
    """Returns what else could be trained, by rising size of the model; what is planned is among them.

    Lengths are those in the planned model's word pieces, which those of the others are close to.
    """
    names = dict.fromkeys((*MODELS, *filter(None, [by_letters(facts)]), settings.model.name))
    sizes = {name: facts.encoder if name == settings.model.name else PRESETS[name].size for name in names}
    ordered = sorted(names, key=lambda name: sizes[name].parameters)
    shaped = {length: _lengths(settings, facts, length) for length in _cuts(settings, facts)}
    rows = sorted({*BATCH_SIZES, settings.train.batch_size})
    return tuple(
        _alternative(settings, replace(facts, encoder=sizes[name]), name, length, size, shaped[length])
        for name in ordered
        for length in shaped
        for size in rows
        if length <= sizes[name].positions
    )


def answered(facts: Facts) -> tuple[Answered, ...]:
    """Predicts how long the network takes for texts of each length."""
    lengths = [length for length in ANSWERED_LENGTHS if length <= facts.encoder.positions]
    return tuple(
        Answered(length, answer_seconds((1, length), facts), answer_seconds((BATCH, length), facts) / BATCH)
        for length in lengths
    )


def _cuts(settings: Settings, facts: Facts) -> Sequence[int]:
    """Returns the planned length, half of it, and that of the longest text where the plan cuts some."""
    planned = settings.text.max_length
    longest = max(len(split.lengths) for split in facts.statistics.splits.values()) - 1
    whole = min(facts.encoder.positions, longest)
    return sorted({max(4, planned // 2), planned, max(planned, whole)})


def _lengths(settings: Settings, facts: Facts, length: int) -> tuple[int, ...]:
    """Returns the lengths of the batch shapes; those of the plan where they are the plan's."""
    if length == settings.text.max_length:
        return tuple(end for _, end in settings.train.buckets)
    cut = cut_lengths(facts.statistics.splits["train"].lengths, length)
    return choose_lengths(cut, max_shapes=settings.train.max_shapes)


def _alternative(
    settings: Settings, facts: Facts, model: str, length: int, rows: int, lengths: Sequence[int]
) -> Alternative:
    train, counted = settings.train, facts.statistics.splits["train"]
    chosen = (model, length, rows) == (settings.model.name, settings.text.max_length, train.batch_size)
    # What was asked for may have shapes of its own.
    shapes = train.buckets if chosen else make_buckets(lengths, batch_size=rows, batch_tokens=train.batch_tokens)
    text = _reading(settings, length)
    read = tuple(encoder_shape(shape, text) for shape in shapes)
    one, several = (answered_shape((number, length * text.windows), text) for number in (1, BATCH))
    cut = rows_over(counted.lengths, whole_tokens(text)) / max(1, counted.rows)
    return Alternative(
        model=model,
        max_length=length,
        batch_size=rows,
        chosen=chosen,
        training_seconds=training_seconds(_with(settings, text, shapes, chosen=chosen), facts),
        memory_bytes=peak_memory_bytes(
            read, facts, parts=train.accumulation_steps if chosen else 1, averaged=is_averaged(train)
        ),
        answer_seconds=answer_seconds(one, facts),
        batch_seconds=answer_seconds(several, facts) / BATCH,
        cut_share=cut,
        accuracy=None if cut > MOST_CUT else _accuracy(settings, model, facts),
    )


def _reading(settings: Settings, length: int) -> TextSettings:
    """Returns how texts are read at a length: as planned, or in one window where it is another."""
    if length == settings.text.max_length:
        return settings.text
    return settings.text.model_copy(update={"max_length": length, "windows": 1})


def _with(settings: Settings, text: TextSettings, shapes: Sequence[Bucket], *, chosen: bool) -> Settings:
    """Returns the plan with other batch shapes, each of them computed in one go."""
    parts = {} if chosen else {"accumulation_steps": 1, "scheduled_steps": None}
    train = settings.train.model_copy(update={"buckets": tuple(shapes), **parts})
    return settings.model_copy(update={"text": text, "train": train})


def _accuracy(settings: Settings, model: str, facts: Facts) -> Band | None:
    """Returns what is known of one label a row, of texts in the letters that the model is made for."""
    planned = settings.model.name
    made_for = by_letters(facts) or (planned if planned in OF_OTHER_LETTERS else None)
    fits = model == made_for if made_for else model not in OF_OTHER_LETTERS
    if facts.statistics.multilabel or not fits:
        return None
    rows = facts.statistics.splits["train"].rows
    return expected_accuracy(model, rows=rows, classes=len(facts.statistics.labels))


def table_lines(found: Sequence[Alternative]) -> list[str]:
    """Writes the alternatives as a table in Markdown, the planned one marked, with the sources of the accuracies."""
    head = (
        "",
        "model",
        "tokens",
        "rows",
        "training",
        "memory",
        "a text",
        "a text in a batch",
        "texts cut",
        "expected accuracy",
    )
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += [f"| {' | '.join(_cells(each))} |" for each in found]
    return [*lines, "", *_sources(found)]


def answered_lines(found: Sequence[Answered]) -> list[str]:
    """Writes as a table how long a text of each length takes."""
    lines = ["| tokens | one text | a text among 32 |", "|---|---|---|"]
    return lines + [
        f"| {each.length} | {milliseconds(each.single_seconds)} | {milliseconds(each.batch_seconds)} |"
        for each in found
    ]


def milliseconds(seconds: float) -> str:
    """Writes a time in milliseconds, in three digits."""
    return f"{1000 * seconds:.3g} ms"


def expectation(band: Band | None) -> str:
    """Writes what accuracy is expected, or that nobody knows."""
    if band is None:
        return "not known"
    return f"{band.low:.3f}" if band.low == band.high else f"{band.low:.3f} to {band.high:.3f}"


def duration(seconds: float) -> str:
    """Writes a duration in the unit in which it is read most easily."""
    if seconds < 100:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _cells(each: Alternative) -> Iterator[str]:
    yield "→" if each.chosen else ""
    yield each.model.replace("|", "\\|")
    yield str(each.max_length)
    yield str(each.batch_size)
    yield duration(each.training_seconds)
    yield f"{each.memory_bytes / 1e9:.2f} GB"
    yield milliseconds(each.answer_seconds)
    yield milliseconds(each.batch_seconds)
    yield f"{each.cut_share:.1%}"
    yield expectation(each.accuracy)


def _sources(found: Sequence[Alternative]) -> list[str]:
    known = dict.fromkeys((each.model, each.accuracy.source) for each in found if each.accuracy is not None)
    said = [
        f"Expected accuracy of {model}: on data with as many classes and rows a class ({source})."
        for model, source in known
    ]
    return said or ["Expected accuracy: nobody has measured one on data with as many classes and rows a class."]
