"""What arrives at a server that is on a network: each case by its number, against one server that must outlive them.

After every case a good request is answered; nothing that was sent is found in what was logged, and no request is a 500.
"""

from __future__ import annotations

import gzip
import json
import logging
import socket
import struct
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from rest_fakes import Talk, body_of, eventually, read_all, request, status, talking

from tfclassify.serving.rest import connections
from tfclassify.serving.rest.options import RestOptions

TEXTS = b"/v1/models/texts:predict"
GOOD = b'{"instances": ["good"]}'
OPTIONS = RestOptions(header_timeout_seconds=0.4, body_timeout_seconds=0.4, timeout_seconds=5.0)


@pytest.fixture(scope="module")
def server() -> Iterator[Talk]:
    with talking(OPTIONS) as talk:
        yield talk


@pytest.fixture
def talk(server: Talk, caplog: pytest.LogCaptureFixture) -> Iterator[Talk]:
    """The server, which is well afterwards and has nothing to complain of."""
    with caplog.at_level(logging.WARNING):
        yield server
    assert server.is_well()
    assert not server.told.events
    assert not [record.getMessage() for record in caplog.records if record.exc_info]


def error(answer: bytes) -> str:
    document = json.loads(body_of(answer))
    assert list(document) == ["error"]
    return document["error"]


def refused(answer: bytes, *statuses: int) -> str:
    """Returns the error of an answer that refuses."""
    assert status(answer) in (statuses or (400,)), answer[:300]
    return error(answer)


def predicted(answer: bytes) -> Any:
    assert status(answer) == 200, answer[:300]
    return json.loads(body_of(answer))


def posted(talk: Talk, document: Any) -> bytes:
    return talk.post("texts", json.dumps(document).encode())


@pytest.mark.parametrize("body", [b"", b"  \r\n\t"])
def test_s01_empty_body(talk: Talk, body: bytes) -> None:
    assert refused(talk.post("texts", body)).startswith("JSON Parse error: The document is empty")


@pytest.mark.parametrize(
    "body", [b"not json", b"{'instances': ['a']}", b'{"instances": ["a"] /* */}', b'{"instances": ["a",]}']
)
def test_s02_invalid_json(talk: Talk, body: bytes) -> None:
    assert refused(talk.post("texts", body)).startswith("JSON Parse error: ")


def test_s03_text_after_the_value(talk: Talk) -> None:
    assert "must not be followed" in refused(talk.post("texts", GOOD + b" trailing"))


@pytest.mark.parametrize("key", [b"instances", b"inputs", b"extra", b"signature_name", b"examples"])
@pytest.mark.parametrize("pair", [(b"[", b"]"), (b'{"a":', b"}")])
def test_s04_deep_nesting(talk: Talk, key: bytes, pair: tuple[bytes, bytes]) -> None:
    began = time.monotonic()
    body = b'{"instances": ["a"], "%s": ' % key + pair[0] * 500_000 + b"1" + pair[1] * 500_000 + b"}"
    assert "Nested deeper" in refused(talk.post("texts", body))
    assert time.monotonic() - began < 5


def test_s05_a_million_members_or_rows(talk: Talk) -> None:
    members = b",".join(b'"%x":0' % number for number in range(1_000_000))
    assert "members" in refused(talk.post("texts", b'{"instances": ["a"], "x": {%s}}' % members), 400, 413)
    rows = b'{"instances": [%s]}' % (b'"",' * 1_000_000)[:-1]
    assert "at most 1024" in refused(talk.post("texts", rows))
    assert "at most 1024" in refused(talk.post("texts", rows.replace(b"instances", b"inputs")))


def test_s06_huge_numbers(talk: Talk) -> None:
    assert "too big" in refused(talk.post("floats", b'{"instances": [%s]}' % (b"9" * 1_000_000)))
    assert "too big" in refused(talk.post("floats", b'{"instances": [1e%s]}' % (b"9" * 1_000_000)))
    assert predicted(talk.post("floats", b'{"instances": [0.%s]}' % (b"9" * 1_000_000))) == {"predictions": [1.0]}


@pytest.mark.parametrize("value", [5, True, None, 1.5, {"x": 1}])
def test_s07_no_string(talk: Talk, value: Any) -> None:
    assert "1" in refused(posted(talk, {"instances": ["a", value]}))


def test_s08_mixed_shapes(talk: Talk) -> None:
    for rows in (["a", ["b"]], [["a"], "b"], [["a"], ["b", "c"]], [["a", ["b"]]]):
        refused(posted(talk, {"instances": rows}))


