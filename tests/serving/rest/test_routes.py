"""What is asked for is found by the line as it came: query and all, names decoded after that."""

from __future__ import annotations

import pytest

from tfclassify.serving.rest.routes import Route, ready_route, route
from tfclassify.serving.status import Refusal


@pytest.mark.parametrize(
    ("verb", "target", "found"),
    [
        ("POST", "/v1/models/m:predict", Route("predict", "m")),
        ("POST", "/V1/Models/M:classify", Route("classify", "M")),
        ("POST", "/v1/models/m/versions/007:regress", Route("regress", "m", 7)),
        ("POST", "/v1/models/m/versions/9223372036854775807:predict", Route("predict", "m", 2**63 - 1)),
        ("POST", "/v1/models/m/labels/a%2Fb:predict", Route("predict", "m", None, "a/b")),
        ("POST", "/v1/models/a%21%23%2F%3Ab%5B%5D:predict", Route("predict", "a!#/:b[]")),
        ("POST", "/v1/models/%C3%A9%ff%zz:predict", Route("predict", "é\ufffd%zz")),
        ("POST", "/v1/models/%2e%2e%2f%00:predict", Route("predict", "../\0")),
        ("GET", "/v1/models/m", Route("status", "m")),
        ("GET", "/v1/models/m?x=1", Route("status", "m?x=1")),
        ("GET", "/v1/models/m/versions/5", Route("status", "m", 5)),
        ("GET", "/v1/models/m/labels/l", Route("status", "m", None, "l")),
        ("GET", "/v1/models/m/metadata", Route("metadata", "m")),
        ("GET", "/v1/models/m/METADATA", Route("status", "m")),
        ("GET", "/v1/models/m/labels/l/metadata", Route("metadata", "m", None, "l")),
        ("GET", "/v1/models/metadata", Route("status", "metadata")),
    ],
)
def test_routes(verb: str, target: str, found: Route) -> None:
    assert route(verb, target) == found


@pytest.mark.parametrize(
    ("verb", "target"),
    [
        ("GET", "/v1/models/m:predict"),
        ("POST", "/v1/models/m"),
        ("POST", "/v1/models/m:PREDICT"),
        ("POST", "/v1/models/m:predict?x=1"),
        ("POST", "/v1/models/m:predict/"),
        ("POST", "/v1/models/:predict"),
        ("POST", "/v1/models/m/versions/-1:predict"),
        ("POST", "/v1/models/m/versions/1.0:predict"),
        ("POST", "/v1/models/m/versions/\u0661:predict".encode().decode("latin-1")),
        ("POST", "/v1/models/m/versions/5/labels/l:predict"),
        ("POST", "/v1/models/../../etc/passwd:predict"),
        ("PUT", "/v1/models/m:predict"),
        ("GET", "/v1/"),
        ("GET", "/v1/models/m/"),
        ("GET", "/v1/models/m/version/5"),
        ("DELETE", "/v1/models/m"),
    ],
)
def test_no_routes(verb: str, target: str) -> None:
    with pytest.raises(Refusal) as caught:
        route(verb, target)
    text = target.encode("latin-1").decode()
    assert caught.value.message == f"Malformed request: {verb} {text}"
    assert caught.value.http_status == 400


@pytest.mark.parametrize("target", ["/v1/models", "/v1/models/versions/5"])
def test_a_model_must_be_named(target: str) -> None:
    with pytest.raises(Refusal, match=r"^Missing model name in request\.$"):
        route("GET", target)


@pytest.mark.parametrize("digits", ["9223372036854775808", "18446744073709551615", "9" * 10_000])
def test_versions_have_64_bits(digits: str) -> None:
    with pytest.raises(Refusal, match=rf"^Failed to convert version: {digits} to numeric\.$"):
        route("POST", f"/v1/models/m/versions/{digits}:predict")


def test_readiness_of_a_model() -> None:
    assert ready_route("/v2/models/m/versions/2/ready") == Route("ready", "m", 2)
    assert ready_route("/v2/models/a%3Ab/ready") == Route("ready", "a:b")
    assert ready_route("/v2/models/m/infer") is None
