"""Every hostile request of the catalogue, sent to one server as it is started from the shell, good ones in between."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
import test_server_cases
from rest_fakes import Talk, read_all, request, status
from server_process import ServerProcess, eventually
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

pytestmark = pytest.mark.slow

Case = tuple[Callable[..., None], dict[str, Any]]

# What these look at is inside of the process; other tests show the same from outside.
INSIDE = {"test_s23_a_client_that_leaves_is_not_worked_for", "test_s32_before_a_model_is_ready"}
WRITING_SECONDS = 0.1
BURST = 500
HEADER_SECONDS = 1.0  # of the long-running server


def cases() -> Iterator[Any]:
    """Gives the cases that are written for a server inside of the test, with each of their parameters."""
    for name, function in vars(test_server_cases).items():
        if name.startswith("test_") and "talk" in inspect.signature(function).parameters and name not in INSIDE:
            for number, parameters in enumerate(parameters_of(function)):
                yield pytest.param((function, parameters), id=f"{name.removeprefix('test_')}-{number}")


def parameters_of(function: Callable[..., None]) -> Iterator[dict[str, Any]]:
    axes = []
    for mark in getattr(function, "pytestmark", []):
        names = [mark.args[0]] if isinstance(mark.args[0], str) else list(mark.args[0])
        axes.append([dict(zip(names, row if len(names) > 1 else [row], strict=True)) for row in mark.args[1]])
    for rows in itertools.product(*axes):
        yield {name: value for row in rows for name, value in row.items()}


class Logged:
    """Telemetry of another process, as far as its log and its metrics tell."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.before = self.counted()

    def counted(self) -> dict[str, float]:
        lines = self.server.get("/monitoring/prometheus/metrics").body.decode().splitlines()
        counted = (line.rsplit(" ", 1) for line in lines if line.startswith("tfclassify_rejected_total{"))
        return {name.split('"')[1]: float(value) for name, value in counted}

    @property
    def rejections(self) -> list[str]:
        """The reasons for which requests have been turned away since."""
        return [reason for reason, count in self.counted().items() if count > self.before.get(reason, 0.0)]

    @property
    def requests(self) -> list[dict[str, Any]]:
        time.sleep(WRITING_SECONDS)
        return self.server.logged("request")


@pytest.mark.parametrize("case", list(cases()))
def test_case(hostile_server: ServerProcess, case: Case) -> None:
    function, parameters = case
    talk: Any = Talk(SimpleNamespace(port=hostile_server.rest_port), SimpleNamespace(), Logged(hostile_server))  # type: ignore[arg-type]
    function(talk, **parameters)


def test_s37_a_burst(hostile_server: ServerProcess) -> None:
    counted = Counter(asyncio.run(burst(hostile_server.rest_port)))
    assert set(counted) <= {200, 503, "too late"}
    assert counted[200]


async def burst(port: int) -> list[int | str]:
    return await asyncio.gather(*(one(port) for _ in range(BURST)))


async def one(port: int) -> int | str:
    began = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request(b"POST", test_server_cases.TEXTS, b"Connection: close", body=test_server_cases.GOOD))
    waited = time.monotonic() - began
    try:
        answer = await reader.read()
    except ConnectionResetError:
        answer = b""
    finally:
        writer.close()
    # On a busy machine this client itself may say nothing for so long that the server, rightly, closes.
    return "too late" if not answer and waited > HEADER_SECONDS else status(answer)


@pytest.mark.parametrize(
    "spoken",
    [
        b"POST /v1/models/texts:predict HTTP/1.1\r\n\r\n",
        bytes.fromhex("16030100c8010000c40303") + b"\x01" * 200,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 10_000,
        b"\0" * 10_000,
    ],
    ids=["HTTP/1.1", "TLS", "frames that are none", "NULs"],
)
def test_s41_other_protocols_on_the_port_of_grpc(hostile_server: ServerProcess, spoken: bytes) -> None:
    with socket.create_connection(("127.0.0.1", hostile_server.grpc_port), timeout=10) as connection:
        with suppress(OSError):
            connection.sendall(spoken)
            connection.shutdown(socket.SHUT_WR)
        read_all(connection)
    assert list(predicted(hostile_server, b"good").outputs["length"].int_val) == [4]


def test_hostile_texts_over_grpc(hostile_server: ServerProcess) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        predicted(hostile_server, b"a" * (11 * 2**20))
    assert caught.value.code().name == "RESOURCE_EXHAUSTED"
    for texts in ((), (b"\xff\xfe",), (b"a\0b", b""), (b"a" * (3 * 2**20),)):
        found = predicted(hostile_server, *texts).outputs
        assert list(found["length"].int_val) == [len(text) for text in texts]
        assert list(found["label"].string_val) == list(texts)


def predicted(server: ServerProcess, *texts: bytes) -> Any:
    asked = predict_pb2.PredictRequest()
    asked.model_spec.name = "texts"
    asked.inputs["text"].dtype = 7
    asked.inputs["text"].tensor_shape.dim.add().size = len(texts)
    asked.inputs["text"].string_val.extend(texts)
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        return prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(asked, timeout=20)


def test_s42_a_terminal_that_is_closed(hostile_server: ServerProcess) -> None:
    hostile_server.tell(signal.SIGHUP)
    time.sleep(WRITING_SECONDS)
    assert hostile_server.is_alive()


def test_what_is_logged_of_a_request(hostile_server: ServerProcess) -> None:
    headers = {"X-Request-ID": "a-request"}
    assert hostile_server.post("texts", {"instances": ["very private", "b"]}, **headers).status == 200
    lines = eventually(lambda: [line for line in hostile_server.logged("request") if line["request_id"] == "a-request"])
    assert lines
    (line,) = [line for line in hostile_server.logged("request") if line["request_id"] == "a-request"]
    assert (line["status"], line["model"], line["n_instances"], line["batch_size"]) == (200, "texts", 2, 2)
    assert 0 <= line["queue_ms"] <= line["duration_ms"]
    assert "very private" not in hostile_server.errors.read_text()
