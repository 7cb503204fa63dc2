"""Clients of TensorFlow Serving's gRPC services get its answers and its errors; they are written on its protos only."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from certificates import Authority, authority, pair
from grpc_health.v1 import health_pb2, health_pb2_grpc
from served_models import SECONDS, Fakes, config, eventually, serving, serving_saved, states, write_fake
from small_models import save_examples, save_scaled, save_texts
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from tfclassify.errors import UsageError
from tfclassify.serving.grpc_services import GrpcOptions, GrpcServer, serve
from tfclassify.serving.models import All, Models
from tfclassify.serving.server_configs import TlsConfig, changed_tls, read_tls
from tfclassify.serving.signatures import Signature, TensorInfo
from tfclassify.serving.status import Code, Refusal

Facts = dict[str, Any]


class Client:
    """Both services over one channel."""

    def __init__(self, channel: grpc.Channel) -> None:
        prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        model = model_service_pb2_grpc.ModelServiceStub(channel)
        self.predict, self.classify, self.regress = prediction.Predict, prediction.Classify, prediction.Regress
        self.multi_inference, self.metadata = prediction.MultiInference, prediction.GetModelMetadata
        self.status, self.reload = model.GetModelStatus, model.HandleReloadConfigRequest
        self.health = health_pb2_grpc.HealthStub(channel)


def telemetry(told: list[Facts]) -> Any:
    return SimpleNamespace(
        request=lambda **facts: told.append(facts), rejected=lambda reason: told.append({"rejected": reason})
    )


@contextmanager
def listening(
    models: Models, *, options: GrpcOptions | None = None, guard: Any = None, told: list[Facts] | None = None
) -> Iterator[tuple[GrpcServer, Client]]:
    server = serve(
        models,
        address="127.0.0.1:0",
        options=options or GrpcOptions(),
        guard=guard or (lambda headers, *, scope, peer: "anybody"),
        telemetry=telemetry(told if told is not None else []),
    )
    try:
        with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            yield server, Client(channel)
    finally:
        server.stop(0)


@pytest.fixture(scope="module")
def told() -> list[Facts]:
    return []


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, told: list[Facts]) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("models")
    save_scaled(folder / "scaled" / "1", 2.0)
    save_scaled(folder / "scaled" / "3", 3.0)
    save_texts(folder / "texts" / "1")
    save_examples(folder / "examples" / "7")
    configs = [
        config(folder / "scaled", "scaled", All(), stable=1),
        config(folder / "texts", "texts"),
        config(folder / "examples", "examples"),
    ]
    with serving_saved(Fakes(), *configs, run_seconds=1.0) as models, listening(models, told=told) as (_, client):
        yield client


def refusal(ask: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as caught:
        ask()
    return caught.value.code().name, caught.value.details()


def predicting(
    name: str = "scaled", signature: str = "", outputs: tuple[str, ...] = (), **inputs: Any
) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = name, signature
    for key, value in inputs.items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    request.output_filter.extend(outputs)
    return request


def ones() -> np.ndarray:
    return np.ones([2, 1], np.float32)


def filled(request: Any, *values: float, name: str = "examples", signature: str = "") -> Any:
    spec = request.tasks.add().model_spec if hasattr(request, "tasks") else request.model_spec
    spec.name, spec.signature_name = name, signature
    for value in values:
        example = request.input.example_list.examples.add()
        example.features.feature["x"].float_list.value.append(value)
    return request


# Predict


def test_predict(client: Client) -> None:
    response = client.predict(predicting(x=ones()))
    assert list(response.outputs) == ["y"]
    assert list(response.outputs["y"].float_val) == [3.0, 3.0]
    assert [dim.size for dim in response.outputs["y"].tensor_shape.dim] == [2, 1]
    spec = response.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("scaled", 3, "serving_default")


def test_predict_by_version_and_label(client: Client) -> None:
    request = predicting(x=ones())
    request.model_spec.version.value = 1
    assert tf.make_ndarray(client.predict(request).outputs["y"]).tolist() == [[2.0], [2.0]]
    request.model_spec.version_label = "stable"
    assert client.predict(request).model_spec.version.value == 1


def test_predict_texts_and_only_some_outputs(client: Client) -> None:
    given = {"text": [b"ends in NUL\0", "é".encode()], "n": np.int32(2)}
    response = client.predict(predicting("texts", **given))
    assert sorted(response.outputs) == ["first", "length", "text", "turns"]
    assert list(response.outputs["text"].string_val) == given["text"]
    assert list(client.predict(predicting("texts", outputs=("length",), **given)).outputs) == ["length"]


def test_a_shape_is_the_graph_s_affair(client: Client) -> None:
    response = client.predict(predicting(x=np.ones([2, 2], np.float32)))
    assert tf.make_ndarray(response.outputs["y"]).tolist() == [[3.0, 3.0]] * 2


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        (predict_pb2.PredictRequest(), "INVALID_ARGUMENT", "Missing ModelSpec"),
        (predicting(""), "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        (predicting("other"), "NOT_FOUND", "Servable not found for request: Latest(other)"),
        (predicting(signature="s"), "FAILED_PRECONDITION", 'Serving signature key "s" not found.'),
        (
            predicting(),
            "INVALID_ARGUMENT",
            "input size does not match signature: 0!=1 len({}) != len({x}). Sent extra: {}. Missing but required: {x}.",
        ),
        (
            predicting(z=ones()),
            "INVALID_ARGUMENT",
            "input tensor alias not found in signature: z. Inputs expected to be in the set {x}.",
        ),
        (
            predicting(x=ones(), outputs=("z",)),
            "INVALID_ARGUMENT",
            "output tensor alias not found in signature: z Outputs expected to be in the set {y}.",
        ),
        (predicting(x=ones(), outputs=("y", "y")), "INVALID_ARGUMENT", "duplicate output tensor alias: y"),
        (predicting(x=np.ones([1], np.int32)), "INVALID_ARGUMENT", "Type mismatch: actual int32 vs. expect float"),
        (
            predicting("texts", text=[b"a"], n=np.array([1, 2], np.int32)),
            "INVALID_ARGUMENT",
            "The second input must be a scalar, but it has shape [2]",
        ),
    ],
)
def test_what_predict_refuses(client: Client, request_: Any, code: str, message: str) -> None:
    assert refusal(lambda: client.predict(request_)) == (code, message)


def test_versions_and_labels_that_are_not_there(client: Client) -> None:
    request = predicting(x=ones())
    request.model_spec.version.value = 8
    assert refusal(lambda: client.predict(request)) == (
        "NOT_FOUND",
        "Servable not found for request: Specific(scaled, 8)",
    )
    request.model_spec.version_label = "no"
    assert refusal(lambda: client.predict(request)) == (
        "INVALID_ARGUMENT",
        "Unrecognized servable version label: no",
    )


def test_a_tensor_that_asks_for_all_memory(client: Client) -> None:
    request = predicting()
    tensor = request.inputs["x"]
    tensor.dtype = 1
    tensor.float_val.append(1.0)
    for _ in range(2):
        tensor.tensor_shape.dim.add().size = 2**31
    code, message = refusal(lambda: client.predict(request))
    assert code == "INVALID_ARGUMENT"
    assert message.startswith("Tensor x cannot be read: ")


@pytest.mark.parametrize("name", ["a" * 5000, "é" * 5000])
def test_long_errors_are_cut(client: Client, name: str) -> None:
    code, message = refusal(lambda: client.predict(predicting(name)))
    assert code == "NOT_FOUND"
    assert message.endswith("...TRUNCATED")
    assert 1020 < len(message.removesuffix("...TRUNCATED").encode()) <= 1024


def test_a_client_s_deadline_ends_the_call(client: Client, told: list[Facts]) -> None:
    told.clear()
    start = time.monotonic()
    request = predicting("texts", text=[b"a"], n=np.int32(2**31 - 1))
    with pytest.raises(grpc.RpcError) as caught:
        client.predict(request, timeout=0.2)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert time.monotonic() - start < 10
    eventually(lambda: len(told) == 2)
    assert told[0] == {"rejected": "deadline"}
    assert (told[1]["code"], told[1]["http_status"]) == (Code.DEADLINE_EXCEEDED, 504)


# Classify, Regress, MultiInference


def test_classify(client: Client) -> None:
    response = client.classify(filled(classification_pb2.ClassificationRequest(), 1.0, 2.0, signature="classify"))
    rows = [[(each.label, each.score) for each in row.classes] for row in response.result.classifications]
    assert rows == [[("neg", 1.0), ("neu", 2.0), ("pos", 3.0)], [("neg", 2.0), ("neu", 4.0), ("pos", 6.0)]]
    assert (response.model_spec.version.value, response.model_spec.signature_name) == (7, "classify")


def test_regress_with_a_context(client: Client) -> None:
    request = regression_pb2.RegressionRequest()
    request.model_spec.name, request.model_spec.signature_name = "examples", "regress"
    for _ in range(3):
        request.input.example_list_with_context.examples.add()
    request.input.example_list_with_context.context.features.feature["x"].float_list.value.append(6.0)
    assert [each.value for each in client.regress(request).result.regressions] == [5.0] * 3


def test_what_classify_and_regress_refuse(client: Client) -> None:
    classify, regress = classification_pb2.ClassificationRequest, regression_pb2.RegressionRequest
    for ask, request, code, message in (
        (client.classify, classify(), "INVALID_ARGUMENT", "Missing ModelSpec"),
        (client.classify, filled(classify()), "INVALID_ARGUMENT", "Input is empty."),
        (
            client.classify,
            filled(classify(), 1.0, signature="s"),
            "INVALID_ARGUMENT",
            "No signature was found with the name: s",
        ),
        (
            client.classify,
            filled(classify(), 1.0, signature="regress"),
            "FAILED_PRECONDITION",
            "No classification outputs found in SignatureDef.",
        ),
        (client.regress, filled(regress(), 1.0), "INVALID_ARGUMENT", "Expected one output Tensor."),
        (
            client.regress,
            filled(regress(), 1.0, name="scaled"),
            "FAILED_PRECONDITION",
            "No regression inputs found in SignatureDef.",
        ),
    ):
        assert refusal(lambda ask=ask, request=request: ask(request)) == (code, message)  # type: ignore[misc]


def several(*tasks: tuple[str, str, str]) -> inference_pb2.MultiInferenceRequest:
    request = inference_pb2.MultiInferenceRequest()
    for name, signature, method in tasks:
        filled(request, name=name, signature=signature)
        request.tasks[-1].method_name = f"tensorflow/serving/{method}"
    request.input.example_list.examples.add().features.feature["x"].float_list.value.append(2.0)
    return request


def test_multi_inference(client: Client) -> None:
    response = client.multi_inference(several(("examples", "", "classify"), ("examples", "regress", "regress")))
    first, second = response.results
    assert [each.score for each in first.classification_result.classifications[0].classes] == [2.0, 4.0, 6.0]
    assert [each.value for each in second.regression_result.regressions] == [3.0]
    assert (second.model_spec.name, second.model_spec.version.value) == ("examples", 7)


def test_what_multi_inference_refuses(client: Client) -> None:
    for request, code, message in (
        (several(), "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        (
            several(("examples", "", "classify"), ("", "regress", "regress")),
            "INVALID_ARGUMENT",
            "Found ModelSpec with an empty model name.",
        ),
        (
            several(("examples", "", "classify"), ("scaled", "regress", "regress")),
            "INVALID_ARGUMENT",
            "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
        ),
        (
            several(("examples", "", "classify"), ("examples", "serving_default", "classify")),
            "INVALID_ARGUMENT",
            "Duplicate evaluation of signature: serving_default",
        ),
        (
            several(("examples", "", "predict")),
            "UNIMPLEMENTED",
            "Unsupported signature method_name: tensorflow/serving/predict",
        ),
    ):
        assert refusal(lambda request=request: client.multi_inference(request)) == (code, message)  # type: ignore[misc]


# Metadata and status


def test_metadata(client: Client) -> None:
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "scaled"
    response = client.metadata(request)
    assert (response.model_spec.name, response.model_spec.version.value) == ("scaled", 3)
    definitions = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(definitions)
    assert definitions.signature_def["serving_default"].inputs["x"].dtype == 1
    assert "__saved_model_init_op" in definitions.signature_def


def test_what_metadata_refuses(client: Client) -> None:
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    assert refusal(lambda: client.metadata(request)) == ("INVALID_ARGUMENT", "Missing ModelSpec")
    request.model_spec.name = "other"
    message = "GetModelMetadataRequest must specify at least one metadata_field"
    assert refusal(lambda: client.metadata(request)) == ("INVALID_ARGUMENT", message)
    request.metadata_field.append("what")
    assert refusal(lambda: client.metadata(request)) == (
        "INVALID_ARGUMENT",
        "Metadata field what is not supported",
    )
    request.metadata_field[:] = ["signature_def"]
    assert refusal(lambda: client.metadata(request))[0] == "NOT_FOUND"


def test_status(client: Client) -> None:
    request = get_model_status_pb2.GetModelStatusRequest()
    assert refusal(lambda: client.status(request)) == ("INVALID_ARGUMENT", "Missing ModelSpec")
    request.model_spec.name = "scaled"
    rows = client.status(request).model_version_status
    assert [(row.version, row.state, row.status.error_code) for row in rows] == [(3, 30, 0), (1, 30, 0)]
    request.model_spec.version.value = 1
    assert [row.version for row in client.status(request).model_version_status] == [1]
    request.model_spec.version.value = 2
    assert refusal(lambda: client.status(request)) == ("NOT_FOUND", "Could not find version 2 of model scaled")


# Reload


def reloading(*models: tuple[str, Path | str], **labels: int) -> model_management_pb2.ReloadConfigRequest:
    request = model_management_pb2.ReloadConfigRequest()
    request.config.model_config_list.SetInParent()
    for name, base in models:
        each = request.config.model_config_list.config.add(name=name, base_path=str(base), model_platform="tensorflow")
        for label, version in labels.items():
            each.version_labels[label] = version
    return request


def test_reload(tmp_path: Path) -> None:
    fakes = Fakes()
    for name in ("a", "b"):
        write_fake(tmp_path / name, 1)
    with serving(fakes, config(tmp_path / "a", "a")) as models, listening(models) as (_, client):
        assert client.reload(reloading(("b", tmp_path / "b"), stable=1)).status.error_code == 0
        assert models.names() == ["b"]
        assert states(models, "b") == {1: "AVAILABLE"}
        eventually(lambda: fakes.closed == [("a", 1)])
        for request, code, message in (
            (
                model_management_pb2.ReloadConfigRequest(),
                "INVALID_ARGUMENT",
                "ServerModelConfig type not supported by HandleReloadConfigRequest. "
                "Only ModelConfigList is currently supported",
            ),
            (
                reloading(("b", "b")),
                "INVALID_ARGUMENT",
                "model 'b' has base_path: 'b'; expected an absolute folder",
            ),
            (
                reloading(("b", tmp_path / "b"), ("b", tmp_path / "b")),
                "INVALID_ARGUMENT",
                "two models are named 'b'; expected a name of its own for each",
            ),
        ):
            assert refusal(lambda request=request: client.reload(request)) == (code, message)  # type: ignore[misc]
        assert models.names() == ["b"]
        assert refusal(lambda: client.reload(reloading(("b", tmp_path / "b"), next=2))) == (
            "FAILED_PRECONDITION",
            "Request to assign label to version 2 of model b, which is not currently available for inference",
        )
        assert refusal(lambda: client.reload(reloading(("c", tmp_path / "c")))) == (
            "UNKNOWN",
            "1 servable(s) did not become available: {c}",
        )


# Guard and telemetry


def test_the_guard_sees_who_asks_for_what(tmp_path: Path) -> None:
    write_fake(tmp_path / "m", 1)
    asked: list[tuple[str, str, str]] = []

    def authorize(headers: Any, *, scope: str, peer: str) -> str:
        asked.append((headers.get("authorization", headers.get("x-api-key", "")), scope, peer.rpartition(":")[0]))
        if scope == "admin":
            raise Refusal(Code.PERMISSION_DENIED, "The key may not do this")
        if not asked[-1][0]:
            raise Refusal(Code.UNAUTHENTICATED, "A key is needed")
        if headers.get("x-api-key") == "often":
            raise Refusal(Code.RESOURCE_EXHAUSTED, "Too many requests", retry_after_seconds=1.5)
        return "caller"

    status = get_model_status_pb2.GetModelStatusRequest()
    status.model_spec.name = "m"
    told: list[Facts] = []
    with (
        serving(Fakes(), config(tmp_path / "m")) as models,
        listening(models, guard=authorize, told=told) as (_, client),
    ):
        assert refusal(lambda: client.status(status)) == ("UNAUTHENTICATED", "A key is needed")
        assert client.status(status, metadata=(("authorization", "Bearer k"), ("bin-bin", b"\xff")))
        assert refusal(lambda: client.reload(reloading()))[0] == "PERMISSION_DENIED"
        assert refusal(lambda: client.predict(predicting("m"), metadata=(("x-api-key", "often"),)))[1] == (
            "Too many requests"
        )
        with pytest.raises(grpc.RpcError) as caught:
            client.predict(predicting("m"), metadata=(("x-api-key", "often"),))
        assert ("grpc-retry-pushback-ms", "1500") in caught.value.trailing_metadata()
        assert models.names() == ["m"]
    assert [each[:2] for each in asked[:4]] == [
        ("", "metadata"),
        ("Bearer k", "metadata"),
        ("", "admin"),
        ("often", "predict"),
    ]
    assert asked[0][2] == "ipv4:127.0.0.1"
    assert [each["rejected"] for each in told if "rejected" in each] == ["unauthenticated", "forbidden", "rate", "rate"]
    assert [(each["code"], each["caller"]) for each in told if "code" in each][:3] == [
        (Code.UNAUTHENTICATED, None),
        (Code.OK, "caller"),
        (Code.PERMISSION_DENIED, None),
    ]


def test_every_call_is_told(client: Client, told: list[Facts]) -> None:
    told.clear()
    metadata = (("x-request-id", "abc-1"), ("traceparent", "00-a-b-01"))
    client.predict(predicting(x=ones()), metadata=metadata)
    refusal(lambda: client.predict(predicting("other"), metadata=(("x-request-id", "no good"),)))
    eventually(lambda: len(told) == 2)
    good, bad = told
    assert good.pop("seconds") > 0
    assert good.pop("bytes_in") > 10
    assert good == {
        "model": "scaled",
        "version": 3,
        "method": "Predict",
        "entrypoint": "GRPC",
        "code": Code.OK,
        "http_status": 200,
        "queue_seconds": 0.0,
        "batch_rows": 0,
        "instances": 2,
        "request_id": "abc-1",
        "traceparent": "00-a-b-01",
        "caller": "anybody",
    }
    assert (bad["model"], bad["version"], bad["code"], bad["http_status"]) == ("unknown", None, Code.NOT_FOUND, 404)
    assert bad["request_id"] != "no good"


def test_a_fault_of_ours_is_logged_and_not_told_to_the_client(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def authorize(headers: Any, *, scope: str, peer: str) -> str:
        raise LookupError("a secret")

    with (
        serving(Fakes(), config(tmp_path)) as models,
        listening(models, guard=authorize) as (_, client),
    ):
        assert refusal(lambda: client.predict(predicting())) == ("INTERNAL", "Internal error")
    assert "a secret" in caplog.text


# Limits


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_a_message_that_is_too_long(tmp_path: Path, compression: grpc.Compression) -> None:
    write_fake(tmp_path / "m", 1)
    options = GrpcOptions(max_message_bytes=2**20)
    with serving(Fakes(), config(tmp_path / "m")) as models, listening(models, options=options) as (_, client):
        request = predicting("m", x=[b"\0" * 2**24])
        code, _ = refusal(lambda: client.predict(request, compression=compression))
        assert code == "RESOURCE_EXHAUSTED"


def test_more_calls_than_may_be_under_way(tmp_path: Path) -> None:
    write_fake(tmp_path / "m", 1)
    fakes, begun, go = Fakes(), threading.Event(), threading.Event()
    answer_late(fakes, begun, go)
    options = GrpcOptions(max_concurrent_calls=1)
    with serving(fakes, config(tmp_path / "m")) as models, listening(models, options=options) as (_, client):
        running = client.predict.future(predicting("m"), timeout=SECONDS)
        assert begun.wait(SECONDS)
        assert refusal(lambda: client.predict(predicting("m"), timeout=SECONDS))[0] == "RESOURCE_EXHAUSTED"
        go.set()
        assert list(running.result().outputs) == ["y"]
        eventually(lambda: client.predict(predicting("m"), timeout=SECONDS))


def answer_late(fakes: Fakes, begun: threading.Event, go: threading.Event) -> None:
    """Has models answer only when told to."""
    load, info = fakes.load, TensorInfo("x:0", 1, None)

    def call(signature: str, inputs: Any) -> dict[str, Any]:
        begun.set()
        go.wait(SECONDS)
        assert fakes.closed == []
        return {"y": np.zeros(1)}

    def slow(folder: Path, name: str, version: int) -> Any:
        signatures = {"serving_default": Signature({}, {"y": info}, "")}
        return replace(load(folder, name, version), call=call, signatures=signatures)

    fakes.load = slow  # type: ignore[method-assign]


# Lives


def test_a_version_is_held_until_its_run_has_ended_though_the_client_has_gone(tmp_path: Path) -> None:
    fakes, begun, go = Fakes(), threading.Event(), threading.Event()
    write_fake(tmp_path / "m", 1)
    answer_late(fakes, begun, go)
    with serving(fakes, config(tmp_path / "m")) as models, listening(models) as (_, client):
        asked = client.predict.future(predicting("m"), timeout=SECONDS)
        assert begun.wait(SECONDS)
        asked.cancel()
        write_fake(tmp_path / "m", 2)
        eventually(lambda: states(models) == {2: "AVAILABLE", 1: "UNLOADING"})
        time.sleep(0.05)
        assert fakes.closed == []
        go.set()
        eventually(lambda: fakes.closed == [("m", 1)])


def test_stopping_lets_calls_end_and_takes_no_more(tmp_path: Path) -> None:
    write_fake(tmp_path / "m", 1)
    fakes, begun, go = Fakes(), threading.Event(), threading.Event()
    answer_late(fakes, begun, go)
    with serving(fakes, config(tmp_path / "m")) as models, listening(models) as (server, client):
        running = client.predict.future(predicting("m"), timeout=SECONDS)
        assert begun.wait(SECONDS)
        stopping = threading.Thread(target=server.stop, args=(SECONDS,))
        stopping.start()
        # From now on calls are refused, while the one that runs may end.
        eventually(
            lambda: (
                refusal(lambda: client.metadata(get_model_metadata_pb2.GetModelMetadataRequest(), timeout=2))[0]
                == "UNAVAILABLE"
            )
        )
        go.set()
        assert list(running.result().outputs) == ["y"]
        stopping.join(SECONDS)
        assert not stopping.is_alive()
        server.stop(0)


def test_stopping_ends_calls_that_take_too_long(tmp_path: Path) -> None:
    write_fake(tmp_path / "m", 1)
    fakes, begun, go = Fakes(), threading.Event(), threading.Event()
    answer_late(fakes, begun, go)
    with serving(fakes, config(tmp_path / "m")) as models, listening(models) as (server, client):
        running = client.predict.future(predicting("m"), timeout=SECONDS)
        assert begun.wait(SECONDS)
        server.stop(0.05)
        with pytest.raises(grpc.RpcError):
            running.result()
        go.set()


def test_a_reload_under_use(tmp_path: Path) -> None:
    save_scaled(tmp_path / "m" / "1", 1.0)
    stop = threading.Event()

    def asking(client: Client) -> list[float]:
        answers = []
        while not stop.is_set():
            answers.append(client.predict(predicting("m", x=ones()), timeout=SECONDS).outputs["y"].float_val[0])
        return answers

    fakes = Fakes()
    with (
        serving_saved(fakes, config(tmp_path / "m")) as models,
        listening(models) as (_, client),
        ThreadPoolExecutor(6) as pool,
    ):
        clients = [pool.submit(asking, client) for _ in range(6)]
        for version in (2, 3):
            save_scaled(tmp_path / "writing", float(version)).rename(tmp_path / "m" / str(version))
            eventually(lambda version=version: states(models).get(version) == "AVAILABLE")  # type: ignore[misc]
        stop.set()
        for each in clients:
            answers = each.result(SECONDS)
            assert answers == sorted(answers)
            assert set(answers) <= {1.0, 2.0, 3.0}
        eventually(lambda: len(fakes.events("version_unloaded")) == 2)


def test_health(tmp_path: Path) -> None:
    serving_, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING

    def check(client: Client, name: str) -> int:
        return client.health.Check(health_pb2.HealthCheckRequest(service=name), timeout=SECONDS).status

    options = GrpcOptions(health=True, health_seconds=0.01)
    (tmp_path / "m").mkdir()
    with serving(Fakes(), config(tmp_path / "m")) as models, listening(models, options=options) as (_, client):
        eventually(lambda: check(client, "") == check(client, "ModelService") == serving_)
        assert check(client, "PredictionService") == not_serving
        write_fake(tmp_path / "m", 1)
        eventually(lambda: check(client, "tensorflow.serving.PredictionService") == serving_)
    with serving(Fakes()) as models, listening(models) as (_, client):
        assert refusal(lambda: check(client, ""))[0] == "UNIMPLEMENTED"


def test_a_port_that_is_taken() -> None:
    with serving(Fakes()) as models, listening(models) as (server, _):
        address = f"127.0.0.1:{server.port}"
        with pytest.raises(UsageError, match=f"^gRPC cannot listen on {address}; expected a host and a port that is "):
            serve(
                models,
                address=address,
                options=GrpcOptions(),
                guard=lambda headers, *, scope, peer: None,
                telemetry=telemetry([]),
            )


def test_tls_with_certificates_of_clients(tmp_path: Path) -> None:
    ours, theirs = authority(), authority()
    server_pair, known, stranger = pair(ours, "server"), pair(ours, "client"), pair(theirs, "client")
    tls = TlsConfig(server_pair.key, server_pair.certificate, ours.certificate, client_verify=True)
    write_fake(tmp_path / "m", 1)
    status = get_model_status_pb2.GetModelStatusRequest()
    status.model_spec.name = "m"

    def ask(server: GrpcServer, credentials: grpc.ChannelCredentials) -> Any:
        with grpc.secure_channel(f"127.0.0.1:{server.port}", credentials) as channel:
            return Client(channel).status(status, timeout=2)

    def credentials(key: bytes | None = None, certificate: bytes | None = None) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(ours.certificate, key, certificate)

    with serving(Fakes(), config(tmp_path / "m")) as models:
        with listening(models, options=GrpcOptions(tls=tls)) as (server, plain):
            assert ask(server, credentials(known.key, known.certificate)).model_version_status[0].version == 1
            for other in (credentials(), credentials(stranger.key, stranger.certificate)):
                assert refusal(lambda other=other: ask(server, other))[0] == "UNAVAILABLE"  # type: ignore[misc]
            assert refusal(lambda: plain.status(status, timeout=2))[0] in ("UNAVAILABLE", "DEADLINE_EXCEEDED")
        open_tls = TlsConfig(server_pair.key, server_pair.certificate)
        with listening(models, options=GrpcOptions(tls=open_tls)) as (server, _):
            assert ask(server, credentials()).model_version_status[0].version == 1


def test_a_key_that_does_not_fit(tmp_path: Path) -> None:
    one = authority()
    tls = TlsConfig(pair(one, "a").key, pair(one, "b").certificate)
    with (
        serving(Fakes()) as models,
        pytest.raises(UsageError, match=r"with TLS a key that fits its certificate$"),
        listening(models, options=GrpcOptions(tls=tls)),
    ):
        pass


def test_certificates_are_renewed_while_the_server_runs(tmp_path: Path) -> None:
    file, old, new = tmp_path / "ssl.config", authority(), authority()

    def write(by: Authority) -> None:
        made = pair(by, "server")
        key, certificate = (text.decode().replace("\n", "\\n") for text in (made.key, made.certificate))
        file.write_text(f'server_key: "{key}" server_cert: "{certificate}"')

    def check(server: GrpcServer, by: Authority) -> int:
        with grpc.secure_channel(f"127.0.0.1:{server.port}", grpc.ssl_channel_credentials(by.certificate)) as channel:
            return Client(channel).health.Check(health_pb2.HealthCheckRequest(), timeout=2).status

    write(old)
    options = GrpcOptions(tls=read_tls(file), changed_tls=changed_tls(file), health=True)
    with serving(Fakes()) as models, listening(models, options=options) as (server, _):
        assert check(server, old) == health_pb2.HealthCheckResponse.SERVING
        file.write_text("server_key: half of a")
        assert check(server, old) == health_pb2.HealthCheckResponse.SERVING
        write(new)
        assert check(server, new) == health_pb2.HealthCheckResponse.SERVING
        assert refusal(lambda: check(server, old))[0] == "UNAVAILABLE"
