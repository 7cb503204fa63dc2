"""An exported classifier, served by a process: REST and gRPC agree, and no failed export comes near its clients."""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from server_process import Answer, ServerProcess, eventually, running
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from tfclassify.errors import UsageError
from tfclassify.export import Export, export

pytestmark = pytest.mark.slow

TEXTS = ("a b c d", "w x y z", "", "é ß 你好 \u1b7f", "a " * 3000, "nul \0 nul", "A W", "mail a@example.org")
SECONDS = 30.0
# TensorFlow's DataType by the field of a TensorProto that holds it.
FIELDS = {1: ("float_val", float), 3: ("int_val", int), 7: ("string_val", bytes.decode), 10: ("bool_val", bool)}
PACKED = {1: np.float32, 3: np.int32, 10: np.bool_}


@dataclass(frozen=True)
class Exported:
    """A server of the toy classifier, the folder of its versions, and what it answered before it was ready."""

    server: ServerProcess
    base: Path
    early: list[Answer]

    def post(self, *texts: str) -> Answer:
        return self.server.post("toy", {"instances": list(texts)})


@pytest.fixture(scope="module")
def exported(toy_exported: Export, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
    base = tmp_path_factory.mktemp("served") / "toy"
    shutil.copytree(toy_exported.folder.parent, base)
    said = tmp_path_factory.mktemp("said")
    with running(said, {"toy": base}, wait=False) as server:
        early: list[Answer] = []
        assert eventually(lambda: is_listening(server), 120)
        while not early or early[-1].status != 200:
            assert server.is_alive(), server.said()
            early.append(server.post("toy", {"instances": ["a b"]}))
        yield Exported(server, base, early)
        assert server.end() == 0
        assert not server.logged("internal_error")
        assert not [line for line in server.said() if "Traceback" in line]


def is_listening(server: ServerProcess) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", server.rest_port)) == 0


def test_s32_before_it_is_ready(exported: Exported) -> None:
    before = exported.early[:-1]
    assert before
    for answer in before:
        assert answer.status == 503
        assert answer.headers["retry-after"] == "1"
        assert list(answer.document) == ["error"]


def by_grpc(exported: Exported, *texts: str) -> dict[str, list[Any]]:
    """Asks as a client does that has the public protos and nothing else; returns outputs as nested lists."""
    asked = predict_pb2.PredictRequest()
    asked.model_spec.name, asked.model_spec.signature_name = "toy", "serving_default"
    asked.inputs["text"].dtype = 7
    asked.inputs["text"].tensor_shape.dim.add().size = len(texts)
    asked.inputs["text"].string_val.extend(text.encode() for text in texts)
    with grpc.insecure_channel(f"127.0.0.1:{exported.server.grpc_port}") as channel:
        found = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(asked, timeout=SECONDS)
    assert (found.model_spec.name, found.model_spec.version.value) == ("toy", 1)
    return {name: nested(tensor) for name, tensor in found.outputs.items()}


def nested(tensor: Any) -> list[Any]:
    shape = [dimension.size for dimension in tensor.tensor_shape.dim]
    if tensor.tensor_content:
        return np.frombuffer(tensor.tensor_content, PACKED[tensor.dtype]).reshape(shape).tolist()
    field, read = FIELDS[tensor.dtype]
    values = np.empty(int(np.prod(shape)), object)
    values[:] = [read(value) for value in getattr(tensor, field)]
    return values.reshape(shape).tolist()


@pytest.mark.parametrize("texts", [TEXTS, *((text,) for text in TEXTS)], ids=["together", *map(str, range(len(TEXTS)))])
def test_rest_and_grpc_answer_the_same(exported: Exported, texts: tuple[str, ...]) -> None:
    rows = exported.post(*texts).document["predictions"]
    columns = exported.server.post("toy", {"inputs": {"text": list(texts)}}).document["outputs"]
    found = by_grpc(exported, *texts)
    assert found.keys() == columns.keys() == rows[0].keys()
    for name, values in found.items():
        assert same(values, columns[name]), name
        assert same(values, [row[name] for row in rows]), name


def same(some: list[Any], others: list[Any]) -> bool:
    left, right = np.array(some), np.array(others)
    if left.dtype.kind != "f":
        return bool(left.shape == right.shape and np.all(left == right))
    # One text in another batch may be rounded otherwise in its last bit.
    return left.shape == right.shape and np.allclose(left, right, rtol=1e-5, atol=1e-6)


def test_it_answers_as_it_did_when_it_was_exported(exported: Exported) -> None:
    golden = json.loads((exported.base / "1" / "golden.json").read_text(encoding="utf-8"))
    found = by_grpc(exported, *golden["inputs"]["text"])
    assert found["label"] == golden["outputs"]["label"]
    np.testing.assert_allclose(found["scores"], golden["outputs"]["scores"], atol=golden["tolerance"])


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Makes every longer write fail, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [0, 200_000])
def test_a_full_disk_leaves_no_half_version(exported: Exported, toy_run: Path, size: int) -> None:
    before = sorted(os.listdir(exported.base))
    with files_of_at_most(size), pytest.raises(UsageError) as caught:
        export({"run": str(toy_run), "output": str(exported.base)})
    assert str(caught.value) == (
        f"output={exported.base} cannot be written: File too large; make room and export again"
    )
    assert sorted(os.listdir(exported.base)) == before
    assert exported.server.states("toy") == {1: ("AVAILABLE", "")}
    assert not exported.server.logged("load_failed")
    assert exported.post("a b").status == 200
