"""How a server that is a process begins and ends: addresses it cannot have, signals, and being killed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import RemoteDisconnected
from pathlib import Path

import grpc
import pytest
from process_models import save_numbers, save_tagged
from server_process import ServerProcess, eventually, free_ports, running, start
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

pytestmark = pytest.mark.slow

CLIENTS = 6
PRIVILEGED = 81
USAGE = 2
SHORT, LONG = "20", "2000"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    save_numbers(folder / "numbers" / "1")
    return folder


@dataclass
class Traffic:
    """What clients were answered, and those that were not answered although they had been let in."""

    statuses: Counter[int] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    turned_away: int = 0


@contextmanager
def traffic(server: ServerProcess, until: threading.Event) -> Iterator[Traffic]:
    """Has clients ask, each on a new connection every time, until they are told to stop."""
    seen, lock = Traffic(), threading.Lock()

    def client() -> None:
        while not until.is_set():
            try:
                answer = server.post("numbers", {"instances": [SHORT]})
            except ConnectionRefusedError:
                with lock:
                    seen.turned_away += 1
                return
            except (OSError, RemoteDisconnected) as error:
                with lock:
                    seen.lost.append(repr(error))
                return
            with lock:
                seen.statuses[answer.status] += 1

    with ThreadPoolExecutor(CLIENTS) as pool:
        working = [pool.submit(client) for _ in range(CLIENTS)]
        try:
            yield seen
        finally:
            until.set()
        for each in working:
            each.result()


def grpc_number(channel: grpc.Channel, text: str) -> grpc.Future:
    asked = predict_pb2.PredictRequest()
    asked.model_spec.name = "numbers"
    asked.inputs["text"].dtype = 7
    asked.inputs["text"].tensor_shape.dim.add().size = 1
    asked.inputs["text"].string_val.append(text.encode())
    return prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict.future(asked, timeout=30)


# S42


def test_s42_sigterm_under_load_loses_nothing(models: Path, tmp_path: Path) -> None:
    words = ("drain_seconds=1.5", "grace_seconds=20", "batching.threads=2")
    with ExitStack() as stack:
        server = stack.enter_context(running(tmp_path, {"numbers": models / "numbers"}, *words))
        channel = stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}"))
        pool = stack.enter_context(ThreadPoolExecutor(2))
        noticed = threading.Event()
        with traffic(server, noticed) as seen:
            assert eventually(lambda: seen.statuses[200] > 2 * CLIENTS)
            server.tell(signal.SIGHUP)
            server.tell(signal.SIGTERM)
            # As a balancer sees it: not ready, and answering all the same.
            assert eventually(lambda: server.get("/v2/health/ready").status == 503)
            assert server.get("/v2/health/live").status == 200
            answered = seen.statuses[200]
            assert eventually(lambda: seen.statuses[200] > answered + CLIENTS)
        assert set(seen.statuses) == {200}
        assert (seen.lost, seen.turned_away) == ([], 0)
        # Begun while it drains, and longer than that lasts.
        slow = pool.submit(server.post, "numbers", {"instances": [LONG]})
        slow_grpc = grpc_number(channel, LONG)
        assert slow.result().document == {"predictions": [int(LONG)]}
        assert list(slow_grpc.result().outputs["number"].int64_val) == [int(LONG)]
        assert server.process.wait(10) == 0
    assert not [line for line in server.said() if "Traceback" in line]
    with pytest.raises(ConnectionRefusedError):
        server.get("/v2/health/live")


def test_s42_a_second_sigterm_hurries(models: Path, tmp_path: Path) -> None:
    words = ("drain_seconds=60", "grace_seconds=60")
    with running(tmp_path, {"numbers": models / "numbers"}, *words) as server, ThreadPoolExecutor(1) as pool:
        server.tell(signal.SIGHUP)
        slow = pool.submit(server.post, "numbers", {"instances": ["4000"]})
        time.sleep(0.3)
        server.tell(signal.SIGTERM)
        assert eventually(lambda: server.get("/v2/health/ready").status == 503)
        begun = time.monotonic()
        server.tell(signal.SIGTERM)
        answer = slow.result()
        assert (answer.status, answer.document) == (503, {"error": "The server stops"})
        assert server.process.wait(20) == 0
        assert time.monotonic() - begun < 15
    assert not [line for line in server.said() if "Traceback" in line]


# S43


def test_s43_addresses_that_cannot_be_had(models: Path, tmp_path: Path) -> None:
    """What is said of each is in rest/test_transport.py; here it ends the process, whichever of the two ports it is."""
    (free,) = free_ports(1)
    with ExitStack() as stack:
        taken = stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
        in_use = f"127.0.0.1:{taken}: Address already in use; give another host or port"
        refused = {"gRPC": ([f"rest_api_port={free}", f"port={taken}"], in_use)}
        if may_not_listen_low():
            refused["REST"] = ([f"rest_api_port={PRIVILEGED}", "port=0"], f"127.0.0.1:{PRIVILEGED}: Permission denied")
        else:
            refused["REST"] = ([f"rest_api_port={taken}", "port=0"], in_use)
        started = {name: begin(stack, tmp_path / name, models, words) for name, (words, _) in refused.items()}
        for name, (_, message) in refused.items():
            assert started[name].wait(120) == USAGE
            (line,) = (tmp_path / name / "errors").read_text().splitlines()
            assert line.startswith("tfclassify serve: ")
            assert message in line
            assert (tmp_path / name / "output").read_text() == ""


def begin(stack: ExitStack, folder: Path, models: Path, words: list[str]) -> subprocess.Popen[bytes]:
    folder.mkdir()
    process = start(folder, [f"models=numbers:{models / 'numbers'}", *words])
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def may_not_listen_low() -> bool:
    """Says whether a server that the tests start may not listen on a port that is for root."""
    lowest = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    if lowest.is_file() and int(lowest.read_text()) <= PRIVILEGED:
        return False
    return os.geteuid() != 0 or shutil.which("setpriv") is not None


# Being killed


def test_a_server_that_was_killed_comes_back_as_it_was(tmp_path: Path) -> None:
    base = tmp_path / "tagged"
    base.mkdir()
    save_tagged(base / "1", 1)
    save_tagged(base / "2", 2)
    with running(tmp_path / "first", {"tagged": base}) as first:
        before = first.post("tagged", {"instances": ["a"]}).document
        first.tell(signal.SIGKILL)
        assert first.process.wait(10) == -signal.SIGKILL
    # What an export or a copy that was killed as well would leave.
    (base / "writing-0123456789ab").mkdir()
    ports = (first.rest_port, first.grpc_port)
    with running(tmp_path / "second", {"tagged": base}, ports=ports) as second:
        assert second.post("tagged", {"instances": ["a"]}).document == before == {"predictions": [2]}
        assert second.states("tagged") == {2: ("AVAILABLE", "")}
        assert second.end() == 0
