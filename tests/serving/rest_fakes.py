"""A server with models made of Python functions, and raw talk with it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from tfclassify.serving.loaded import Loaded
from tfclassify.serving.rest.application import application
from tfclassify.serving.rest.options import RestOptions
from tfclassify.serving.rest.transport import RestServer, listen, start
from tfclassify.serving.signatures import Signature, TensorInfo
from tfclassify.serving.status import Code, Refusal

FLOAT, INT32, STRING = 1, 3, 7


def signature(inputs: Mapping[str, int], outputs: Mapping[str, int], method: str = "") -> Signature:
    """A signature of tensors of unknown rank."""

    def infos(dtypes: Mapping[str, int]) -> dict[str, TensorInfo]:
        return {name: TensorInfo(f"{name}:0", dtype, None) for name, dtype in dtypes.items()}

    return Signature(infos(inputs), infos(outputs), method)


@dataclass
class FakeModels:
    """Models by name, each of one version; what is in ``loading`` is not ready."""

    models: dict[str, tuple[Signature, Callable[[Mapping[str, Any]], dict[str, Any]]]]
    version: int = 3
    loading: set[str] = field(default_factory=set)
    cancelled: threading.Event = field(default_factory=threading.Event)
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(4))

    @contextmanager
    def use(self, name: str, *, version: int | None = None, label: str | None = None) -> Iterator[Any]:
        wanted = f"Latest({name})" if version is None else f"Specific({name}, {version})"
        if label not in (None, "stable"):
            raise Refusal(Code.INVALID_ARGUMENT, f"Unrecognized servable version label: {label}")
        if name not in self.models or name in self.loading or version not in (None, self.version):
            raise Refusal(Code.NOT_FOUND, f"Servable not found for request: {wanted}")
        taken, function = self.models[name]
        loaded = Loaded(name, self.version, {"serving_default": taken}, {}, lambda _, inputs: function(inputs), print)
        yield SimpleNamespace(loaded=loaded, submit=lambda _, inputs, deadline: self._submit(function, inputs))

    def _submit(self, function: Callable[[Mapping[str, Any]], dict[str, Any]], inputs: Any) -> Future[Any]:
        if function is wait_for_ever:
            future: Future[Any] = Future()
            future.add_done_callback(lambda done: done.cancelled() and self.cancelled.set())
            return future
        return self.pool.submit(function, inputs)

    def statuses(self, name: str, version: int | None = None) -> list[Any]:
        if name not in self.models:
            raise Refusal(Code.NOT_FOUND, f"Could not find any versions of model {name}")
        if version not in (None, self.version):
            raise Refusal(Code.NOT_FOUND, f"Could not find version {version} of model {name}")
        state = "LOADING" if name in self.loading else "AVAILABLE"
        return [SimpleNamespace(version=self.version, state=state, error_code="OK", error_message="")]

    def ready(self) -> bool:
        return not self.loading


def echo(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"out": next(iter(inputs.values()))}


def lengths(inputs: Mapping[str, Any]) -> dict[str, Any]:
    texts = inputs["text"]
    return {
        "label": texts,
        "length": np.array([len(text) for text in texts.reshape(-1)], np.int32).reshape(texts.shape),
    }


def wait_for_ever(inputs: Mapping[str, Any]) -> dict[str, Any]:
    raise NotImplementedError


def break_down(inputs: Mapping[str, Any]) -> dict[str, Any]:
    raise ZeroDivisionError("a secret place in the code")


def fake_models() -> FakeModels:
    return FakeModels(
        {
            "texts": (signature({"text": STRING}, {"label": STRING, "length": INT32}), lengths),
            "floats": (signature({"x": FLOAT}, {"out": FLOAT}), echo),
            "slow": (signature({"x": FLOAT}, {"out": FLOAT}), wait_for_ever),
            "broken": (signature({"x": FLOAT}, {"out": FLOAT}), break_down),
        }
    )


@dataclass
class Told:
    """Telemetry that keeps what it is told."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    events: list[tuple[str, Any]] = field(default_factory=list)
    rejections: list[str] = field(default_factory=list)

    def request(self, **told: Any) -> None:
        self.requests.append(told)

    def event(self, name: str, fields: Mapping[str, Any]) -> None:
        self.events.append((name, fields))

    def rejected(self, reason: str) -> None:
        self.rejections.append(reason)

    def exposition(self) -> bytes:
        return b"# TYPE requests counter\n"


def ask_for_key(headers: Mapping[str, str], *, scope: str, peer: str) -> str:
    """Lets everybody in but who mentions another key than the good one."""
    if headers.get("x-api-key", "good") != "good":
        raise Refusal(Code.UNAUTHENTICATED, "Unknown key")
    return "somebody"


@dataclass
class Talk:
    """A running server and how to talk to it."""

    server: RestServer
    models: FakeModels
    told: Told

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.server.port), timeout=10)

    def raw(self, *pieces: bytes, half_close: bool = False) -> bytes:
        """Sends bytes and reads all that comes until the server closes."""
        with self.connect() as connection:
            try:
                for piece in pieces:
                    connection.sendall(piece)
                if half_close:
                    connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            return read_all(connection)

    def post(self, model: str, body: bytes, *headers: bytes, verb: bytes = b"POST") -> bytes:
        target = b"/v1/models/%s:predict" % model.encode()
        return self.raw(request(verb, target, *headers, b"Connection: close", body=body))

    def is_well(self) -> bool:
        """Whether a good request is answered."""
        answer = self.post("texts", b'{"instances": ["good"]}')
        return status(answer) == 200 and b'"length": 4' in answer


def request(verb: bytes, target: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    lines = [b"%s %s HTTP/1.1" % (verb, target), b"Host: x", *headers]
    if body or verb == b"POST":
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def read_all(connection: socket.socket) -> bytes:
    answer = b""
    while True:
        try:
            piece = connection.recv(65536)
        except (ConnectionError, TimeoutError):
            return answer
        if not piece:
            return answer
        answer += piece


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def body_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


@contextmanager
def talking(options: RestOptions, *, models: FakeModels | None = None, **named: Any) -> Iterator[Talk]:
    models, told = models or fake_models(), Told()
    app = application(models, options, guard=ask_for_key, telemetry=told, **named)
    server = start(app, listen("127.0.0.1", 0), options, rejected=told.rejected)
    try:
        yield Talk(server, models, told)
    finally:
        server.stop(1.0)
        models.pool.shutdown()


def eventually(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
