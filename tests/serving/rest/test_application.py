"""Checks come in stock's order; health, metrics, a page and browsers are served beside them; telemetry is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from rest_fakes import Talk, body_of, request, status, talking

from tfclassify.serving.rest.options import RestOptions
from tfclassify.serving.status import Code

GOOD = b'{"instances": ["good"]}'
PAGE = SimpleNamespace(
    html=b"<h1>Try it</h1>", content_security_policy="default-src 'none'", models_json=lambda: b'{"models": []}'
)
METRICS = b"/monitoring/prometheus/metrics"


@pytest.fixture(scope="module")
def talk() -> Iterator[Talk]:
    options = RestOptions(metrics_path=METRICS.decode(), timeout_seconds=0.3, large_body_bytes=5000)
    with talking(options, page=PAGE) as running:
        yield running


def get(talk: Talk, target: bytes, *headers: bytes, verb: bytes = b"GET") -> bytes:
    return talk.raw(request(verb, target, *headers, b"Connection: close"))


def message(answer: bytes) -> str:
    return json.loads(body_of(answer))["error"]


@pytest.mark.parametrize(
    ("target", "body", "expected"),
    [
        (b"/v1/models/nope:nope", b"not json", b"Malformed request"),
        (b"/v1/models/nope:predict", b"not json", b"JSON Parse error"),
        (b"/v1/models/nope:predict", b"[]", b"Is not object"),
        (b"/v1/models/nope:predict", b'{"signature_name": 5}', b"'signature_name' key must be a string"),
        (b"/v1/models/nope:predict", b'{"signature_name": "nope"}', b"Servable not found for request: Latest(nope)"),
        (b"/v1/models/texts:predict", b'{"signature_name": "nope"}', b"not found in signature def"),
        (b"/v1/models/texts:predict", b"{}", b"Missing 'inputs' or 'instances' key"),
        (b"/v1/models/nope:classify", b"{}", b"key 'examples' is expected"),
        (b"/v1/models/nope:classify", b'{"examples": [{}]}', b"Servable not found for request: Latest(nope)"),
        (b"/v1/models/texts:regress", b'{"examples": [{}]}', b"No regression inputs found"),
        (b"/v1/models/texts:regress", b'{"signature_name": "x", "examples": [{}]}', b"No signature was found with"),
    ],
)
def test_the_first_fault_in_stocks_order_is_told(talk: Talk, target: bytes, body: bytes, expected: bytes) -> None:
    answer = talk.raw(request(b"POST", target, b"Connection: close", body=body))
    assert status(answer) in (400, 404)
    assert expected.decode() in message(answer)


def test_large_bodies_are_answered_like_small_ones(talk: Talk) -> None:
    texts = [str(number) for number in range(1000)]
    answer = talk.post("texts", json.dumps({"instances": texts}).encode())
    assert [row["label"] for row in json.loads(body_of(answer))["predictions"]] == texts


def test_keys_are_asked_for_before_the_body_is_read(talk: Talk) -> None:
    head = b"POST /v1/models/texts:predict HTTP/1.1\r\nX-API-Key: bad\r\nContent-Length: 1000\r\n\r\n"
    answer = talk.raw(head)
    assert status(answer) == 401
    assert b"\r\nwww-authenticate: Bearer\r\n" in answer
    for target in (b"/v1/models/texts", b"/v1/models/texts/metadata", METRICS):
        assert status(get(talk, target, b"X-API-Key: bad")) == 401
    assert status(get(talk, b"/v2/health/ready", b"X-API-Key: bad")) == 200


def test_status_and_metadata(talk: Talk) -> None:
    version = {"version": "3", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    for target in (b"/v1/models/texts", b"/v1/models/texts/versions/3", b"/v1/models/texts/labels/nope"):
        assert json.loads(body_of(get(talk, target))) == {"model_version_status": [version]}
    metadata = json.loads(body_of(get(talk, b"/v1/models/texts/metadata")))
    assert metadata["model_spec"] == {"name": "texts", "signature_name": "", "version": "3"}
    assert metadata["metadata"] == {"signature_def": {"signature_def": {}}}
    assert status(get(talk, b"/v1/models/texts/labels/nope/metadata")) == 400


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"/v2", 200),
        (b"/v2/health/live", 200),
        (b"/v2/health/ready", 200),
        (b"/v2/models/texts/ready", 200),
        (b"/v2/models/texts/versions/3/ready", 200),
        (b"/v2/models/texts/versions/4/ready", 404),
        (b"/v2/models/nope/ready", 404),
        (b"/v2/nope", 404),
    ],
)
def test_health(talk: Talk, target: bytes, expected: int) -> None:
    assert status(get(talk, target)) == expected
    head = get(talk, target, verb=b"HEAD")
    assert (status(head), body_of(head)) == (expected, b"")


def test_health_is_only_looked_at(talk: Talk) -> None:
    assert status(get(talk, b"/v2/health/live", verb=b"DELETE")) == 405


def test_a_server_that_stops_says_so_before_it_does() -> None:
    with talking(RestOptions(), ready=lambda: False) as stopping:
        assert status(get(stopping, b"/v2/health/ready")) == 503
        assert status(get(stopping, b"/v2/health/live")) == 200
        assert stopping.is_well()


def test_metrics(talk: Talk) -> None:
    answer = get(talk, METRICS)
    assert body_of(answer) == b"# TYPE requests counter\n"
    assert b"content-type: text/plain" in answer
    assert status(get(talk, METRICS + b"?x=1")) == 400
    with talking(RestOptions()) as without:
        assert b"<H1>Not Found</H1>" in get(without, METRICS)


def test_the_page_and_what_is_not_there(talk: Talk) -> None:
    page = get(talk, b"/")
    assert body_of(page) == b"<h1>Try it</h1>"
    assert b"content-type: text/html" in page
    assert b"content-security-policy: default-src 'none'" in page
    assert body_of(get(talk, b"/page/models")) == b'{"models": []}'
    assert status(get(talk, b"/page/models", b"X-API-Key: bad")) == 401
    assert status(get(talk, b"/", verb=b"POST")) == 404
    for target in (b"/v1", b"/nope", b"//v1/models/texts", b"/v10/models"):
        assert (status(answer := get(talk, target)), b"<H1>Not Found</H1>" in answer) == (404, True)
    with talking(RestOptions()) as without:
        assert b"<H1>Not Found</H1>" in get(without, b"/")


def test_browsers_of_other_origins(talk: Talk) -> None:
    for origin, expected in ((b"Origin: https://a.example", 200), (b"Origin: null", 400), (b"X: y", 400)):
        answer = get(talk, b"/v1/models/texts:predict", origin, verb=b"OPTIONS")
        assert (status(answer), body_of(answer)) == (expected, b"")
        assert b"access-control" not in answer
    options = RestOptions(cors=True, cors_headers=("Content-Type", "Authorization"))
    with talking(options) as open_to_all:
        for answer in (
            get(open_to_all, b"/v1/models/texts:predict", b"Origin: http://a.example", verb=b"OPTIONS"),
            get(open_to_all, b"/v1/models/nope"),
        ):
            assert b"\r\naccess-control-allow-origin: *\r\n" in answer
            assert b"\r\naccess-control-allow-methods: POST, GET\r\n" in answer
            assert b"\r\naccess-control-allow-headers: Content-Type, Authorization\r\n" in answer


def test_an_answer_that_is_late(talk: Talk) -> None:
    talk.models.cancelled.clear()
    answer = talk.post("slow", b'{"instances": [1.0]}')
    assert (status(answer), message(answer)) == (504, "Timed out waiting for notification")
    assert talk.models.cancelled.wait(1)


def test_what_breaks_inside_is_not_told(talk: Talk) -> None:
    answer = talk.post("broken", b'{"instances": [1.0]}')
    assert (status(answer), message(answer)) == (500, "Internal error")
    name, fields = talk.told.events.pop()
    assert (name, fields["error"]) == ("internal_error", "ZeroDivisionError")
    assert talk.is_well()


def test_values_are_quoted_or_not() -> None:
    with talking(RestOptions(echo_errors=False)) as discreet:
        answer = discreet.post("floats", b'{"instances": ["secret"]}')
        assert message(answer).endswith("JSON Value: (not shown) Type: String is not of expected type: float")


def told(talk: Talk) -> dict[str, Any]:
    return talk.told.requests[-1]


def test_what_telemetry_is_told(talk: Talk) -> None:
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    talk.post("texts", GOOD, b"X-Request-ID: id-1", b"traceparent: " + trace.encode())
    seconds = told(talk).pop("seconds")
    assert 0 < seconds < 5
    assert told(talk) == {
        "model": "texts",
        "version": 3,
        "method": "predict",
        "entrypoint": "REST",
        "code": Code.OK,
        "http_status": 200,
        "queue_seconds": 0.0,
        "batch_rows": 0,
        "instances": 1,
        "bytes_in": len(GOOD),
        "request_id": "id-1",
        "traceparent": trace,
        "caller": "somebody",
    }


def test_names_that_are_not_served_are_unknown_to_telemetry(talk: Talk) -> None:
    talk.post("made-up", GOOD)
    assert (told(talk)["model"], told(talk)["code"], told(talk)["http_status"]) == ("unknown", Code.NOT_FOUND, 404)
    get(talk, b"/v1/models/made-up")
    assert told(talk)["model"] == "unknown"
    count = len(talk.told.requests)
    get(talk, b"/v2/health/ready")
    assert len(talk.told.requests) == count


def test_why_requests_are_turned_away(talk: Talk) -> None:
    talk.told.rejections.clear()
    talk.post("texts", GOOD, b"X-API-Key: bad")
    talk.post("texts", GOOD, b"Content-Encoding: br")
    talk.post("slow", b'{"instances": [1.0]}')
    assert talk.told.rejections == ["unauthenticated", "encoding", "deadline"]
