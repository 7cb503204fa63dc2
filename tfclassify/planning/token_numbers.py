"""How many tokens of a batch a processor computes: a few more than there are, so that batches come to the same number.

For each number of rows that a matrix has, TensorFlow's products on a processor make code of their own and keep some of
it: a batch with a number of tokens that none had before takes longer, and memory. So numbers are rounded up to one of
sixteen between two powers of two, by no more than 1/16.
"""

from __future__ import annotations

PER_DOUBLING = 16
LARGEST_EXPONENT = 31

# From each of these powers of two on, numbers are rounded up to a multiple of the grain in the same place.
DOUBLINGS = tuple(2**exponent for exponent in range(LARGEST_EXPONENT))
GRAINS = tuple(max(1, doubling // PER_DOUBLING) for doubling in DOUBLINGS)


def rounded_up(tokens: int) -> int:
    """Returns what a number of tokens, at least 1, is rounded up to."""
    grain = GRAINS[min(tokens.bit_length(), LARGEST_EXPONENT) - 1]
    return -(-tokens // grain) * grain


def numbers_between(fewest: int, most: int) -> int:
    """Returns how many numbers of tokens are computed for batches that have from ``fewest`` to ``most`` of them.

    Args:
        fewest: at least 1.
        most: what the shape of the batches holds; no more than these are computed.
    """
    found, tokens = 0, fewest
    while tokens <= most:
        tokens = rounded_up(tokens) + 1
        found += 1
    return found
