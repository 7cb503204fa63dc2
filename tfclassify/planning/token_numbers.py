"""How many tokens of a batch a processor computes: a few more than there are, so that batches come to the same number.

For each number of rows that a matrix has, TensorFlow's products on a processor make code of their own and keep some of
it. A batch with a number of tokens that none had before takes up to a tenth longer for that, and some megabytes more.
So numbers are rounded up to one of sixteen between two powers of two: to 1/16 more at most, about 1/40 on average.
"""

from __future__ import annotations

PER_DOUBLING = 16
LARGEST_EXPONENT = 31

# What numbers of tokens are rounded up to a multiple of: by k, of those from 2**k on.
GRAINS = tuple(max(1, 2**exponent // PER_DOUBLING) for exponent in range(LARGEST_EXPONENT))


def grain(tokens: int) -> int:
    """Returns what a number of tokens, at least 1, is rounded up to a multiple of."""
    return GRAINS[min(tokens.bit_length(), LARGEST_EXPONENT) - 1]


def numbers_between(fewest: int, most: int) -> int:
    """Returns how many numbers of tokens are computed for batches that have from ``fewest`` to ``most`` of them.

    Args:
        fewest: at least 1.
        most: what the shape of the batches holds; no more than these are computed.
    """
    found, tokens = 0, fewest
    while tokens <= most:
        own = grain(tokens)
        tokens = -(-tokens // own) * own + 1
        found += 1
    return found