@pytest.mark.parametrize("rows", [[], {}, "x", None, 5])
def test_s09_rows_that_are_none(talk: Talk, rows: Any) -> None:
    assert "instances" in refused(posted(talk, {"instances": rows}))


def test_s10_both_forms_or_neither(talk: Talk) -> None:
    assert "only one of" in refused(posted(talk, {"instances": ["a"], "inputs": ["a"]}))
    assert "Missing" in refused(posted(talk, {}))


def test_s11_names_of_inputs(talk: Talk) -> None:
    assert "does not have named input: nope" in refused(posted(talk, {"instances": [{"nope": "a"}]}))
    assert "Missing named input: text" in refused(posted(talk, {"inputs": {"nope": ["a"]}}))
    assert predicted(posted(talk, {"inputs": {"text": ["a"], "nope": 5}}))


@pytest.mark.parametrize("name", ["nope", 5, None, [], "\n" * 10])
def test_s12_names_of_signatures(talk: Talk, name: Any) -> None:
    assert "signature" in refused(posted(talk, {"signature_name": name, "instances": ["a"]}))


@pytest.mark.parametrize("value", [{"b64": "!!"}, {"b64": "YQ==", "x": 1}, {"b64": 5}, {"b64": "/w=="}])
def test_s13_base64(talk: Talk, value: Any) -> None:
    refused(posted(talk, {"instances": [value]}))


@pytest.mark.parametrize("escape", [b"\\ud800", b"\\udc00", b"\\ud800\\ud800", b"\\udc00\\ud800"])
def test_s14_lone_surrogates(talk: Talk, escape: bytes) -> None:
    assert "surrogate" in refused(talk.post("texts", b'{"instances": ["%s"]}' % escape))


def test_s15_encodings(talk: Talk) -> None:
    refused(talk.post("texts", b'{"instances": ["\xff\xfe"]}'))
    refused(talk.post("texts", GOOD.decode().encode("utf-16")))
    refused(talk.post("texts", GOOD.decode().encode("utf-16-le")))
    assert predicted(talk.post("texts", b"\xef\xbb\xbf" + GOOD))


def test_s16_nul_is_data(talk: Talk) -> None:
    (row,) = predicted(talk.post("texts", b'{"instances": ["a\\u0000b"]}'))["predictions"]
    assert row == {"label": "a\0b", "length": 3}


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_s17_empty_texts(talk: Talk, text: str) -> None:
    assert predicted(posted(talk, {"instances": [text]}))["predictions"][0]["label"] == text


def test_s18_long_texts(talk: Talk) -> None:
    assert predicted(posted(talk, {"instances": ["é" * 100_000]}))
    refused(posted(talk, {"instances": ["a" * 100_001]}), 413)
    refused(posted(talk, {"instances": ["a" * (10 * 2**20)]}), 413)


def test_s19_new_punctuation(talk: Talk) -> None:
    assert predicted(posted(talk, {"instances": ["\u1b7f"]}))


def test_s20_numbers_beyond_json(talk: Talk) -> None:
    answer = talk.post("floats", b'{"instances": [NaN, Infinity, -Infinity, Inf]}')
    assert status(answer) == 200
    assert b"[NaN, Infinity, -Infinity, Infinity" in body_of(answer)
    refused(talk.post("floats", b'{"instances": [1e400]}'))


def test_s21_bodies_over_the_limit(talk: Talk) -> None:
    size = OPTIONS.max_body_bytes + 1
    head = b"POST %s HTTP/1.1\r\nHost: x\r\n" % TEXTS
    announced = talk.raw(head + b"Content-Length: %d\r\n\r\n" % size)
    sent = talk.raw(head + b"Content-Length: %d\r\n\r\n" % (100 * size), *[b"x" * 65536] * 200)
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    chunked = talk.raw(head + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 200)
    for answer in (announced, sent, chunked):
        refused(answer, 413)
        assert b"\r\nconnection: close\r\n" in answer


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: 5",
        b"Content-Length: -5",
        b"Content-Length: +23",
        b"Content-Length: 0x17",
        b"Content-Length: 23\r\nContent-Length: 23",
        b"Content-Length: 23\r\nContent-Length: 24",
        b"Content-Length: 23, 23",
        b"Content-Length: 99999999999999999999999",
        b"Content-Length : 23",
        b"Content-Length: 23\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 23",
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding: identity, chunked",
        b"Transfer-Encoding: chunked, identity",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked",
        b"X: a\r\n Content-Length: 23",
        b"X: a\nContent-Length: 23",
    ],
)
def test_s22_lengths_that_smuggle(talk: Talk, lines: bytes) -> None:
    answer = talk.raw(b"POST %s HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n%s" % (TEXTS, lines, GOOD))
    assert b"connection: close" in answer
    refused(answer)


