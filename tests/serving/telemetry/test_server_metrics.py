"""Metrics: exact names, readable by Prometheus' own parser, with labels that do not grow."""

from __future__ import annotations

import re
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tfclassify.serving.status import Code
from tfclassify.serving.telemetry.metrics import Metrics, new_metrics, silent_metrics
from tfclassify.serving.telemetry.names import Served

OURS = {
    "tfclassify_requests_total": "counter",
    "tfclassify_request_duration_seconds": "histogram",
    "tfclassify_inference_duration_seconds": "histogram",
    "tfclassify_queue_duration_seconds": "histogram",
    "tfclassify_batch_size": "histogram",
    "tfclassify_in_flight_requests": "gauge",
    "tfclassify_queue_depth": "gauge",
    "tfclassify_rejected_total": "counter",
    "tfclassify_input_tokens": "histogram",
    "tfclassify_truncated_inputs_total": "counter",
    "tfclassify_predictions_total": "counter",
    "tfclassify_answers_total": "counter",
    "tfclassify_prediction_confidence": "histogram",
    "tfclassify_drift_score": "gauge",
    "tfclassify_model_load_duration_seconds": "histogram",
    "tfclassify_model_last_reload_successful": "gauge",
    "tfclassify_model_last_reload_success_timestamp_seconds": "gauge",
    "tfclassify_build_info": "gauge",
    "process_resident_memory_bytes": "gauge",
    "process_cpu_seconds_total": "counter",
}
STOCK = {
    ":tensorflow:serving:request_count": "counter",
    ":tensorflow:serving:request_latency": "histogram",
    ":tensorflow:serving:runtime_latency": "histogram",
    ":tensorflow:serving:request_example_counts": "histogram",
    ":tensorflow:serving:request_example_count_total": "counter",
}


@pytest.fixture
def made() -> Metrics:
    return new_metrics(Served(["m"]))


def told(made: Metrics, **changed: Any) -> None:
    facts: dict[str, Any] = {
        "model": "m",
        "version": 1,
        "method": "predict",
        "entrypoint": "REST",
        "code": Code.OK,
        "http_status": 200,
        "seconds": 0.03,
        "instances": 2,
        "bytes_in": 10,
    }
    made.request(**{**facts, **changed})


def values(made: Metrics) -> dict[str, float]:
    lines = [each for each in made.exposition().decode().splitlines() if not each.startswith("#")]
    return {name: float(value) for name, _, value in (each.rpartition(" ") for each in lines)}


def test_names_and_types(made: Metrics) -> None:
    told(made)
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", made.exposition().decode(), re.MULTILINE))
    assert {name: types.get(name) for name in OURS | STOCK} == OURS | STOCK
    assert {name for name in types if name.startswith(("tfclassify", ":"))} <= set(OURS | STOCK)
    assert "_created" not in made.exposition().decode()


def test_it_can_be_read(made: Metrics) -> None:
    told(made)
    families = {family.name for family in text_string_to_metric_families(made.exposition().decode())}
    assert {
        "tfclassify_requests",
        ":tensorflow:serving:request_latency",
        ":tensorflow:serving:request_count",
    } <= families


def test_requests(made: Metrics) -> None:
    told(made)
    told(made, seconds=3.0)
    told(made, code=Code.INVALID_ARGUMENT, http_status=400)
    told(made, method="Predict", entrypoint="GRPC")
    found = values(made)
    labels = 'method="predict",model="m",version="1"'
    assert found[f'tfclassify_requests_total{{code="200",{labels}}}'] == 3
    assert found[f'tfclassify_requests_total{{code="400",{labels}}}'] == 1
    assert found['tfclassify_request_duration_seconds_bucket{le="0.05",method="predict",model="m"}'] == 3
    assert found['tfclassify_request_duration_seconds_count{method="predict",model="m"}'] == 4
    buckets = re.findall(r'request_duration_seconds_bucket\{le="([^"]+)",', made.exposition().decode())
    assert buckets == ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "+Inf"]


def test_requests_by_their_stock_names(made: Metrics) -> None:
    told(made)
    told(made, code=Code.NOT_FOUND, http_status=404)
    told(made, method="Predict", entrypoint="GRPC", seconds=1e-5)
    told(made, method="classify", instances=5)
    found = values(made)
    prefix = ":tensorflow:serving:"
    assert found[f'{prefix}request_count{{model_name="m",status="OK"}}'] == 3
    assert found[f'{prefix}request_count{{model_name="m",status="NOT_FOUND"}}'] == 1
    rest, grpc = ('API="predict",entrypoint="REST"', 'API="Predict",entrypoint="GRPC"')
    assert found[f'{prefix}request_latency_count{{{rest},model_name="m"}}'] == 1
    assert found[f'{prefix}request_latency_sum{{{rest},model_name="m"}}'] == pytest.approx(30_000)
    assert found[f'{prefix}request_latency_bucket{{{grpc.replace(",", ",", 1)},le="10.0",model_name="m"}}'] == 1
    assert found[f'{prefix}request_example_count_total{{model="m"}}'] == 5
    bounds = [
        float(each)
        for each in re.findall(r'request_latency_bucket\{API="predict",[^}]*le="([^"]+)"', made.exposition().decode())
    ]
    assert len(bounds) == 34
    assert bounds[:3] == pytest.approx([10, 18, 32.4])


