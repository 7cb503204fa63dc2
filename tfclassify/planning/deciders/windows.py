"""How long texts are read: in how many windows, what stays of longer ones still, and how windows are pooled."""

from __future__ import annotations

from math import ceil

from tfclassify.planning.costs import is_averaged, peak_memory_bytes
from tfclassify.planning.deciders.models import misses
from tfclassify.planning.facts import Decision, Facts
from tfclassify.planning.statistics import added, quantile_length, rows_over
from tfclassify.planning.windows import SPECIALS, whole_tokens
from tfclassify.settings import Settings, changed

COVERED_SHARE = 0.95
# Share of the texts that have to be longer than one window for several to be worth their price.
WORTH_IT = 0.05
# Tokens of a text, at most, that are read for an answer, and in a training step.
TOKENS_READ = {"fast": 1024, "balanced": 2048, "best": 4096}
TOKENS_TRAINED = {"fast": 512, "balanced": 1024, "best": 2048}
# 128 of 510 tokens, with which head and tail came out best on IMDb (arXiv:1905.05583).
HEAD_SHARE = 0.25
NOT_USED = "not used: each text is one window"


def decide_windows(settings: Settings, facts: Facts) -> Decision:
    """Reads several windows where one would cut many texts, as far as goal and memory go."""
    lengths, length = _lengths(facts), settings.text.max_length
    cut, rows = rows_over(lengths, length), sum(lengths)
    if not cut:
        return Decision(1, f"no text is longer than {length} tokens")
    if facts.statistics.pairs:
        return Decision(1, "pairs of texts are read together, which windows would take apart")
    if length < facts.encoder.positions:
        return Decision(1, f"{cut} of {rows} texts are longer than {length} tokens; ask for windows to read them whole")
    of_texts = f"{cut / rows:.1%} of the texts are longer than {length} tokens"
    if cut / rows < WORTH_IT:
        return Decision(1, f"{of_texts}, too few to read more of")
    covering = ceil((quantile_length(lengths, COVERED_SHARE) - SPECIALS) / (length - SPECIALS))
    wanted = min(covering, max(1, TOKENS_READ[settings.goal] // length))
    windows, more = _kept(settings, facts, wanted)
    if windows == 1:
        more = more or f"goal={settings.goal} reads {TOKENS_READ[settings.goal]} tokens of a text"
        return Decision(1, f"{of_texts}; {more}")
    tokens = length + (length - SPECIALS) * (windows - 1)
    lost = f"so {tokens} tokens are read, and {rows_over(lengths, tokens) / rows:.1%} lose some"
    return Decision(windows, "; ".join(filter(None, [of_texts, lost, more])))


def decide_stride(settings: Settings, facts: Facts) -> Decision:
    """Reads no token twice."""
    room = settings.text.max_length - SPECIALS
    if settings.text.windows == 1:
        return Decision(room, NOT_USED)
    return Decision(room, f"windows of {room} word pieces end between sentences, so that they need not overlap")


def decide_keep(settings: Settings, facts: Facts) -> Decision:
    """Keeps beginning and end of texts that are longer than what is read."""
    lengths = _lengths(facts)
    whole = whole_tokens(settings.text)
    cut = rows_over(lengths, whole)
    if not cut:
        return Decision("head", f"not used: no text is longer than {whole} tokens")
    if facts.statistics.pairs:
        return Decision("head", "of pairs the longer text is cut at its end")
    losing = f"{cut / sum(lengths):.1%} of the texts lose tokens"
    if cut / sum(lengths) < WORTH_IT:
        return Decision("head", f"{losing}, too few for it to matter")
    return Decision("head_tail", f"{losing}; on IMDb this came out best of six ways (arXiv:1905.05583)")


def decide_head_share(settings: Settings, facts: Facts) -> Decision:
    """Takes most of what stays from the end, where texts come to their point."""
    if settings.text.keep != "head_tail":
        return Decision(HEAD_SHARE, "not used: of a text that is cut its beginning stays")
    return Decision(HEAD_SHARE, "128 of 510 tokens, as where head and tail came out best on IMDb (arXiv:1905.05583)")


def decide_pool(settings: Settings, facts: Facts) -> Decision:
    """Lets a learnt query say which windows count."""
    if settings.text.windows == 1:
        return Decision("attention", NOT_USED)
    return Decision("attention", f"which of {settings.text.windows} windows count is learnt, and begins as their mean")


def decide_chosen_share(settings: Settings, facts: Facts) -> Decision:
    """Encodes all windows, or half of them where time counts more."""
    windows = settings.text.windows
    if windows == 1:
        return Decision(1.0, NOT_USED)
    if settings.goal == "fast":
        return Decision(0.5, f"goal=fast; half of up to {windows} windows take half the time of an answer")
    return Decision(1.0, f"all of up to {windows} windows are read; fewer lose accuracy where the choice is wrong")


def decide_training_windows(settings: Settings, facts: Facts) -> Decision:
    """Bounds what a training step reads of one text."""
    text = settings.text
    if text.windows == 1:
        return Decision(1, NOT_USED)
    windows = max(1, min(text.windows, TOKENS_TRAINED[settings.goal] // text.max_length))
    tokens = windows * text.max_length
    if windows == text.windows:
        return Decision(windows, f"all of them: {tokens} tokens of a text, goal={settings.goal}")
    return Decision(windows, f"{tokens} tokens of a text in a step, others in each epoch; goal={settings.goal}")


def _kept(settings: Settings, facts: Facts, windows: int) -> tuple[int, str]:
    """Returns how many windows memory and the limits of the deployment allow, and what one more would take."""
    more = ""
    while windows > 1 and (found := _too_much(settings, facts, windows)):
        windows, more = windows - 1, found
    return windows, more


def _too_much(settings: Settings, facts: Facts, windows: int) -> str | None:
    """Says which limit so many windows of one text would not keep; None if they keep all that are known."""
    length, free = settings.text.max_length, facts.hardware.memory_bytes
    needed = peak_memory_bytes(((windows, length),), facts, averaged=is_averaged(settings.train))
    # What an accelerator has is not known here.
    if not facts.hardware.accelerators and needed > free:
        return f"{windows} windows would take {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free"
    read = changed(settings, {"text.windows": windows, "text.window_stride": length - SPECIALS})
    return next((f"{windows} windows: the model {missed}" for missed in misses(read, facts)), None)


def _lengths(facts: Facts) -> tuple[int, ...]:
    return added([split.lengths for split in facts.statistics.splits.values()])


WINDOWS = {
    "text.windows": decide_windows,
    "text.window_stride": decide_stride,
    "text.keep": decide_keep,
    "text.head_share": decide_head_share,
    "text.pool": decide_pool,
    "text.chosen_share": decide_chosen_share,
    "train.windows": decide_training_windows,
}
