"""Check digits of cards, accounts and national numbers, as arithmetic on tensors: which number is a real one.

Numbers of N spans lie behind each other in flat tensors, so that one very long span costs its own length only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from tfclassify.text.spans import places

ZERO, NINE, DOT, LETTER_A = ord("0"), ord("9"), ord("."), ord("A")
STAND_IN = "X"
CARD_DIGITS = range(13, 20)
CARD_GROUP = 3
DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
INSEE_WEIGHTS = [10**power % 97 for power in (*range(12, -1, -1), 1, 0)]
CHINESE_WEIGHTS = [2**power % 11 for power in range(17, -1, -1)]
LONGEST_IBAN_DIGITS = 80


class _Characters(NamedTuple):
    """C characters of N spans: code points int32[C], row int64[C], and where each of the spans begins int64[N + 1]."""

    codes: tf.Tensor
    rows: tf.Tensor
    splits: tf.Tensor


class _Digits(NamedTuple):
    """D digits of N spans: values int32[D], rows int64[D], and bool[D] whether a group begins there, ends, is short.

    No group begins or ends at a full stop, so that no part of a decimal fraction is taken for a number.
    """

    values: tf.Tensor
    rows: tf.Tensor
    begins: tf.Tensor
    ends: tf.Tensor
    short: tf.Tensor


def mask_cards(spans: tf.Tensor, mask: str, *, begins: tf.Tensor, ends: tf.Tensor) -> tf.Tensor:
    """Replaces the payment cards in runs of digits.

    A card is a row of whole groups, of three digits or more, with 13 to 19 digits together, a prefix and a length that
    an issuer has, and a right check digit (Luhn, ISO/IEC 7812-1). Every such row is found, wherever in the run it
    begins; those that overlap become one mask.

    Args:
        spans: string[N]; each begins and ends with an ASCII digit and has only digits and separators.
        mask: what a card becomes.
        begins: bool[N], whether a card may begin where a span begins.
        ends: bool[N], whether a card may end where a span ends.
    """
    characters = _characters(spans)
    digits = _digits(characters, begins, ends)
    first, covered = _cover(digits)
    codes, splits = _without(characters, digits, first, covered)
    stand_in = tf.raw_ops.UnicodeEncode(input_values=codes, input_splits=splits, output_encoding="UTF-8")
    return tf.strings.regex_replace(stand_in, STAND_IN, mask)


def is_iban(spans: tf.Tensor) -> tf.Tensor:
    """Returns bool[N]: whether letters and digits, separators aside, leave 1 when divided by 97 (ISO 13616)."""
    characters = _characters(tf.strings.regex_replace(_plain(spans), "^(.{4})(.*)$", r"\2\1"))
    values = _values(characters.codes)
    widths = tf.where(values > 9, 2, 1)
    written = tf.cumsum(widths)
    totals = tf.gather(tf.concat([[0], written], axis=0), characters.splits[1:])
    powers = tf.gather(totals, characters.rows) - written
    table = tf.constant([10**power % 97 for power in range(LONGEST_IBAN_DIGITS)])
    terms = values * tf.gather(table, tf.minimum(powers, LONGEST_IBAN_DIGITS - 1))
    return tf.equal(_sums(terms, characters) % 97, 1)


def is_insee(spans: tf.Tensor) -> tf.Tensor:
    """Returns bool[N]: whether the key of a French number of 15 places is right; departments 2A and 2B are 19, 18."""
    corsican = tf.strings.regex_replace(_plain(spans), "^(.{5})2A", r"\119")
    return tf.equal(_weighted(tf.strings.regex_replace(corsican, "^(.{5})2B", r"\118"), INSEE_WEIGHTS) % 97, 0)


def is_chinese_identity(spans: tf.Tensor) -> tf.Tensor:
    """Returns bool[N]: whether the last of 18 places is right (GB 11643, ISO 7064 MOD 11-2); X stands for 10."""
    return tf.equal(_weighted(tf.strings.regex_replace(_plain(spans), "X", "A"), CHINESE_WEIGHTS) % 11, 1)


def is_dni(spans: tf.Tensor) -> tf.Tensor:
    """Returns bool[N]: whether the letter behind a Spanish number of 8 places is right; X, Y, Z first are 0, 1, 2."""
    plain = _plain(spans)
    for letter, digit in zip("XYZ", "012", strict=True):
        plain = tf.strings.regex_replace(plain, f"^{letter}", digit)
    number = tf.strings.to_number(tf.strings.substr(plain, 0, 8), tf.int64)
    letters = tf.constant(list(DNI_LETTERS))
    return tf.equal(tf.gather(letters, number % len(DNI_LETTERS)), tf.strings.substr(plain, 8, 1))


def _plain(spans: tf.Tensor) -> tf.Tensor:
    return tf.strings.upper(tf.strings.regex_replace(spans, "[^0-9A-Za-z]+", ""))


def _characters(spans: tf.Tensor) -> _Characters:
    splits, codes = tf.raw_ops.UnicodeDecode(input=spans, input_encoding="UTF-8")
    rows = tf.searchsorted(splits, tf.range(tf.size(codes, tf.int64)), side="right", out_type=tf.int64) - 1
    return _Characters(codes, rows, splits)


def _values(codes: tf.Tensor) -> tf.Tensor:
    return tf.where(codes <= NINE, codes - ZERO, codes - LETTER_A + 10)


def _sums(terms: tf.Tensor, characters: _Characters) -> tf.Tensor:
    return tf.math.unsorted_segment_sum(terms, characters.rows, tf.size(characters.splits) - 1)


def _weighted(spans: tf.Tensor, weights: Sequence[int]) -> tf.Tensor:
    characters = _characters(spans)
    positions = tf.range(tf.size(characters.codes, tf.int64)) - tf.gather(characters.splits, characters.rows)
    factors = tf.gather(tf.constant(weights), tf.minimum(positions, len(weights) - 1))
    return _sums(_values(characters.codes) * factors, characters)


def _digits(characters: _Characters, begins: tf.Tensor, ends: tf.Tensor) -> _Digits:
    codes, last = characters.codes, tf.size(characters.codes) - 1
    at = places((characters.codes >= ZERO) & (characters.codes <= NINE))
    rows = tf.gather(characters.rows, at)
    first = tf.concat([[True], tf.not_equal(rows[1:], rows[:-1])], axis=0)[: tf.size(at)]
    gap = tf.concat([[True], at[1:] - at[:-1] > 1], axis=0)[: tf.size(at)]
    group = tf.cumsum(tf.cast(first | gap, tf.int32)) - 1
    sizes = tf.math.unsorted_segment_sum(tf.ones_like(group), group, tf.size(group))
    index = tf.cast(at, tf.int32)
    after_dot = tf.equal(tf.gather(codes, tf.maximum(index - 1, 0)), DOT)
    before_dot = tf.equal(tf.gather(codes, tf.minimum(index + 1, last)), DOT)
    return _Digits(
        values=tf.gather(codes, at) - ZERO,
        rows=rows,
        begins=tf.where(first, tf.gather(begins, rows), gap & ~after_dot),
        ends=tf.where(_next(first, last=True), tf.gather(ends, rows), _next(gap, last=True) & ~before_dot),
        short=tf.gather(sizes, group) < CARD_GROUP,
    )


def _next(mask: tf.Tensor, *, last: bool) -> tf.Tensor:
    return tf.concat([mask[1:], [last]], axis=0)[: tf.size(mask)]


def _cover(digits: _Digits) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns bool[D] twice: where a mask begins, and what it covers."""
    count = tf.size(digits.values)
    start = tf.cast(places(digits.begins), tf.int32)[:, tf.newaxis]
    end = start + tf.range(CARD_DIGITS.start, CARD_DIGITS.stop) - 1
    last = tf.minimum(end, count - 1)
    same_row = tf.equal(tf.gather(digits.rows, last), tf.gather(digits.rows, start))
    short = tf.cumsum(tf.cast(digits.short, tf.int32))
    whole = tf.equal(tf.gather(short, last), tf.gather(short, start)) & ~tf.gather(digits.short, start)
    whole &= (end < count) & same_row & tf.gather(digits.ends, last)
    found = tf.cast(tf.where(whole & _issued(digits.values, start) & _luhn(digits.values, start, last)), tf.int32)
    begin = tf.gather(start[:, 0], found[:, 0])
    starts = _counted(begin, count)
    behind = _counted(begin + found[:, 1] + CARD_DIGITS[0], count)
    open_before = tf.cumsum(starts, exclusive=True) - tf.cumsum(behind)
    return (starts > 0) & tf.equal(open_before, 0), open_before + starts > 0


