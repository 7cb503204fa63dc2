"""How far a share, or the difference of two, can be trusted: closed forms, so the same data give the same answer."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

# The two-sided 95 % point of the normal distribution.
Z_95 = 1.959963984540054


def wilson(successes: int, rows: int) -> tuple[float, float]:
    """Returns the 95 % score interval of a share.

    It stays within [0, 1] and is sound at small counts and at shares near 0 or 1, where ``p ± z·se`` is not.
    Of no rows it is (0, 1): nothing is known.

    Raises:
        ValueError: not 0 <= successes <= rows.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    """
    if not 0 <= successes <= rows:
        raise ValueError(f"{successes} successes of {rows} rows; expected between 0 and all")
    if rows == 0:
        return 0.0, 1.0
    share, square = successes / rows, Z_95 * Z_95
    middle = (share + square / (2 * rows)) / (1 + square / rows)
    half = Z_95 / (1 + square / rows) * sqrt(share * (1 - share) / rows + square / (4 * rows * rows))
    # At the ends the bound is exact on paper and off by a rounding here.
    low = 0.0 if successes == 0 else max(0.0, middle - half)
    high = 1.0 if successes == rows else min(1.0, middle + half)
    return low, high


def paired_difference(correct_a: NDArray[np.bool_], correct_b: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Returns how much more accurate a is than b on the same rows, with its 95 % interval.

    Only the rows on which one is right and the other wrong carry information, as in McNemar's test. The interval
    is Wald's after half a row is added to each of the four cells; it holds its level where plain Wald does not.
    Of no rows the answer is (0, -1, 1).

    Args:
        correct_a: bool[B].
        correct_b: bool[B], the same rows in the same order.

    Returns:
        Difference of the accuracies, lower bound, upper bound.

    Raises:
        ValueError: different numbers of rows.

    Source: A. Agresti, Y. Min, "Simple improved confidence intervals for comparing matched proportions",
    Statistics in Medicine 24 (2005).
    """
    if correct_a.shape != correct_b.shape:
        raise ValueError(f"{correct_a.shape} rows against {correct_b.shape}; expected the same rows")
    rows = len(correct_a)
    if rows == 0:
        return 0.0, -1.0, 1.0
    only_a = int((correct_a & ~correct_b).sum())
    only_b = int((correct_b & ~correct_a).sum())
    middle = (only_a - only_b) / (rows + 2)
    discordant = (only_a + only_b + 1) / (rows + 2)
    half = Z_95 * sqrt(max(0.0, discordant - middle * middle) / (rows + 2))
    return (only_a - only_b) / rows, max(-1.0, middle - half), min(1.0, middle + half)


def highest_difference(
    only_a: NDArray[Any], only_b: NDArray[Any], *, rows: int, certainty: float
) -> NDArray[np.float64]:
    """Returns how much more accurate a is than b at most, which holds with this certainty.

    It is the upper end of :func:`paired_difference`'s interval, one-sided and for counts that are known: at 0.975 the
    same, at 0.5 its middle.

    Args:
        only_a: int[...], of how many rows a alone is right.
        only_b: int[...], of how many b alone is.
        rows: of which both were asked.
        certainty: from 0.5 to below 1.
    """
    middle = (only_a - only_b) / (rows + 2)
    discordant = (only_a + only_b + 1) / (rows + 2)
    spread = np.maximum(discordant - middle**2, 0)
    return np.asarray(middle + NormalDist().inv_cdf(certainty) * np.sqrt(spread / (rows + 2)))
