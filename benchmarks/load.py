"""A light, bounded generator of load: blocking sockets to an address of this machine, one thread for each client."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

HOST = "127.0.0.1"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass
class Load:
    """What clients met: seconds of each answer, and how many were not 200."""

    seconds: list[float] = field(default_factory=list)
    failed: int = 0
    elapsed: float = 0.0

    def quantile(self, share: float) -> float:
        """Returns the seconds that this share of the answers took at most."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")

    @property
    def per_second(self) -> float:
        """Answers in a second."""
        return len(self.seconds) / self.elapsed if self.elapsed else 0.0


def request(path: str, instances: Sequence[object]) -> bytes:
    """Writes a whole request to predict."""
    return post(path, json.dumps({"instances": instances}, ensure_ascii=False).encode())


def post(path: str, body: bytes, *headers: str) -> bytes:
    """Writes a whole request with any body."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {HOST}", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


@contextmanager
def connected(port: int, *, seconds: float = 60.0) -> Iterator[socket.socket]:
    """Opens a connection that is closed in the end."""
    with socket.create_connection((HOST, port), timeout=seconds) as made:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield made


def exchanged(connection: socket.socket, whole: bytes) -> tuple[int, bytes]:
    """Sends a request; returns status and body of the answer, or raises OSError."""
    connection.sendall(whole)
    got = b""
    while (end := got.find(b"\r\n\r\n")) < 0:
        got += _received(connection)
    found = LENGTH.search(got[: end + 2])
    wanted = end + 4 + (int(found.group(1)) if found else 0)
    while len(got) < wanted:
        got += _received(connection)
    return int(got.split(b" ", 2)[1]), got[end + 4 : wanted]


def closed_loop(port: int, requests: Sequence[bytes], *, clients: int, seconds: float) -> Load:
    """Lets clients ask for so many seconds, each the next of the requests as soon as it is answered."""
    loads = [Load() for _ in range(clients)]
    begun = time.perf_counter()
    threads = [
        threading.Thread(target=_ask, args=(port, requests[number::clients], begun + seconds, load))
        for number, load in enumerate(loads)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    every = [each for load in loads for each in load.seconds]
    return Load(every, sum(load.failed for load in loads), time.perf_counter() - begun)


def _ask(port: int, requests: Sequence[bytes], end: float, load: Load) -> None:
    number = 0
    while time.perf_counter() < end:
        try:
            with connected(port) as connection:
                while (begun := time.perf_counter()) < end:
                    status, _ = exchanged(connection, requests[number % len(requests)])
                    number += 1
                    if status == 200:
                        load.seconds.append(time.perf_counter() - begun)
                    else:
                        load.failed += 1
        except OSError:
            load.failed += 1
            time.sleep(0.05)


def _received(connection: socket.socket) -> bytes:
    got = connection.recv(1 << 16)
    if not got:
        raise ConnectionError("closed before the answer was whole")
    return got
