"""Rates: a bucket for each caller, on a clock that is not ours to wait for, in bounded memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.serving.guard import rates
from tfclassify.serving.guard.rates import limiter, peer_name


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_and_then_a_steady_rate() -> None:
    clock = Clock()
    take = limiter(2.0, 3, clock=clock)
    assert [take("a") for _ in range(5)] == [0.0, 0.0, 0.0, 0.5, 0.5]
    clock.now += 0.25
    assert take("a") == 0.25
    clock.now += 0.25
    assert [take("a"), take("a")] == [0.0, 0.5]
    clock.now += 3600
    assert [take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]


def test_callers_do_not_share() -> None:
    take = limiter(1.0, 1, clock=Clock())
    assert [take("a"), take("b"), take("a"), take("b")] == [0.0, 0.0, 1.0, 1.0]


@given(st.lists(st.floats(0.0, 2.0), min_size=1, max_size=60), st.integers(1, 5))
def test_never_more_than_the_rate_allows(pauses: list[float], burst: int) -> None:
    clock = Clock()
    take = limiter(3.0, burst, clock=clock)
    passed = 0
    for pause in pauses:
        clock.now += pause
        wait = take("a")
        passed += wait == 0.0
        assert 0.0 <= wait <= 1 / 3 + 1e-9
    assert passed <= burst + 3.0 * sum(pauses) + 1e-6


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Any] = []

    class Watched(rates.OrderedDict):  # type: ignore[type-arg]
        def __init__(self) -> None:
            super().__init__()
            kept.append(self)

    monkeypatch.setattr(rates, "OrderedDict", Watched)
    take = limiter(1.0, 1, clock=Clock(), most_callers=100)
    assert take("busy") == 0.0
    for number in range(10_000):
        take(f"peer {number}")
        assert take("busy") == 1.0, "who asks all the time is not forgotten"
    assert len(kept[0]) == 100


def test_it_holds_over_threads() -> None:
    take = limiter(0.001, 50, clock=Clock())
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _: take("a"), range(400)))
    assert waits.count(0.0) == 50


@pytest.mark.parametrize(
    ("peer", "name"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1:5000", "127.0.0.1"),
        ("ipv4:127.0.0.1:5000", "127.0.0.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2:5::6]:443", "2001:db8:1:2::/64"),
        ("ipv6:%5B2001:db8:1:2::7%5D:443", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix:", "elsewhere"),
        ("", "elsewhere"),
    ],
)
def test_peers(peer: str, name: str) -> None:
    assert peer_name(peer) == name


@given(st.text())
def test_any_peer(text: str) -> None:
    assert len(peer_name(text)) <= 64
