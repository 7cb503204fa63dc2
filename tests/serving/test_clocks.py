"""S45: the clock of the machine is set while requests are under way, and no limit of time is touched by it."""

from __future__ import annotations

import ast
import itertools
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from echoing import Echo, ask, hold
from echoing import serve as batching
from rest_fakes import fake_models, request, signature, status, talking
from served_models import Fakes, config, eventually, serving, states, write_fake

from tfclassify.serving import server
from tfclassify.serving.guard.rates import limiter
from tfclassify.serving.rest.options import RestOptions
from tfclassify.serving.status import Code, Refusal

ROOM = Path(server.__file__).parent
# Who asks what time of day it is, and what for.
TIME_OF_DAY = {
    "guard/__init__.py": "when a key ends",
    "telemetry/metrics.py": "when a version was loaded, which is shown",
}
DAY_SECONDS = 86_400.0


def asks_for_the_time_of_day(path: Path) -> bool:
    names = {
        f"{getattr(node.value, 'id', '')}.{node.attr}"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
    }
    imported = {
        f"{node.module}.{each.name}"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        for each in node.names
    }
    wrong = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
    return bool((names | imported) & wrong)


def test_s45_nothing_that_waits_asks_for_the_time_of_day() -> None:
    found = {str(path.relative_to(ROOM)) for path in ROOM.rglob("*.py") if asks_for_the_time_of_day(path)}
    assert found == TIME_OF_DAY.keys()


@pytest.fixture
def jumping(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of day jumps to and fro by a day each time that somebody looks at it."""
    truth: Callable[[], float] = time.time
    days = itertools.cycle([0.0, DAY_SECONDS, -DAY_SECONDS])
    monkeypatch.setattr(time, "time", lambda: truth() + next(days))


@pytest.mark.usefixtures("jumping")
def test_s45_requests_and_connections() -> None:
    release = threading.Event()

    def held(inputs: dict) -> dict:
        release.wait(10)
        return {"out": np.float32([1])}

    models = fake_models()
    models.models["held"] = (signature({"x": 1}, {"out": 1}), held)
    options = RestOptions(timeout_seconds=1.0, header_timeout_seconds=0.5, keep_alive_seconds=5.0)
    with talking(options, models=models) as talk, talk.connect() as connection:
        for _ in range(3):
            connection.sendall(request(b"POST", b"/v1/models/held:predict", body=b'{"instances": [1.0]}'))
            releasing = threading.Timer(0.3, release.set)
            releasing.start()
            assert status(connection.recv(65536)) == 200
            releasing.join()
            release.clear()
        begun = time.monotonic()
        assert status(talk.post("held", b'{"instances": [1.0]}')) == 504
        assert 0.9 < time.monotonic() - begun < 4
        begun = time.monotonic()
        assert status(talk.raw(b"GET /v1 HTTP/1.1\r\nX: ")) == 408
        assert 0.4 < time.monotonic() - begun < 3
        release.set()


@pytest.mark.usefixtures("jumping")
def test_s45_batches() -> None:
    echo = Echo()
    served = batching(echo)
    held = hold(served, echo)
    late, early = ask(served, b"late", deadline=time.monotonic() + 0.1), ask(served, b"early")
    time.sleep(0.2)
    echo.gate.set()
    assert held.result(10)["echo"].tolist() == [b"hold"]
    assert early.result(10)["echo"].tolist() == [b"early"]
    with pytest.raises(Refusal) as caught:
        late.result(10)
    assert caught.value.code is Code.DEADLINE_EXCEEDED
    served.loaded.close()


@pytest.mark.usefixtures("jumping")
def test_s45_looks_at_the_folders_and_new_tries(tmp_path: Path) -> None:
    fakes = Fakes()
    write_fake(tmp_path, 1)
    write_fake(tmp_path, 2, "nothing that could be loaded")
    with serving(fakes, config(tmp_path), load_retry_seconds=0.05, max_load_retries=3):
        # A try too many, or none, is what a clock that jumps would bring.
        eventually(lambda: len(fakes.events("load_failed")) == 4)
        time.sleep(0.3)
        assert len(fakes.events("load_failed")) == 4
    with serving(fakes, config(tmp_path, "n")) as models:
        write_fake(tmp_path, 3)
        eventually(lambda: states(models, "n").get(3) == "AVAILABLE")


@pytest.mark.usefixtures("jumping")
def test_s45_rates() -> None:
    take = limiter(1.0, 2, clock=time.monotonic)
    assert [take("a"), take("a")] == [0.0, 0.0]
    assert 0 < take("a") <= 1.0
