"""How often one caller may ask: a bucket of allowances that fills at a steady rate, for each caller one."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from threading import Lock
from urllib.parse import unquote

MOST_CALLERS = 10_000
NETWORK_BITS = 64

# A caller's name to the seconds after which to ask again; 0 when this request may pass.
Take = Callable[[str], float]


@dataclass
class _Bucket:
    allowances: float
    at_seconds: float


def limiter(
    requests_per_second: float,
    burst: int,
    *,
    clock: Callable[[], float] = time.monotonic,
    most_callers: int = MOST_CALLERS,
) -> Take:
    """Makes a limit for each caller; may be called from any thread.

    Args:
        requests_per_second: that a caller may keep up.
        burst: requests at once of one who has not asked for a while; at least 1.
        clock: in seconds, never back.
        most_callers: that are remembered; past them, those that have not asked for the longest are forgotten.
    """
    buckets: OrderedDict[str, _Bucket] = OrderedDict()
    lock = Lock()

    def take(name: str) -> float:
        with lock:
            now = clock()
            bucket = buckets.pop(name, None) or _Bucket(float(burst), now)
            buckets[name] = bucket
            while len(buckets) > most_callers:
                buckets.popitem(last=False)
            bucket.allowances = min(burst, bucket.allowances + (now - bucket.at_seconds) * requests_per_second)
            bucket.at_seconds = now
            if bucket.allowances >= 1.0:
                bucket.allowances -= 1.0
                return 0.0
            return (1.0 - bucket.allowances) / requests_per_second

    return take


def peer_name(peer: str) -> str:
    """Returns by what a peer is limited: its address, and of IPv6 the network, of which one caller has all addresses.

    Args:
        peer: an address, with or without a port, or as gRPC writes it (``ipv4:127.0.0.1:5000``).
    """
    host = unquote(peer).removeprefix("ipv4:").removeprefix("ipv6:")
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return "elsewhere"
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> NETWORK_BITS << NETWORK_BITS)}/{NETWORK_BITS}"
