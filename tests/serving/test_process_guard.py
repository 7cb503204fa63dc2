"""Who may ask a server that has keys and takes tokens: over REST as over gRPC, and with no key in an address."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import jwt
import pytest
from process_models import save_lengths
from server_process import Answer, ServerProcess, exchange, running
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from tfclassify.serving.guard import new_key

pytestmark = pytest.mark.slow

SECRET = "0123456789abcdef" * 4
PREDICT = "/v1/models/texts:predict"
GOOD = {"instances": ["good"]}
SECONDS = 20.0


@dataclass(frozen=True)
class Guarded:
    """A server with a guard, and keys for it: to predict, to look, and one that has ended."""

    server: ServerProcess
    predicts: str
    looks: str
    ended: str

    def channel(self) -> grpc.Channel:
        return grpc.insecure_channel(f"127.0.0.1:{self.server.grpc_port}")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    save_lengths(folder / "texts" / "1")
    made = {
        "shop": new_key("shop", ["predict"]),
        "dashboards": new_key("dashboards", ["metadata", "metrics"]),
        "former": new_key("former", ["predict"], until=datetime.now(UTC) - timedelta(days=1)),
    }
    (folder / "keys").write_text("".join(f"{line}\n" for _, line in made.values()))
    (folder / "secret").write_text(SECRET)
    words = (
        f"guard.keys_file={folder / 'keys'}",
        "tokens.algorithms=[HS256]",
        "tokens.issuer=us",
        "tokens.audience=server",
        f"tokens.secret_file={folder / 'secret'}",
    )
    with running(folder / "said", {"texts": folder / "texts"}, *words) as server:
        yield Guarded(server, *(key for key, _ in made.values()))
        assert server.end() == 0
        said = server.errors.read_text()
        # Nothing that would open the door is written down, nor what somebody tried.
        assert not [key for key, _ in made.values() if key in said]
        assert SECRET not in said
        assert "eyJ" not in said


def token(*, secret: str = SECRET, algorithm: str = "HS256", **changed: Any) -> str:
    now = time.time()
    claims = {"iss": "us", "aud": "server", "sub": "ann", "exp": now + 300, "scope": "predict", **changed}
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, secret, algorithm)


def unsigned() -> str:
    """Returns a token that says of itself that it needs no signature."""
    parts = [{"alg": "none", "typ": "JWT"}, jwt.decode(token(), options={"verify_signature": False})]
    return ".".join([base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]) + "."


def signed_by_hand(header: dict[str, Any]) -> str:
    """Returns a token with the right signature under a header that asks for something else."""
    payload = token().split(".")[1]
    head = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    digest = hmac.digest(SECRET.encode(), f"{head}.{payload}".encode(), hashlib.sha256)
    return f"{head}.{payload}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


REFUSED_TOKENS = {
    "expired": token(exp=time.time() - 60),
    "not yet": token(nbf=time.time() + 600),
    "no end": token(exp=None),
    "another audience": token(aud="other"),
    "no audience": token(aud=None),
    "another issuer": token(iss="them"),
    "another secret": token(secret="f" * 64),
    "alg none": unsigned(),
    "another algorithm": token(algorithm="HS512"),
    "alg none, signed": signed_by_hand({"alg": "none"}),
    "critical": signed_by_hand({"alg": "HS256", "crit": ["exp"]}),
    "cut": token()[:-5],
    "dots": "..",
}
REFUSED_HEADERS = {
    "nothing": {},
    "wrong key": {"X-API-Key": "tfc_" + "a" * 43},
    "empty key": {"X-API-Key": ""},
    "long key": {"X-API-Key": "a" * 2_000},
    "basic": {"Authorization": "Basic YTpi"},
    "no scheme": {"Authorization": token()},
    **{name: {"Authorization": f"Bearer {text}"} for name, text in REFUSED_TOKENS.items()},
}


def asked(guarded: Guarded, headers: dict[str, str], *, path: str = PREDICT, verb: str = "POST") -> Answer:
    return exchange(guarded.server.rest_port, verb, path, GOOD if verb == "POST" else None, headers)


def predicted(guarded: Guarded, headers: dict[str, str]) -> Any:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "texts"
    request.inputs["text"].dtype = 7
    request.inputs["text"].tensor_shape.dim.add().size = 1
    request.inputs["text"].string_val.append(b"good")
    with guarded.channel() as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        return stub.Predict(request, timeout=SECONDS, metadata=metadata(headers))


def metadata(headers: dict[str, str]) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in headers.items()]


@pytest.mark.parametrize("headers", REFUSED_HEADERS.values(), ids=REFUSED_HEADERS)
def test_s36_who_is_not_known_is_refused(guarded: Guarded, headers: dict[str, str]) -> None:
    answer = asked(guarded, headers)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    with pytest.raises(grpc.RpcError) as caught:
        predicted(guarded, headers)
    assert caught.value.code().name == "UNAUTHENTICATED"
    # Both say the same, and none says which part of a token was wrong.
    assert caught.value.details() == answer.document["error"]
    assert answer.document["error"] in (
        "The API key or token is not valid",
        "Give an API key or a token in the header Authorization: Bearer or X-API-Key",
    )
    assert asked(guarded, {"X-API-Key": guarded.predicts}).status == 200


def test_s36_a_key_that_has_ended(guarded: Guarded) -> None:
    assert asked(guarded, {"X-API-Key": guarded.ended}).status == 401
    with pytest.raises(grpc.RpcError, match="UNAUTHENTICATED"):
        predicted(guarded, {"X-API-Key": guarded.ended})


@pytest.mark.parametrize("name", ["key", "api_key", "x-api-key", "X-API-Key", "access_token", "token"])
def test_s36_a_key_in_the_address_opens_nothing(guarded: Guarded, name: str) -> None:
    for path in ("/v1/models/texts", "/monitoring/prometheus/metrics", "/page/models"):
        assert asked(guarded, {}, path=f"{path}?{name}={guarded.looks}", verb="GET").status in (400, 401)
    assert asked(guarded, {}, path=f"{PREDICT}?{name}={guarded.predicts}").status in (400, 401)


@pytest.mark.parametrize("kind", ["key", "bearer key", "token"])
def test_s36_who_is_known_is_answered(guarded: Guarded, kind: str) -> None:
    headers = {
        "key": {"X-API-Key": guarded.predicts},
        "bearer key": {"Authorization": f"Bearer {guarded.predicts}"},
        "token": {"Authorization": f"Bearer {token()}"},
    }[kind]
    assert asked(guarded, headers).document == {"predictions": [{"label": "good", "length": 4}]}
    assert list(predicted(guarded, headers).outputs["length"].int_val) == [4]
    # What is not in its scopes is closed all the same.
    assert asked(guarded, headers, path="/v1/models/texts", verb="GET").status == 403


def test_s36_scopes(guarded: Guarded) -> None:
    looking = {"X-API-Key": guarded.looks}
    assert asked(guarded, looking).status == 403
    assert asked(guarded, looking, path="/v1/models/texts", verb="GET").status == 200
    assert asked(guarded, looking, path="/monitoring/prometheus/metrics", verb="GET").status == 200
    for path in ("/monitoring/prometheus/metrics", "/page/models", "/v1/models/texts/metadata"):
        assert asked(guarded, {}, path=path, verb="GET").status == 401
    with pytest.raises(grpc.RpcError, match="PERMISSION_DENIED"):
        predicted(guarded, looking)
    # What keeps a server alive needs no key.
    assert asked(guarded, {}, path="/v2/health/live", verb="GET").status == 200


def test_s36_other_calls_of_grpc(guarded: Guarded) -> None:
    with guarded.channel() as channel:
        models = model_service_pb2_grpc.ModelServiceStub(channel)
        predictions = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        look = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        look.model_spec.name = "texts"
        reload = model_management_pb2.ReloadConfigRequest()
        for headers, code in (({}, "UNAUTHENTICATED"), ({"X-API-Key": guarded.predicts}, "PERMISSION_DENIED")):
            for call, request in ((predictions.GetModelMetadata, look), (models.HandleReloadConfigRequest, reload)):
                with pytest.raises(grpc.RpcError, match=code):
                    call(request, timeout=SECONDS, metadata=metadata(headers))
        found = predictions.GetModelMetadata(look, timeout=SECONDS, metadata=metadata({"X-API-Key": guarded.looks}))
        assert found.model_spec.name == "texts"
