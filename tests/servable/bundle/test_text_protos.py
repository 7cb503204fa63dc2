"""The text protos, read by protobuf itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2
from made_bundles import HOSTILE, bundle

from tfclassify.servable.bundle.names import served_name

WRAPPED = "google.protobuf.Int64Value"
FIELD = descriptor_pb2.FieldDescriptorProto


def message(name: str, fields: dict[str, tuple[int, Any]]) -> Any:
    """Declares a message of TensorFlow Serving's (session_bundle_config.proto, monitoring_config.proto)."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", package="stock", syntax="proto3")
    file.dependency.append("google/protobuf/wrappers.proto")
    made = file.message_type.add(name=name)
    for field, (number, kind) in fields.items():
        added = made.field.add(name=field, number=number, label=FIELD.LABEL_OPTIONAL)
        if isinstance(kind, str):
            added.type, added.type_name = FIELD.TYPE_MESSAGE, f".{kind}"
        else:
            added.type = abs(kind)
            added.label = FIELD.LABEL_REPEATED if kind < 0 else FIELD.LABEL_OPTIONAL
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"stock.{name}"))


BATCHING = message(
    "BatchingParameters",
    {
        "max_batch_size": (1, WRAPPED),
        "batch_timeout_micros": (2, WRAPPED),
        "max_enqueued_batches": (3, WRAPPED),
        "num_batch_threads": (4, WRAPPED),
        "allowed_batch_sizes": (6, -FIELD.TYPE_INT64),
        "pad_variable_length_inputs": (7, FIELD.TYPE_BOOL),
    },
)
PROMETHEUS = message("PrometheusConfig", {"enable": (1, FIELD.TYPE_BOOL), "path": (2, FIELD.TYPE_STRING)})


def batching(path: Path) -> Any:
    return text_format.Parse(path.read_text(encoding="utf-8"), BATCHING())


@pytest.mark.parametrize("sizes", [(1,), (1, 2), (1, 8, 32), (3, 64)])
def test_batches_rise_to_the_largest(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    model = bundle(tmp_path / "support", batch_sizes=sizes)
    read = batching(model / "serving" / "batching_parameters.txt")
    assert tuple(read.allowed_batch_sizes) == sizes
    assert read.max_batch_size.value == sizes[-1]
    assert read.num_batch_threads.value == 1
    assert read.max_enqueued_batches.value == 100
    assert read.batch_timeout_micros.value == 1000


def test_nothing_is_filled_up_with_the_first_token(tmp_path: Path) -> None:
    model = bundle(tmp_path / "support")
    assert not batching(model / "serving" / "batching_parameters.txt").pad_variable_length_inputs


def test_a_version_has_the_same_parameters_under_the_stock_name(tmp_path: Path) -> None:
    model = bundle(tmp_path / "support")
    of_version, of_model = model / "3" / "batching_params.pbtxt", model / "serving" / "batching_parameters.txt"
    assert batching(of_version) == batching(of_model)


def test_metrics_are_on_where_the_alerts_and_manifests_say(tmp_path: Path) -> None:
    text = (bundle(tmp_path / "support") / "serving" / "monitoring.config").read_text(encoding="utf-8")
    inner = text.strip().removeprefix("prometheus_config {").removesuffix("}")
    read = text_format.Parse(inner, PROMETHEUS())
    assert (read.enable, read.path) == (True, "/monitoring/prometheus/metrics")


@pytest.mark.parametrize("name", ["support", *HOSTILE])
def test_models_config_names_the_model_its_versions_and_labels(tmp_path: Path, name: str) -> None:
    config = pytest.importorskip("tensorflow_serving.config.model_server_config_pb2")
    model = bundle(tmp_path / "model", before=(1, 2), name=name)
    text = (model / "serving" / "models.config").read_text(encoding="utf-8")
    read = text_format.Parse(text, config.ModelServerConfig())
    (only,) = read.model_config_list.config
    assert (only.name, only.base_path) == (served_name(name), f"/models/{served_name(name)}")
    assert only.model_platform == "tensorflow"
    assert list(only.model_version_policy.specific.versions) == [2, 3]
    assert dict(only.version_labels) == {"stable": 2, "canary": 3}


def test_a_first_version_is_stable_and_canary(tmp_path: Path) -> None:
    config = pytest.importorskip("tensorflow_serving.config.model_server_config_pb2")
    model = bundle(tmp_path / "model", before=(9,))  # a later one is no version before this
    read = text_format.Parse((model / "serving" / "models.config").read_text("utf-8"), config.ModelServerConfig())
    (only,) = read.model_config_list.config
    assert list(only.model_version_policy.specific.versions) == [3]
    assert dict(only.version_labels) == {"stable": 3, "canary": 3}
