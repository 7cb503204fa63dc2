"""Long texts as planning sees them: how many columns rows take, and what the encoder gets of a batch of them."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from tfclassify.planning.buckets import Bucket
from tfclassify.planning.facts import Facts
from tfclassify.planning.statistics import cut_lengths
from tfclassify.settings import AUTO, Settings, TextSettings

# What packing adds to the word pieces of a text or a window.
SPECIALS = 2
# What a window holds less than it could because it ends where a sentence does, in word pieces and at most as a share:
# 10 to 16 on movie_reviews_long and sample:reviews, in windows of 128 tokens as in those of 512.
LOST_AT_BORDERS, MOST_LOST = 14, 0.1


def whole_tokens(text: TextSettings) -> int:
    """Returns the tokens of the longest text that loses none."""
    return text.max_length + text.window_stride * (text.windows - 1)


def expected_windows(tokens: int, text: TextSettings) -> int:
    """Returns into how many windows a text of so many tokens is likely to be cut."""
    if tokens <= text.max_length:
        return 1
    room = text.max_length - SPECIALS
    # What a window has less than it could hold, the next one has to take.
    stride = max(1.0, text.window_stride - min(LOST_AT_BORDERS, MOST_LOST * room))
    return min(text.windows, 1 + ceil((tokens - text.max_length) / stride))


def most_windows(tokens: int, text: TextSettings) -> int:
    """Returns into how many windows a text of so many tokens is cut at most."""
    # No window ends before half of what is new in it.
    least = (text.window_stride + 1) // 2
    return min(text.windows, 1 + max(0, ceil((tokens - text.max_length) / least)))


def row_columns(histogram: Sequence[int], text: TextSettings, *, most: int) -> tuple[int, ...]:
    """Returns the histogram of the columns that rows take, of lengths before anything is cut.

    Args:
        histogram: rows per length in tokens.
        text: how texts are read.
        most: windows of a text, at most, where not all are read.
    """
    if text.windows == 1 or len(histogram) <= text.max_length + 1:
        return cut_lengths(histogram, text.max_length)
    made = [*histogram[: text.max_length + 1], *[0] * (text.max_length * (min(most, text.windows) - 1))]
    for tokens in range(text.max_length + 1, len(histogram)):
        made[text.max_length * min(most, expected_windows(tokens, text))] += histogram[tokens]
    while not made[-1]:
        made.pop()
    return tuple(made)


def training_columns(settings: Settings, facts: Facts) -> tuple[int, ...]:
    """Returns the histogram of the columns that training rows are expected to take."""
    lengths = facts.statistics.splits["train"].lengths
    return row_columns(lengths, settings.text, most=settings.train.windows)


def longest_columns(settings: Settings, facts: Facts) -> int:
    """Returns the columns that no training row exceeds."""
    longest, text = len(facts.statistics.splits["train"].lengths) - 1, settings.text
    if longest <= text.max_length or text.windows == 1:
        return min(longest, text.max_length)
    return text.max_length * min(settings.train.windows, most_windows(longest, text))


def encoder_shape(bucket: Bucket, text: TextSettings) -> Bucket:
    """Returns the rows and the length that the encoder gets of a batch: windows, where there are several of a text."""
    rows, columns = bucket
    if text.windows == 1 or columns <= text.max_length:
        return bucket
    return rows * (columns // text.max_length), text.max_length


def answered_shape(bucket: Bucket, text: TextSettings) -> Bucket:
    """Returns what the encoder gets of a batch that is answered: of several windows the share that is chosen."""
    rows, columns = bucket
    if text.windows == 1 or columns <= text.max_length:
        return bucket
    share = 1.0 if text.chosen_share == AUTO else text.chosen_share
    return rows * ceil(share * (columns // text.max_length)), text.max_length
