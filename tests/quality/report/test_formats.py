"""Figures as text: the digits, the units, and no rounding to certainty."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.quality.report.formats import (
    compact,
    count,
    decimals,
    named,
    percent,
    points,
    seconds,
    signed,
    size,
)

NOTHING = (None, float("nan"), float("inf"), True, "0.5")


@pytest.mark.parametrize("write", [percent, points, decimals, count, seconds, size])
@pytest.mark.parametrize("value", NOTHING)
def test_what_is_no_finite_number_is_not_shown_as_one(write, value):
    assert write(value) == "n/a"


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.9243, "92.4%"),
        (0, "0.0%"),
        (1, "100.0%"),
        (0.9999, "99.99%"),
        (0.0002, "0.02%"),
        (1e-9, "1.0e-07%"),
        (1 - 1e-15, "99.99999%"),
    ],
)
def test_percent(share, text):
    assert percent(share) == text


@given(st.floats(0, 1))
def test_a_percentage_says_all_or_nothing_only_of_all_or_nothing(share):
    written = percent(share)
    assert (float(written.removesuffix("%")) in (0, 100)) == (share == 0 or 100 * share >= 100)
    assert float(written.removesuffix("%")) == pytest.approx(100 * share, abs=0.0501)


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.92149, 3, "0.921"),
        (0.9998, 3, "0.9998"),
        (1, 3, "1.000"),
        (1.00001, 3, "1.000"),
        (-0.25, 4, "-0.2500"),
        (12.34567, 2, "12.35"),
    ],
)
def test_decimals(value, digits, text):
    assert decimals(value, digits) == text


@pytest.mark.parametrize(("share", "text"), [(0.0123, "1.2"), (-0.0123, "−1.2"), (-0.0001, "0.0"), (0, "0.0")])
def test_points_have_a_true_minus_and_no_negative_nothing(share, text):
    assert points(share) == f"{text} points"
    assert signed(share) == text


@pytest.mark.parametrize(("share", "text"), [(0.0123, "+1.2"), (-0.0123, "−1.2")])
def test_a_plus_where_it_is_asked_for(share, text):
    assert signed(share, plus=True) == text


@pytest.mark.parametrize(("number", "text"), [(3080, "3,080"), (0, "0"), (9, "9"), (2.5, "2.5"), (241.3, "241")])
def test_count(number, text):
    assert count(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (987, "987"),
        (1000, "1k"),
        (2100, "2.1k"),
        (9949, "9.9k"),
        (9950, "10k"),
        (12_345, "12k"),
        (999_499, "999k"),
        (999_500, "1M"),
        (7_250_000, "7.2M"),
        (3 * 10**9, "3G"),
        (10**12, "1000G"),
    ],
)
def test_compact(number, text):
    assert compact(number) == text


@given(st.integers(0, 999 * 10**9))
def test_a_compact_count_takes_four_characters_and_is_near(number):
    written = compact(number)
    assert len(written) <= 4
    scale = {"k": 1e3, "M": 1e6, "G": 1e9}.get(written[-1], 1)
    assert float(written.rstrip("kMG")) * scale == pytest.approx(number, rel=0.051)


@pytest.mark.parametrize(
    ("duration", "text"),
    [(0.4201, "0.42 s"), (38.12, "38.1 s"), (119, "119.0 s"), (725.2, "12 min 5 s"), (11_040, "3 h 4 min")],
)
def test_seconds(duration, text):
    assert seconds(duration) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(999, "999 bytes"), (1000, "1.00 kB"), (1_874_000_000, "1.87 GB"), (5 * 10**15, "5000.00 TB"), (0, "0 bytes")],
)
def test_size(number, text):
    assert size(number) == text


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("seconds_per_epoch", 38.12, "38.1 s"),
        ("time_to_first_step_seconds", 11.87, "11.9 s"),
        ("peak_memory_bytes", 1_510_000_000, "1.51 GB"),
        ("padding_share", 0.071, "7.1%"),
        ("train_examples_per_second", 241.3, "241"),
        ("steps", 1200, "1,200"),
        ("loss", 0.12345, "0.1235"),
        ("peak_memory_bytes", None, "n/a"),
    ],
)
def test_the_name_of_a_figure_says_its_unit(name, value, text):
    assert named(name, value) == text