def test_labels_that_clients_would_choose_are_not_taken(made: Metrics) -> None:
    before = len(made.exposition().splitlines())
    told(made, model="x", version=1, method="y", code=Code.NOT_FOUND, http_status=404)
    once = len(made.exposition().splitlines())
    for number in range(200):
        told(made, model=f"m{number}", version=number, method=f"y{number}", code=Code.NOT_FOUND, http_status=404)
        made.rejected(f"z{number}")
        made.event("load_failed", {"model": f"m{number}"})
    assert before < once
    assert len(made.exposition().splitlines()) <= once + 3


def test_rejections(made: Metrics) -> None:
    for reason in ("queue_full", "queue_full", "rate", "whatever"):
        made.rejected(reason)
    found = values(made)
    assert [found[f'tfclassify_rejected_total{{reason="{reason}"}}'] for reason in ("queue_full", "rate", "other")] == [
        2,
        1,
        1,
    ]


def test_batches_and_queues(made: Metrics) -> None:
    made.batch("m", 0.002, 5, 0.25, 0.04)
    made.in_flight(1)
    made.in_flight(1)
    made.in_flight(-1)
    made.queue_depth(7)
    found = values(made)
    assert found['tfclassify_batch_size_sum{model="m"}'] == 5
    assert found['tfclassify_queue_duration_seconds_sum{model="m"}'] == 0.002
    assert found['tfclassify_inference_duration_seconds_sum{model="m"}'] == 0.04
    assert found[':tensorflow:serving:runtime_latency_sum{API="Predict",model_name="m",runtime="TF1"}'] == 40_000
    assert (found["tfclassify_in_flight_requests"], found["tfclassify_queue_depth"]) == (1, 7)


def test_loads(made: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    successful = 'tfclassify_model_last_reload_successful{model="m"}'
    made.event("version_loading", {"model": "m", "version": 1, "attempt": 1})
    assert successful not in values(made)
    made.event("version_available", {"model": "m", "version": 1, "seconds": 2.0})
    assert values(made)[successful] == 1
    at = values(made)['tfclassify_model_last_reload_success_timestamp_seconds{model="m"}']
    assert at > 1.7e9
    made.event("load_failed", {"model": "m", "version": 2, "code": "UNKNOWN"})
    assert values(made)[successful] == 0
    assert values(made)['tfclassify_model_load_duration_seconds_sum{model="m"}'] == 2.0
    told(made, code=Code.UNAVAILABLE, http_status=503)
    assert values(made)['tfclassify_requests_total{code="503",method="predict",model="m",version="1"}'] == 1
    made.event("reconfigured", {"models": ["n"]})
    made.event("version_available", {"model": "n", "version": 1, "seconds": 1.0})
    assert values(made)['tfclassify_model_last_reload_successful{model="n"}'] == 1


def test_answers(made: Metrics) -> None:
    made.predicted(["a", "b", "a"], [0.9, 0.5, 0.2])
    made.tokens(20, False)
    made.tokens(512, True)
    made.drift("label", "psi", 0.3)
    found = values(made)
    assert found['tfclassify_predictions_total{label="a"}'] == 2
    assert found["tfclassify_prediction_confidence_count"] == 3
    assert (found["tfclassify_input_tokens_sum"], found["tfclassify_truncated_inputs_total"]) == (532, 1)
    assert found['tfclassify_drift_score{feature="label",test="psi"}'] == 0.3
    made.predicted([f"label {number}" for number in range(3000)], [0.5] * 3000)
    assert sum(name.startswith("tfclassify_predictions_total") for name in values(made)) == 1001


def test_routes_are_counted_by_kind(made: Metrics) -> None:
    made.routes("m", {b"rule:R7": 2, b"rule:R8": 1, b"exit@3": 4, b"windows 2/9": 5, b"full": 6, b"baseline": 7})
    made.routes("m", {b"full": 1, b"\xff odd": 1, b"": 1})
    found = values(made)
    counts = {name.split('route="')[1][:-2]: value for name, value in found.items() if "answers_total{" in name}
    assert counts == {"rule": 3, "exit": 4, "windows": 5, "full": 7, "baseline": 7, "other": 2}


def test_registries_do_not_share() -> None:
    one, other = new_metrics(Served(["m"])), new_metrics(Served(["m"]))
    told(one)
    assert not [name for name in values(other) if name.startswith("tfclassify_requests_total")]


def test_versions_of_the_server(made: Metrics) -> None:
    (build,) = [name for name in values(made) if name.startswith("tfclassify_build_info")]
    assert re.fullmatch(r'tfclassify_build_info\{tf_version="2\.\d+[^"]*",version="[^"]+"\}', build)


def test_silence() -> None:
    told(silent_metrics())
    silent_metrics().batch("m", 0.0, 1, 0.0, 0.0)
    assert silent_metrics().exposition() == b""
