"""Connections leave files for what else a server has to open."""

from __future__ import annotations

import resource
import shutil
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from process_models import save_tagged
from server_process import ServerProcess, eventually, running

from tfclassify.serving import open_files
from tfclassify.serving.open_files import KEPT_FREE, room_for_connections

INFINITE = resource.RLIM_INFINITY
CASES = {
    "enough": (20_000, 20_000, 1024, 1024, None),
    "no limit": (INFINITE, INFINITE, 1024, 1024, None),
    "raised": (1024, 4096, 1024, 1024, (1536, 4096)),
    "raised without end": (1024, INFINITE, 3000, 3000, (3512, INFINITE)),
    "raised as far as it goes": (1024, 1200, 1024, 688, (1200, 1200)),
    "little": (256, 256, 1024, 128, (256, 256)),
    "few wanted": (1024, 1024, 100, 100, None),
}


@pytest.mark.parametrize(("soft", "hard", "wanted", "room", "raised"), CASES.values(), ids=CASES)
def test_room(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, wanted: int, room: int, raised: tuple[int, int] | None
) -> None:
    made: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limits: made.append(limits))
    assert room_for_connections(wanted) == room
    assert made == ([] if raised is None else [raised])


def test_where_there_is_no_such_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_files, "resource", None)
    assert room_for_connections(5000) == 5000


def test_a_real_limit_is_raised() -> None:
    code = (
        "import resource\n"
        "from tfclassify.serving.open_files import room_for_connections\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 1000))\n"
        "print(room_for_connections(100), *resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["100", str(100 + KEPT_FREE), "1000"]


def asked(server: ServerProcess) -> tuple[int, Any]:
    try:
        answer = server.get("/v1/models/tagged")
    except ConnectionError:
        return 0, None
    return answer.status, answer.document


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("prlimit") is None, reason="no prlimit on this machine")
def test_clients_that_hold_connections_leave_a_server_its_files(tmp_path: Path) -> None:
    base = tmp_path / "tagged"
    base.mkdir()
    save_tagged(base / "1", 1)
    with running(tmp_path / "said", {"tagged": base}, "limits.header_seconds=60", files=300) as server:
        with ExitStack() as stack:
            for _ in range(300):
                held = stack.enter_context(socket.create_connection(("127.0.0.1", server.rest_port)))
                with suppress(ConnectionError):
                    held.sendall(b"POST /v1/models")
            assert eventually(lambda: asked(server) == (503, {"error": "Too many connections"}))
            save_tagged(base / "2", 2)
            assert eventually(lambda: [line["version"] for line in server.logged("version_available")] == [1, 2])
        assert eventually(lambda: server.post("tagged", {"instances": ["a"]}).status == 200)
        assert server.logged("connections_limited")[0]["connections"] == 150
        assert server.end() == 0