def test_s22_a_length_beyond_the_body(talk: Talk) -> None:
    head = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n" % TEXTS
    refused(talk.raw(head + GOOD, half_close=True))
    refused(talk.raw(head + GOOD), 400, 408)


@pytest.mark.parametrize(
    "beginning", [b"", b"\r\n", b"POS", b"POST /v1 HTTP/1.1\r\nX: ", b"POST /v1 HTTP/1.1\r\nX: y\r\n"]
)
def test_s23_slow_heads(talk: Talk, beginning: bytes) -> None:
    began = time.monotonic()
    answer = talk.raw(beginning)
    assert 0.2 < time.monotonic() - began < 3
    assert not beginning.strip() or status(answer) == 408
    assert not beginning.strip() or talk.told.rejections[-1] == "client_too_slow"


def test_s23_a_drop_now_and_then_is_still_slow(talk: Talk) -> None:
    for beginning, drop in ((b"", b"X: y\r\n"), (request(b"POST", TEXTS, b"Content-Length: 100"), b" ")):
        with talk.connect() as connection:
            connection.sendall(beginning or b"POST %s HTTP/1.1\r\n" % TEXTS)
            began, answered = time.monotonic(), b""
            connection.settimeout(0.05)
            while not answered and time.monotonic() - began < 5:
                connection.sendall(drop)
                try:
                    answered = connection.recv(65536)
                except TimeoutError:
                    continue
        assert status(answered) in (400, 408)
        assert time.monotonic() - began < 3


def test_s23_a_client_that_leaves_is_not_worked_for(talk: Talk) -> None:
    talk.models.cancelled.clear()
    with talk.connect() as connection:
        connection.sendall(request(b"POST", b"/v1/models/slow:predict", body=b'{"instances": [1.0]}'))
        time.sleep(0.1)
    assert talk.models.cancelled.wait(3)


def test_s23_no_connection_is_kept_for_ever() -> None:
    with talking(RestOptions(keep_alive_seconds=1, header_timeout_seconds=0.3)) as talk, talk.connect() as connection:
        connection.sendall(request(b"POST", TEXTS, body=GOOD))
        began = time.monotonic()
        assert status(read_all(connection)) == 200
        assert 0.5 < time.monotonic() - began < 4


def zipped(talk: Talk, body: bytes, encoding: bytes = b"gzip") -> bytes:
    return talk.post("texts", body, b"Content-Encoding: " + encoding)


def test_s24_compression(talk: Talk) -> None:
    whole = gzip.compress(GOOD)
    assert predicted(zipped(talk, whole))
    assert predicted(zipped(talk, whole, b"my_gzip"))
    refused(zipped(talk, gzip.compress(b"\0" * 50_000_000)), 413)
    refused(zipped(talk, gzip.compress(b'{"instances": ["%s"]}' % (b"a" * 1_000_000))), 413)
    lying = whole[:-4] + struct.pack("<I", 5)
    for broken in (lying, whole[:-9], whole[:12], b"abcde", gzip.compress(whole), whole + b"more"):
        assert refused(zipped(talk, broken)).startswith("JSON Parse error: ")
    for encoding in (b"deflate", b"br", b"zstd"):
        refused(zipped(talk, zlib.compress(GOOD), encoding), 415)


@pytest.mark.parametrize("kind", [b"", b"text/plain", b"application/x-www-form-urlencoded", b"nonsense"])
def test_s25_content_types(talk: Talk, kind: bytes) -> None:
    assert predicted(talk.post("texts", GOOD, *([b"Content-Type: " + kind] if kind else [])))


def test_s26_expect_continue(talk: Talk) -> None:
    with talk.connect() as connection:
        connection.sendall(
            b"POST %s HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 23\r\n\r\n"
            % TEXTS
        )
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(GOOD)
        assert predicted(read_all(connection))


