"""Good and hostile requests at once while versions are replaced: what came back wrong, and what memory did."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import psutil
from load import connected, exchanged, post, request

# Other batches add up other roundings; a wrong answer is further off than that.
TOLERANCE = 2e-3
RELOAD_SECONDS, SAMPLE_SECONDS, KEPT_VERSIONS = 20.0, 2.0, 2
GOOD_CLIENTS, HOSTILE_CLIENTS = 8, 4


@dataclass
class Account:
    """What happened."""

    good: int = 0
    wrong: int = 0
    good_refused: Counter[str] = field(default_factory=Counter)
    hostile: Counter[str] = field(default_factory=Counter)
    reloads: int = 0
    bytes_by_second: list[tuple[float, int]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def soak(
    port: int, name: str, base: Path, process: psutil.Process, texts: Sequence[str], *, seconds: float, requests: int
) -> dict[str, Any]:
    """Runs until so many seconds have passed or good requests have been answered, whichever is first."""
    path = f"/v1/models/{name}:predict"
    expected = {text: _answers(port, path, [text])[0] for text in dict.fromkeys(texts)}
    account, end = Account(), time.monotonic() + seconds

    def going() -> bool:
        return time.monotonic() < end and account.good < requests

    work: list[Callable[[], None]] = [lambda: _reload(base, account, going), lambda: _watch(process, account, going)]
    work += [lambda n=n: _good(port, path, expected, account, going, Random(n)) for n in range(GOOD_CLIENTS)]
    hostile = {**hostile_requests(path), "leaves": request(path, [{"text": "leaves before the answer"}])}
    work += [lambda n=n: _hostile(port, hostile, account, going, Random(n)) for n in range(HOSTILE_CLIENTS)]
    threads = [threading.Thread(target=each) for each in work]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "seconds": round(time.monotonic() - begun, 1),
        "good": account.good,
        "wrong": account.wrong,
        "good_refused": dict(account.good_refused),
        "hostile": dict(account.hostile),
        "hostile_5xx": sum(many for kind, many in account.hostile.items() if kind.rpartition(" ")[2][:1] == "5"),
        "reloads": account.reloads,
        **_growth(account.bytes_by_second),
        "answers_after": _answers(port, path, [texts[0]])[0]["label"] == expected[texts[0]]["label"],
    }


def _answers(port: int, path: str, texts: Sequence[str]) -> list[dict[str, Any]]:
    with connected(port) as connection:
        status, body = exchanged(connection, request(path, [{"text": text} for text in texts]))
    if status != 200:
        raise SystemExit(f"the server answered {status}: {body[:300]!r}")
    return json.loads(body)["predictions"]


def _good(
    port: int, path: str, expected: dict[str, Any], account: Account, going: Callable[[], bool], random: Random
) -> None:
    texts = list(expected)
    while going():
        try:
            with connected(port) as connection:
                while going():
                    asked = random.choices(texts, k=random.choice((1, 1, 1, 2, 7)))
                    status, body = exchanged(connection, request(path, [{"text": text} for text in asked]))
                    _count(account, status, body, [expected[text] for text in asked])
        except OSError as error:
            with account.lock:
                account.good_refused[type(error).__name__] += 1
            time.sleep(0.05)


def _count(account: Account, status: int, body: bytes, wanted: list[dict[str, Any]]) -> None:
    same = status == 200 and _same(json.loads(body)["predictions"], wanted)
    with account.lock:
        account.good += status == 200
        account.wrong += status == 200 and not same
        if status != 200:
            account.good_refused[str(status)] += 1


def _same(given: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> bool:
    """Compares the score of each label; labels of nearly equal scores may change places."""
    return len(given) == len(wanted) and all(
        a["labels"][0] in b["labels"]
        and abs(a["scores"][0] - b["scores"][b["labels"].index(a["labels"][0])]) <= TOLERANCE
        and abs(a["score"] - b["score"]) <= TOLERANCE
        for a, b in zip(given, wanted, strict=True)
    )


def hostile_requests(path: str) -> dict[str, bytes]:
    """Returns what a server must refuse without harm, by name."""
    texts = {"instances": [{"text": "a"}]}
    return {
        "empty": post(path, b""),
        "not json": post(path, b"{'instances': ["),
        "deep": post(path, b'{"instances": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        "numbers": post(path, b'{"instances": [1, null, true]}'),
        "many": post(path, json.dumps({"instances": ["a"] * 50_000}).encode()),
        "huge number": post(path, b'{"instances": [' + b"9" * 100_000 + b"]}"),
        "surrogate": post(path, b'{"instances": [{"text": "\\ud800"}]}'),
        "bad base64": post(path, b'{"instances": [{"text": {"b64": "%%%"}}]}'),
        "invalid utf-8": post(path, b'{"instances": [{"text": "\xff\xfe"}]}'),
        "too large": post(path, b'{"instances": ["' + b"a" * (11 << 20) + b'"]}'),
        "unknown model": post("/v1/models/..%2F..%2Fetc:predict", json.dumps(texts).encode()),
        "unknown signature": post(path, json.dumps({**texts, "signature_name": "x" * 9999}).encode()),
        "bomb": post(path, gzip.compress(b" " * (200 << 20)), "Content-Encoding: gzip"),
        "bad gzip": post(path, b"\x1f\x8b\x08nonsense", "Content-Encoding: gzip"),
        "wrong verb": post(path, b"{}").replace(b"POST", b"BREW", 1),
        "no http": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64 + b"\r\n\r\n",
        "two lengths": post(path, b"{}", "Content-Length: 40"),
        "header of a megabyte": post(path, b"{}", "X-Large: " + "a" * (1 << 20)),
    }


def _hostile(
    port: int, requests: dict[str, bytes], account: Account, going: Callable[[], bool], random: Random
) -> None:
    while going():
        name, sent = random.choice(list(requests.items()))
        try:
            with connected(port, seconds=40.0) as connection:
                outcome = _leave(connection, sent, random) if name == "leaves" else str(exchanged(connection, sent)[0])
        except (OSError, ValueError, IndexError):
            outcome = "closed"
        with account.lock:
            account.hostile[f"{name} {outcome}"] += 1
        time.sleep(0.05)


def _leave(connection: socket.socket, whole: bytes, random: Random) -> str:
    connection.sendall(whole[: random.randint(1, len(whole))])
    return "left"


def _reload(base: Path, account: Account, going: Callable[[], bool]) -> None:
    """Copies the newest version to the next number, as an exporter does: under another name first."""
    due = time.monotonic() + RELOAD_SECONDS
    while going():
        time.sleep(0.2)
        if time.monotonic() < due:
            continue
        due += RELOAD_SECONDS
        numbers = sorted(int(path.name) for path in base.iterdir() if path.name.isdecimal())
        aside = base / f".copy-{os.getpid()}"
        shutil.copytree(base / str(numbers[-1]), aside)
        aside.rename(base / str(numbers[-1] + 1))
        for old in numbers[: 1 - KEPT_VERSIONS]:
            shutil.rmtree(base / str(old))
        account.reloads += 1


def _watch(process: psutil.Process, account: Account, going: Callable[[], bool]) -> None:
    begun = time.monotonic()
    while going():
        every = [process, *process.children(recursive=True)]
        account.bytes_by_second.append((time.monotonic() - begun, sum(each.memory_info().rss for each in every)))
        time.sleep(SAMPLE_SECONDS)


def _growth(samples: list[tuple[float, int]]) -> dict[str, Any]:
    """Compares the medians of the second and the last quarter: the first is still growing into its work."""
    sizes = [size for _, size in samples]
    quarter = len(sizes) // 4
    if not quarter:
        return {"memory_bytes": sizes[-1] if sizes else None, "memory_growth_bytes": None}
    early, late = median(sizes[quarter : 2 * quarter]), median(sizes[-quarter:])
    return {"memory_bytes": int(late), "memory_growth_bytes": int(late - early), "memory_peak_bytes": max(sizes)}
