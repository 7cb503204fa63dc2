"""Figures as a reader wants them: three digits that matter, a unit, and never a rounding to certainty."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from tfclassify.quality.report.story import is_number

UNKNOWN = "n/a"
MINUTE, HOUR = 60, 3600
COUNT_UNITS = ("", "k", "M", "G")
BYTE_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def percent(share: Any) -> str:
    """Returns ``92.4%``; more digits where fewer would say all or nothing and it is neither."""
    return f"{_honest(100 * share, 1, whole=100)}%" if is_number(share) else UNKNOWN


def points(difference: Any) -> str:
    """Returns ``1.2 points`` of percent."""
    return f"{signed(difference)} points" if is_number(difference) else UNKNOWN


def signed(difference: float, *, plus: bool = False) -> str:
    """Returns ``1.2`` or ``−0.4``, hundredths of a share; a plus sign only where asked for."""
    return f"{100 * difference:{'+' if plus else ''}.1f}".replace("-", "−").replace("−0.0", "0.0")


def decimals(value: Any, digits: int = 3) -> str:
    """Returns ``0.921``; more digits where fewer would say 0 or 1 and it is neither."""
    return _honest(value, digits, whole=1) if is_number(value) else UNKNOWN


def count(number: Any) -> str:
    """Returns ``3,080``; a number that is no whole one is rounded, below ten to one decimal."""
    if not is_number(number):
        return UNKNOWN
    return f"{number:,.1f}" if abs(number) < 10 and number != int(number) else f"{number:,.0f}"


def compact(number: int) -> str:
    """Returns a count in at most four characters up to 999 thousand million: ``987``, ``2k``, ``2.1k``, ``12k``."""
    if number < 1000:
        return str(number)
    power = next((power for power in (1, 2) if number < 999.5 * 1000**power), 3)
    scaled = number / 1000**power
    written = f"{scaled:.1f}".removesuffix(".0") if scaled < 9.95 else f"{scaled:.0f}"
    return f"{written}{COUNT_UNITS[power]}"


def seconds(duration: Any) -> str:
    """Returns ``0.42 s``, ``38.1 s``, ``12 min 5 s`` or ``3 h 4 min``."""
    if not is_number(duration):
        return UNKNOWN
    if duration < 2 * MINUTE:
        return f"{duration:.2f} s" if duration < 10 else f"{duration:.1f} s"
    whole = round(duration)
    if whole < 2 * HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"


def size(number: Any) -> str:
    """Returns bytes as ``1.9 GB``; one GB is 10^9 bytes."""
    if not is_number(number):
        return UNKNOWN
    power = min(len(BYTE_UNITS) - 1, max(0, (len(str(int(abs(number)))) - 1) // 3))
    return f"{number:,.0f} bytes" if power == 0 else f"{number / 1000**power:.2f} {BYTE_UNITS[power]}"


def named(name: str, value: Any) -> str:
    """Returns a figure in the unit that its name ends in, or has before ``_per_``."""
    if "per_second" in name:
        return count(value)
    if "seconds" in name:
        return seconds(value)
    if name.endswith("_bytes"):
        return size(value)
    if name.endswith("_share"):
        return percent(value)
    return count(value) if isinstance(value, Integral) else decimals(value, 4)


def _honest(value: float, digits: int, *, whole: int) -> str:
    """Returns so many decimals, or up to four more where they would round to nothing, or to all, what is neither."""
    if not 0 < value < whole:
        return f"{value:.{digits}f}"
    written = (f"{value:.{more}f}" for more in range(digits, digits + 5))
    most = digits + 4
    beyond = f"{value:.1e}" if value < whole / 2 else f"{whole - 10.0**-most:.{most}f}"
    return next((text for text in written if float(text) not in (0, whole)), beyond)