def test_s27_other_verbs(talk: Talk) -> None:
    for verb in (b"PUT", b"DELETE", b"PATCH"):
        words = refused(talk.raw(request(verb, b"/v1/models/texts", b"Connection: close")))
        assert words == f"Malformed request: {verb.decode()} /v1/models/texts"
    head = talk.raw(request(b"HEAD", b"/v1/models/texts", b"Connection: close"))
    assert (status(head), body_of(head)) == (400, b"")
    for verb in (b"TRACE", b"PROPFIND"):
        answer = talk.raw(request(verb, b"/v1/models/texts", b"Connection: close"))
        refused(answer, 405)
        assert b"\r\nallow: GET, POST, OPTIONS\r\n" in answer
    refused(talk.raw(b"CONNECT example.org:443 HTTP/1.1\r\n\r\n"), 400, 405)
    refused(talk.raw(b"NONSENSE /v1/models/texts HTTP/1.1\r\n\r\n"))


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"/v1/models/../../etc/passwd:predict", 400),
        (b"/v1/models/%2e%2e%2f%2e%2e%2fetc%2fpasswd:predict", 404),
        (b"/v1/models/%00:predict", 404),
        (b"/v1/models/..\\..\\x:predict", 404),
        (b"/v1/models/" + b"m" * 50_000 + b":predict", 404),
        (b"/v1/models/%ff%fe:predict", 404),
    ],
)
def test_s28_names_that_climb(talk: Talk, target: bytes, expected: int) -> None:
    refused(talk.raw(request(b"POST", target, b"Connection: close", body=GOOD)), expected)


def test_s29_names_for_logs_and_pages(talk: Talk) -> None:
    target = b"/v1/models/a%0d%0aSet-Cookie:x%3cscript%3e"
    for answer in (
        talk.raw(request(b"GET", target.replace(b":", b"%3A"), b"Connection: close")),
        talk.raw(request(b"POST", target.replace(b":", b"%3A") + b":predict", b"Connection: close", body=GOOD)),
    ):
        assert "a\r\nSet-Cookie:x<script>" in refused(answer, 404)
        assert b"Set-Cookie" not in answer.partition(b"\r\n\r\n")[0]
        assert b"content-type: application/json" in answer
    # They are told of once they are answered.
    assert eventually(lambda: [told["model"] for told in talk.told.requests[-2:]] == ["unknown", "unknown"])


@pytest.mark.parametrize(
    ("version", "expected"), [("9223372036854775808", 400), ("-1", 400), ("03", 200), ("1.0", 400), ("%33", 400)]
)
def test_s30_versions(talk: Talk, version: str, expected: int) -> None:
    target = f"/v1/models/texts/versions/{version}:predict".encode()
    assert status(talk.raw(request(b"POST", target, b"Connection: close", body=GOOD))) == expected


@pytest.mark.parametrize(
    ("which", "expected"),
    [("nope", 404), ("texts/versions/7", 404), ("texts/labels/nope", 400), ("texts/labels/stable", 200)],
)
def test_s31_unknown_models_versions_and_labels(talk: Talk, which: str, expected: int) -> None:
    target = f"/v1/models/{which}:predict".encode()
    assert status(talk.raw(request(b"POST", target, b"Connection: close", body=GOOD))) == expected


def test_s32_before_a_model_is_ready(talk: Talk) -> None:
    talk.models.loading.add("floats")
    try:
        answer = talk.post("floats", b'{"instances": [1.0]}')
        health = talk.raw(request(b"GET", b"/v2/health/ready", b"Connection: close"))
        for early in (answer, health):
            refused(early, 503)
            assert b"\r\nretry-after: 1\r\n" in early
        refused(talk.post("nope", GOOD), 404)
        assert talk.is_well()
    finally:
        talk.models.loading.clear()


@pytest.mark.parametrize(
    "line",
    [
        b"X: " + b"a" * 1_000_000,
        b"\r\n".join([b"X: a"] * 20_000),
        b"X: caf\xc3\xa9",
        b"X: a\0b",
        b"X\xff: a",
        b"X Y: a",
        b": a",
        b"Host: other",
        b"Authorization: Bearer a\r\nAuthorization: Bearer b",
        b"X-API-Key: good\r\nX-API-Key: bad",
    ],
    ids=["long", "many", "not ASCII", "NUL", "name not ASCII", "space", "no name", "host", "authorization", "key"],
)
def test_s39_headers(talk: Talk, line: bytes) -> None:
    answer = talk.raw(request(b"POST", TEXTS, line, body=GOOD))
    refused(answer, 400, 431)
    assert b"connection: close" in answer


def test_s39_long_targets(talk: Talk) -> None:
    refused(talk.raw(request(b"GET", b"/v1/models/" + b"a" * 1_000_000)), 431)
    assert talk.told.rejections[-1] == "headers_too_large"


