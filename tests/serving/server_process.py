"""Servers as processes of their own, as whoever runs one starts them; none is left behind, however a test ends."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STARTING_SECONDS, ENDING_SECONDS, ANSWER_SECONDS = 180.0, 60.0, 30.0
LOOK_SECONDS = 0.02
# Root may do what the tests have forbidden a server: listen on any port, and read what nobody may.
POWERS = "-net_bind_service,-dac_override,-dac_read_search"


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP, header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class ServerProcess:
    """A server, and the file that its standard error goes to."""

    process: subprocess.Popen[bytes]
    rest_port: int
    grpc_port: int
    errors: Path

    def post(self, model: str, document: Any, **headers: str) -> Answer:
        return exchange(self.rest_port, "POST", f"/v1/models/{model}:predict", document, headers)

    def get(self, path: str, **headers: str) -> Answer:
        return exchange(self.rest_port, "GET", path, None, headers)

    def states(self, model: str) -> dict[int, tuple[str, str]]:
        """Returns state and error message of each version."""
        listed = self.get(f"/v1/models/{model}").document["model_version_status"]
        return {int(each["version"]): (each["state"], each["status"]["error_message"]) for each in listed}

    def logged(self, event: str) -> list[dict[str, Any]]:
        """Returns the lines of its log about an event, as far as they are written."""
        written = self.errors.read_text(encoding="utf-8").rpartition("\n")[0]
        lines = [json.loads(line) for line in written.splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def said(self) -> list[str]:
        """Returns what it wrote beside its log."""
        return [line for line in self.errors.read_text(encoding="utf-8").splitlines() if not line.startswith("{")]

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def tell(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """Asks it to end, and returns its exit status."""
        if self.is_alive():
            self.tell(signal.SIGTERM)
        return self.process.wait(ENDING_SECONDS)


def exchange(port: int, verb: str, path: str, document: Any, headers: Mapping[str, str]) -> Answer:
    """Makes one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    body = None if document is None else json.dumps(document)
    try:
        connection.request(verb, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, named, response.read())
    finally:
        connection.close()


def free_ports(count: int) -> list[int]:
    """Returns ports of 127.0.0.1 that were free a moment ago."""
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in taken]


def start(folder: Path, words: list[str]) -> subprocess.Popen[bytes]:
    """Starts ``serve``, without root's powers; what it says goes to files in a folder."""
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    powerless = ["setpriv", f"--bounding-set={POWERS}"] if os.geteuid() == 0 and shutil.which("setpriv") else []
    with open(folder / "errors", "wb") as errors, open(folder / "output", "wb") as output:
        return subprocess.Popen(
            [*powerless, sys.executable, "-m", "tfclassify.serve", *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env=environment,
        )


@contextmanager
def running(
    folder: Path,
    models: Mapping[str, Path],
    *words: str,
    ports: tuple[int, int] | None = None,
    wait: bool = True,
) -> Iterator[ServerProcess]:
    """Runs a server, which is ready if it is waited for.

    Args:
        folder: an empty one, for what it says.
        models: base paths by name; none where ``words`` name a file of them.
        words: more settings.
        ports: of REST and gRPC; by default free ones.
        wait: until it is ready.
    """
    rest, grpc = ports or free_ports(2)
    named = ",".join(f"{name}:{path}" for name, path in models.items())
    asked = [f"models={named}"] if models else []
    asked += [f"rest_api_port={rest}", f"port={grpc}", "file_system_poll_wait_seconds=0.2", "drain_seconds=0", *words]
    folder.mkdir(parents=True, exist_ok=True)
    process = start(folder, asked)
    server = ServerProcess(process, rest, grpc, folder / "errors")
    try:
        if wait:
            assert eventually(lambda: not server.is_alive() or is_ready(server), STARTING_SECONDS)
            assert server.is_alive(), server.said()
        yield server
    finally:
        process.kill()
        process.wait()


def config_text(models: Mapping[str, Path], *, labels: Mapping[str, Mapping[str, int]]) -> str:
    """Returns the text proto that names models by their base paths, and labels of versions by model."""
    lines = [
        f'config {{ name: "{name}" base_path: "{path}" model_platform: "tensorflow" '
        + " ".join(f'version_labels {{ key: "{key}" value: {value} }}' for key, value in labels.get(name, {}).items())
        + " }"
        for name, path in models.items()
    ]
    return "\n".join(["model_config_list {", *lines, "}", ""])


def is_ready(server: ServerProcess) -> bool:
    try:
        return server.get("/v2/health/ready").status == 200
    except OSError:
        return False


def eventually(happens: Callable[[], Any], seconds: float = ANSWER_SECONDS) -> bool:
    """Waits for something to happen; returns whether it did."""
    end = time.monotonic() + seconds
    while not happens():
        if time.monotonic() > end:
            return False
        time.sleep(LOOK_SECONDS)
    return True
