"""The REST API answers as TensorFlow Serving does: cases of a file, each over a socket, to real SavedModels.

``--cases FILE`` names the file; its ``meta`` key says what the fields of a case mean. Without the option it is the file
of the data beside the checkout, and the test is skipped where there is none.
"""

from __future__ import annotations

import base64
import functools
import json
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixture_models import LABELS, write_all
from rest_fakes import Told, ask_for_key, body_of, read_all, status

from tfclassify.serving.models import Latest, ModelConfig, Models
from tfclassify.serving.rest.application import application
from tfclassify.serving.rest.options import RestOptions
from tfclassify.serving.rest.transport import RestServer, listen, start
from tfclassify.serving.served import direct
from tfclassify.serving.session import load_saved_model

DEFAULT_CASES = Path(__file__).parents[3] / "shared" / "reference" / "tfserving_rest_cases.json"
LOAD_SECONDS = 120.0
ANSWER_SECONDS = 40.0
Serve = Callable[[Mapping[str, Any]], RestServer]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        asked = metafunc.config.getoption("--cases", None)
        path = Path(asked) if asked else DEFAULT_CASES
        if not asked and not path.is_file():
            nothing = pytest.param({}, marks=pytest.mark.skip(reason="no file of cases beside the checkout"))
            metafunc.parametrize("case", [nothing], ids=["none"])
            return
        cases = json.loads(path.read_text(encoding="utf-8"))["cases"]
        metafunc.parametrize("case", cases, ids=[case["id"] for case in cases])


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    folder = tmp_path_factory.mktemp("fixture_models")
    served = Models(
        [ModelConfig(name, folder / name, Latest(), LABELS) for name in write_all(folder)],
        load=lambda path, name, version: load_saved_model(
            path, name=name, version=version, timeout_seconds=ANSWER_SECONDS
        ),
        wrap=functools.partial(direct, threads=2),
        events=lambda name, fields: None,
        poll_seconds=0.0,
    )
    served.start()
    assert served.wait_until_tried(LOAD_SECONDS)
    assert served.ready()
    yield served
    served.stop()


@pytest.fixture(scope="module")
def serve(models: Models) -> Iterator[Serve]:
    """Starts one server per set of options."""
    running: dict[str, RestServer] = {}

    def serving(options: Mapping[str, Any]) -> RestServer:
        key = json.dumps(options, sort_keys=True)
        if key not in running:
            rest = options_of(options)
            app = application(models, rest, guard=ask_for_key, telemetry=Told())
            running[key] = start(app, listen("127.0.0.1", 0), rest)
        return running[key]

    yield serving
    for server in running.values():
        server.stop(1.0)


def options_of(flags: Mapping[str, Any]) -> RestOptions:
    """Reads options that stock has flags for; others do not touch the REST API."""
    settings: dict[str, Any] = {}
    for name, value in flags.items():
        if "monitoring" in name and re.search(r"enable:\s*true", str(value)):
            path = re.search(r'path:\s*"([^"]+)"', str(value))
            settings["metrics_path"] = path[1] if path else "/monitoring/prometheus/metrics"
        if "timeout_in_ms" in name:
            settings["timeout_seconds"] = int(value) / 1000
        if "cors" in name:
            settings["cors"] = str(value).lower() in ("true", "1")
    return RestOptions(**settings)


def body_bytes(case: Mapping[str, Any]) -> bytes:
    body, encoding = case.get("body", ""), case.get("body_encoding", "utf8")
    if encoding == "base64":
        return base64.b64decode(body)
    if encoding == "repeat_parts":
        parts = body["repeat_parts"] if isinstance(body, dict) else body
        return "".join(text * times for text, times in parts).encode()
    if encoding == "generated":
        return generated(body)
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def generated(body: Any) -> bytes:
    """A body of parts, if it is made in that way."""
    if isinstance(body, dict) and "repeat_parts" in body:
        return "".join(text * times for text, times in body["repeat_parts"]).encode()
    pytest.skip(f"no way known to generate {str(body)[:80]}")


def exchange(server: RestServer, case: Mapping[str, Any]) -> bytes:
    body = body_bytes(case)
    lines = [f"{case['method']} {case['path']} HTTP/1.1".encode(), b"Host: 127.0.0.1", b"Connection: close"]
    lines += [f"{name}: {value}".encode() for name, value in case.get("headers", {}).items()]
    if body or case["method"] in ("POST", "PUT", "PATCH"):
        lines.append(b"Content-Length: %d" % len(body))
    with socket.create_connection(("127.0.0.1", server.port), timeout=ANSWER_SECONDS) as connection:
        connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        return read_all(connection)


def headers_of(answer: bytes) -> dict[str, str]:
    lines = answer.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def alike(found: Any, expected: Any, *, more: bool) -> bool:
    """Compares JSON values, numbers as float32; with ``more``, objects may have members beside those expected."""
    if isinstance(expected, dict) and isinstance(found, dict):
        same = expected.keys() <= found.keys() if more else expected.keys() == found.keys()
        return same and all(alike(found[key], value, more=more) for key, value in expected.items())
    if isinstance(expected, list) and isinstance(found, list):
        pairs = zip(found, expected, strict=False)
        return len(found) == len(expected) and all(alike(a, b, more=more) for a, b in pairs)
    if isinstance(expected, float) and type(found) in (int, float):
        return bool(np.float32(found) == np.float32(expected))
    return type(found) is type(expected) and found == expected


def is_error(body: bytes, words: str = "") -> bool:
    try:
        document = json.loads(body)
    except ValueError:
        return False
    return isinstance(document, dict) and list(document) == ["error"] and words in document["error"]


def has_headers(answer: bytes, expected: Any) -> bool:
    found = headers_of(answer)
    wanted = expected.items() if isinstance(expected, dict) else (line.split(":", 1) for line in expected)
    return all(str(value).strip() in found.get(name.lower(), "absent") for name, value in wanted)


def without_space(body: bytes) -> str:
    return re.sub(r"\s", "", body.decode())


COMPARISONS: dict[str, Callable[[bytes, Any], bool]] = {
    "json_equal": lambda answer, expected: alike(json.loads(body_of(answer)), expected, more=False),
    "json_contains": lambda answer, expected: alike(json.loads(body_of(answer)), expected, more=True),
    "json_nonfinite": lambda answer, expected: (
        json.loads(body_of(answer)) is not None
        and without_space(str(expected).encode()).strip("[]") in without_space(body_of(answer))
    ),
    "error_substring": lambda answer, expected: is_error(body_of(answer), expected),
    "raw_substring": lambda answer, expected: expected.encode() in body_of(answer),
    "empty_body": lambda answer, expected: body_of(answer) == b"",
    "status_only": lambda answer, expected: True,
    "content_type_equal": lambda answer, expected: headers_of(answer).get("content-type") == expected,
    "headers_contain": has_headers,
}


def passes(case: Mapping[str, Any], answer: bytes) -> bool:
    found = status(answer)
    if found == case["expect_status"]:
        try:
            if COMPARISONS[case["compare"]](answer, case.get("expect_body_or_error_substring")):
                return True
        except (ValueError, UnicodeDecodeError):
            pass
    # What is let pass instead is an error in JSON; where nothing is wrong, as in a health route, nothing is said.
    return found in case.get("or_status", []) and (found < 400 or case["method"] == "HEAD" or is_error(body_of(answer)))


def test_case(case: dict[str, Any], serve: Serve) -> None:
    answer = exchange(serve(case.get("server_options") or {}), case)
    assert passes(case, answer), answer[:2000].decode("utf-8", "replace")
