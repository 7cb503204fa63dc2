"""Telemetry as the server meets it: a request is counted and told once, and nothing in it is anybody's text."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from tfclassify.errors import UsageError
from tfclassify.serving.guard import Caller
from tfclassify.serving.status import Code
from tfclassify.serving.telemetry import Telemetry, TelemetryOptions, silent_telemetry, telemetry

KEY = b"0123456789abcdef"
FACTS: dict[str, Any] = {
    "model": "m",
    "version": 3,
    "method": "predict",
    "entrypoint": "REST",
    "code": Code.OK,
    "http_status": 200,
    "seconds": 0.01234567,
    "queue_seconds": 0.001,
    "batch_rows": 8,
    "instances": 2,
    "bytes_in": 120,
    "request_id": "abc-1",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "caller": Caller("shop", frozenset({"predict"})),
}


def lines(*requests: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    stream = io.StringIO()
    made = telemetry(TelemetryOptions(models=("m",), **options), stream=stream)
    for each in requests:
        made.request(**{**FACTS, **each})
    made.close()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_request() -> None:
    (said,) = lines({"route": "/v1/models/{model}:predict"})
    assert said.pop("ts").endswith("Z")
    assert said == {
        "level": "info",
        "event": "request",
        "request_id": "abc-1",
        "traceparent": FACTS["traceparent"],
        "model": "m",
        "version": 3,
        "method": "predict",
        "entrypoint": "REST",
        "route": "/v1/models/{model}:predict",
        "status": 200,
        "duration_ms": 12.346,
        "queue_ms": 1.0,
        "batch_size": 8,
        "n_instances": 2,
        "bytes_in": 120,
        "client": "shop",
    }


def test_a_request_that_failed() -> None:
    client, server = lines(
        {"code": Code.INVALID_ARGUMENT, "http_status": 400, "queue_seconds": None, "batch_rows": None, "caller": None},
        {"code": Code.INTERNAL, "http_status": 500},
    )
    assert (client["level"], client["error_code"], client["status"]) == ("info", "INVALID_ARGUMENT", 400)
    assert not {"queue_ms", "batch_size", "client"} & set(client)
    assert (server["level"], server["error_code"]) == ("error", "INTERNAL")


def test_nothing_of_a_clients_making_is_believed() -> None:
    (said,) = lines({"model": "../../etc\r\nx", "request_id": "a\r\nb", "traceparent": "x\ny"})
    assert said["model"] == "unknown"
    assert len(said["request_id"]) == 32
    assert "traceparent" not in said


def test_texts_are_told_only_when_asked_and_never_themselves() -> None:
    (silent,) = lines({"texts": ["my secret"]})
    assert not [name for name in silent if name.startswith("text")]
    (said,) = lines({"texts": ["my secret"]}, text_key=KEY)
    assert said["text_lengths"] == [9]
    assert len(said["text_hmacs"][0]) == 16
    assert "secret" not in json.dumps(said)


def test_subjects_of_tokens_are_hashed() -> None:
    ann, again, bob = lines(*({"caller": Caller(f"token:{name}", frozenset())} for name in ("ann", "ann", "bob")))
    assert ann["client"] == again["client"] != bob["client"]
    assert ann["client"].startswith("token:")
    assert "ann" not in ann["client"]


def test_events() -> None:
    stream = io.StringIO()
    made = telemetry(TelemetryOptions(models=("m",)), stream=stream)
    made.event("version_available", {"model": "m", "version": 1, "seconds": 2.0})
    made.event("load_failed", {"model": "m", "version": 2, "message": "no\nsuch file"})
    made.rejected("rate")
    made.close()
    said = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(each["level"], each["event"], each["version"]) for each in said] == [
        ("info", "version_available", 1),
        ("error", "load_failed", 2),
    ]
    assert b'tfclassify_model_last_reload_successful{model="m"} 0.0' in made.exposition()
    assert b'tfclassify_rejected_total{reason="rate"} 1.0' in made.exposition()


def test_levels() -> None:
    assert [said["status"] for said in lines({}, {"http_status": 503, "code": Code.UNAVAILABLE}, level="error")] == [
        503
    ]


def test_silence() -> None:
    quiet: Telemetry = silent_telemetry()
    quiet.request(**FACTS)
    quiet.event("x", {})
    quiet.rejected("rate")
    quiet.close()
    assert quiet.exposition() == b""


def test_options_that_cannot_be() -> None:
    with pytest.raises(UsageError, match=r"^no log level 'loud'; levels: debug, info, warning, error$"):
        telemetry(TelemetryOptions(level="loud"))
    with pytest.raises(UsageError, match=r"^the key for hashes of texts has 3 bytes; expected at least 16$"):
        telemetry(TelemetryOptions(text_key=b"abc"))
