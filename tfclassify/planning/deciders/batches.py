"""How long an input may be, and in which static shapes rows reach the network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from tfclassify.planning.buckets import Bucket, choose_lengths, make_buckets, padding_share, rows_for, with_batches
from tfclassify.planning.costs import is_averaged, peak_memory_bytes
from tfclassify.planning.facts import Decision, Facts
from tfclassify.planning.statistics import added, quantile_length, rows_over
from tfclassify.planning.windows import encoder_shape, longest_columns, training_columns
from tfclassify.settings import Settings

COVERED_SHARE = 0.995
SHORTEST = 32
MULTIPLE = 8
CPU_SHAPES, ACCELERATOR_SHAPES = 20, 8
TOKENS_PER_BATCH, FEWEST_TOKENS = 8192, 1024


def decide_max_length(settings: Settings, facts: Facts) -> Decision:
    """Takes nearly every text whole, as far as the model's positions reach."""
    lengths = added([split.lengths for split in facts.statistics.splits.values()])
    positions, longest = facts.encoder.positions, len(lengths) - 1
    wanted = max(SHORTEST, _rounded_up(quantile_length(lengths, COVERED_SHARE)))
    length = min(positions, wanted)
    cut = rows_over(lengths, length)
    if not cut:
        return Decision(length, f"the longest text has {longest} tokens")
    why = f"the model reads {positions}" if length == positions else f"{COVERED_SHARE:.1%} of the texts are no longer"
    return Decision(length, f"{why}; {cut} of {sum(lengths)} texts lose tokens, the longest has {longest}")


def decide_batch_size(settings: Settings, facts: Facts) -> Decision:
    """Takes few rows a step when there are few rows, so that there are steps enough to learn in."""
    rows = facts.statistics.splits["train"].rows
    if rows < 500:
        return Decision(16, f"{rows} training rows make few steps of more")
    return Decision(32, f"{rows} training rows; the larger of the two that the BERT paper fine-tunes with")


def decide_batch_tokens(settings: Settings, facts: Facts) -> Decision:
    """Bounds the memory of a step: long buckets have fewer rows for it."""
    length, free = settings.text.max_length, facts.hardware.memory_bytes
    tokens, fewest = max(TOKENS_PER_BATCH, length), max(FEWEST_TOKENS, length)
    # What an accelerator has is not known here.
    while not facts.hardware.accelerators and tokens > fewest and _peak(settings, facts, tokens) > free:
        tokens = max(tokens // 2, fewest)
    if tokens < TOKENS_PER_BATCH:
        return Decision(tokens, f"{free / 1e9:.1f} GB of memory are free, too few for {TOKENS_PER_BATCH}")
    return Decision(
        tokens, f"batches of texts longer than {tokens // settings.train.batch_size} tokens have fewer rows"
    )


def decide_max_shapes(settings: Settings, facts: Facts) -> Decision:
    """Allows as many shapes as the machine can have without compiling all day."""
    if facts.hardware.accelerators:
        return Decision(ACCELERATOR_SHAPES, "each shape is compiled once, which takes its time on an accelerator")
    return Decision(CPU_SHAPES, "the processor takes any shape without compiling it")


def decide_buckets(settings: Settings, facts: Facts) -> Decision:
    """Chooses the lengths that pad least, with what batches take of shorter rows or lack counted in."""
    lengths = training_columns(settings, facts)
    share, shapes, buckets = min(
        (padding_share(lengths, each), len(each), each) for each in _shapes(lengths, settings, facts)
    )
    # Found exactly where all have as many rows.
    if len({rows for rows, _ in buckets}) == 1:
        return Decision(buckets, f"the least padding that {shapes} shapes can have: {share:.1%} of all tokens")
    return Decision(buckets, f"{shapes} shapes by dynamic programming, with {share:.1%} of all tokens padding")


def _shapes(lengths: Sequence[int], settings: Settings, facts: Facts) -> Iterator[tuple[Bucket, ...]]:
    """Gives two choices: where sizes differ, what batches lack is only about known, and may better be left out."""
    train, multiple = settings.train, MULTIPLE if facts.hardware.accelerators else 1
    limits = {"batch_size": train.batch_size, "batch_tokens": train.batch_tokens}
    for rows in (partial(rows_for, **limits), None):
        chosen = choose_lengths(lengths, max_shapes=train.max_shapes, multiple=multiple, rows=rows)
        yield with_batches(lengths, make_buckets(_readable(chosen, settings, facts), **limits))


def _readable(lengths: Sequence[int], settings: Settings, facts: Facts) -> tuple[int, ...]:
    """Returns lengths as the model reads them, the last one of the longest row."""
    longest = longest_columns(settings, facts)
    # Rounded up, the last one may be longer than what the model reads.
    read = tuple(dict.fromkeys(_that_a_window_has(length, settings, facts) for length in lengths))
    # How many windows a text has is only known when it is cut.
    return (*read, longest) if longest > read[-1] else read


def decide_accumulation(settings: Settings, facts: Facts) -> Decision:
    """Computes a batch in one go, unless memory is too small for that."""
    if facts.hardware.accelerators:
        return Decision(1, "a batch is computed in one go; what memory an accelerator has is not known here")
    free, parts = facts.hardware.memory_bytes, 1
    most = min(rows for rows, _ in settings.train.buckets)
    buckets = tuple(encoder_shape(bucket, settings.text) for bucket in settings.train.buckets)
    averaged = is_averaged(settings.train)
    whole = needed = peak_memory_bytes(buckets, facts, averaged=averaged)
    while needed > free and parts < most:
        parts = min(2 * parts, most)
        needed = peak_memory_bytes(buckets, facts, parts=parts, averaged=averaged)
    if parts == 1:
        # How much is free differs from one minute to the next, and a plan does not.
        return Decision(1, f"a whole batch takes {whole / 1e9:.1f} GB, and so much is free")
    of_memory = f"{whole / 1e9:.1f} GB, {free / 1e9:.1f} GB are free"
    return Decision(parts, f"a whole batch would take {of_memory}; the parts together do the same, but slower")


def _peak(settings: Settings, facts: Facts, tokens: int) -> int:
    """Predicts the memory of a full batch of the longest texts, in all the windows that a step reads of them."""
    columns = settings.text.max_length * settings.train.windows
    rows = rows_for(columns, batch_size=settings.train.batch_size, batch_tokens=tokens)
    shape = encoder_shape((rows, columns), settings.text)
    return peak_memory_bytes((shape,), facts, averaged=is_averaged(settings.train))


def _that_a_window_has(length: int, settings: Settings, facts: Facts) -> int:
    """Returns a length that the model reads: of one window, or of several side by side."""
    window = settings.text.max_length
    if settings.text.windows == 1 or length <= window:
        return min(length, facts.encoder.positions)
    return -(-length // window) * window


def _rounded_up(length: int) -> int:
    return -(-length // MULTIPLE) * MULTIPLE


LENGTH = {"text.max_length": decide_max_length}
BATCHES = {
    "train.batch_size": decide_batch_size,
    "train.batch_tokens": decide_batch_tokens,
    "train.max_shapes": decide_max_shapes,
    "train.buckets": decide_buckets,
    "train.accumulation_steps": decide_accumulation,
}