def request_id(answer: bytes) -> bytes:
    lines = dict(line.split(b": ", 1) for line in answer.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:])
    return lines[b"x-request-id"]


@pytest.mark.parametrize("asked", [b"a" * 129, b"a b", b"<x>", b"", b"a" * 10_000, b"a\tb"])
def test_s40_request_ids_that_are_replaced(talk: Talk, asked: bytes) -> None:
    found = request_id(talk.post("texts", GOOD, b"X-Request-ID: " + asked))
    assert found != asked
    assert len(found) == 32
    assert eventually(lambda: talk.told.requests[-1]["request_id"] == found.decode())


def test_s40_a_line_break_in_a_request_id(talk: Talk) -> None:
    answer = talk.post("texts", GOOD, b"X-Request-ID: a\r\nEvil: yes")
    assert request_id(answer) == b"a"
    assert b"Evil" not in answer


def test_s40_request_ids_that_are_kept(talk: Talk) -> None:
    asked = b"A-z.0_9" + b"a" * 121
    assert request_id(talk.post("texts", GOOD, b"X-Request-ID: " + asked)) == asked


@pytest.mark.parametrize(
    "spoken",
    [
        b"GET /v1/models/texts\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
        b"GET / HTTP/3.0\r\n\r\n",
        bytes.fromhex("16030100c8010000c40303") + b"\x01" * 200,
        b"\0" * 1000,
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"*1\r\n$4\r\nPING\r\n",
    ],
    ids=["HTTP/0.9", "HTTP/2", "HTTP/3", "TLS", "NULs", "SSH", "Redis"],
)
def test_s41_other_protocols(talk: Talk, spoken: bytes) -> None:
    answer = talk.raw(spoken)
    assert not answer or refused(answer)


def test_an_upgrade_that_is_offered_is_not_taken(talk: Talk) -> None:
    headers = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__")
    with talk.connect() as connection:
        connection.sendall(request(b"POST", TEXTS, *headers, body=GOOD))
        connection.sendall(request(b"POST", TEXTS, b"Connection: close", body=GOOD))
        answers = read_all(connection)
    assert answers.count(b"HTTP/1.1 200 OK") == 2


def test_pipelined_requests_are_answered_in_order(talk: Talk) -> None:
    bodies = [b'{"instances": ["%s"]}' % (b"a" * size) for size in (1, 2, 3)]
    pieces = [request(b"POST", TEXTS, body=body) for body in bodies[:2]]
    answers = talk.raw(*pieces, request(b"POST", TEXTS, b"Connection: close", body=bodies[2]))
    lengths = [part.split(b"\n")[0] for part in answers.split(b'"length": ')[1:]]
    assert lengths == [b"1", b"2", b"3"]


def test_connections_are_counted() -> None:
    with talking(RestOptions(max_connections=3)) as talk:
        held = [talk.connect() for _ in range(3)]
        for connection in held:
            connection.sendall(request(b"POST", TEXTS, body=GOOD))
            assert connection.recv(12) == b"HTTP/1.1 200"
        with talk.connect() as one_more:
            answer = read_all(one_more)
        refused(answer, 503)
        assert b"retry-after: 1" in answer
        assert talk.told.rejections == ["too_many_connections"]
        for connection in held:
            connection.close()
        assert eventually(talk.is_well)


def test_connections_far_beyond_those_that_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST_REFUSED", 2)
    with talking(RestOptions(max_connections=1, header_timeout_seconds=20)) as talk, ExitStack() as stack:
        held = [stack.enter_context(talk.connect()) for _ in range(6)]
        answers = [read_all(connection) for connection in held[1:]]
        assert [answer and status(answer) for answer in answers] == [503, 503, b"", b"", b""]
        assert talk.told.rejections == ["too_many_connections"] * 5
        held[0].sendall(request(b"POST", TEXTS, b"Connection: close", body=GOOD))
        assert status(read_all(held[0])) == 200
        assert eventually(talk.is_well)


def test_answers_that_are_not_fetched_hold_nothing_up() -> None:
    rows = json.dumps({"instances": ["x" * 9000] * 1000}).encode()
    # A busy machine takes its time to send that much.
    with talking(replace(OPTIONS, body_timeout_seconds=30.0)) as talk, ExitStack() as stack:
        for _ in range(3):
            connection = stack.enter_context(talk.connect())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(request(b"POST", TEXTS, body=rows))
        assert talk.is_well()
        assert not talk.told.events