def _counted(indices: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    # A window may end at the last digit; what begins behind it is cut off.
    return tf.math.unsorted_segment_sum(tf.ones_like(indices), indices, count + 1)[:count]


def _luhn(values: tf.Tensor, start: tf.Tensor, end: tf.Tensor) -> tf.Tensor:
    """Returns bool[G, 7]: whether digits start[G, 1] to end[G, 7] have a right check digit, by sums up to each."""
    doubled = tf.where(values > 4, 2 * values - 9, 2 * values)
    even = tf.equal(tf.range(tf.size(values)) % 2, 0)
    # Counted from the last digit every second one is doubled: which ones, depends on where the last one is.
    sums = tf.stack([tf.where(even, values, doubled), tf.where(even, doubled, values)])
    before = tf.reshape(tf.pad(tf.cumsum(sums, axis=1), [[0, 0], [1, 0]]), [-1])
    row = (end % 2) * (tf.size(values) + 1)
    return tf.equal((tf.gather(before, row + end + 1) - tf.gather(before, row + start)) % 10, 0)


def _issued(values: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    """Returns bool[G, 7]: whether a card of 13 to 19 digits may begin with the four digits from start[G, 1] on."""
    padded = tf.pad(values, [[0, 3]])
    prefixes = tf.add_n([tf.gather(padded, start + place) * 10 ** (3 - place) for place in range(4)])
    bits = tf.gather(tf.constant(_length_bits(), tf.int32), prefixes)
    return tf.bitwise.bitwise_and(bits, tf.constant([1 << place for place in range(len(CARD_DIGITS))])) > 0


def _length_bits() -> list[int]:
    """Returns for each of 10,000 prefixes which of the lengths there are, as bits."""
    table = [0] * 10_000
    for low, high, lengths in ISSUERS:
        bits = sum(1 << CARD_DIGITS.index(each) for each in lengths)
        table[low : high + 1] = [bits] * (high + 1 - low)
    return table


def _without(
    characters: _Characters, digits: _Digits, first: tf.Tensor, covered: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the characters and their splits with one stand-in for every mask."""
    codes = characters.codes
    is_digit = (codes >= ZERO) & (codes <= NINE)
    digit = tf.cumsum(tf.cast(is_digit, tf.int32)) - 1
    begins = is_digit & tf.gather(first, digit)
    # What is between two digits of one mask goes with them.
    goes_on = covered & _next(covered & ~first, last=False)
    kept = ~tf.where(is_digit, tf.gather(covered, digit) & ~begins, tf.gather(goes_on, digit))
    ends = tf.concat([[0], tf.cumsum(tf.cast(kept, tf.int64))], axis=0)
    changed = tf.where(begins, ord(STAND_IN), codes)
    return tf.gather(changed, places(kept)), tf.gather(ends, characters.splits)


# First and last four digits, and how many digits there may be.
ISSUERS: tuple[tuple[int, int, Sequence[int]], ...] = (
    (2200, 2204, range(16, 20)),  # Mir
    (2221, 2720, (16,)),  # Mastercard
    (3000, 3059, range(14, 20)),  # Diners Club
    (3095, 3095, range(14, 20)),
    (3400, 3499, (15,)),  # American Express
    (3528, 3589, range(16, 20)),  # JCB
    (3600, 3699, range(14, 20)),  # Diners Club
    (3700, 3799, (15,)),  # American Express
    (3800, 3999, range(14, 20)),  # Diners Club
    (4000, 4999, (13, 16, 19)),  # Visa
    (5000, 5099, range(13, 20)),  # Maestro and others
    (5100, 5599, (16,)),  # Mastercard
    (5600, 5899, range(13, 20)),  # Maestro
    (6000, 6999, range(13, 20)),  # Discover, UnionPay, Maestro, RuPay
    (8100, 8299, range(16, 20)),  # UnionPay, RuPay
    (9792, 9792, (16,)),  # Troy
)
