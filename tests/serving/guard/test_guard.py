"""The guard: who comes in, who does not, and what each is told."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import jwt
import pytest

from tfclassify.errors import UsageError
from tfclassify.serving.guard import Authorize, GuardOptions, TokenRules, guard, new_key, open_guard
from tfclassify.serving.guard.scopes import SCOPES
from tfclassify.serving.status import Code, Refusal

SECRET = "0123456789abcdef" * 2
PREDICT, PREDICT_LINE = new_key("shop", ["predict"])
ADMIN, ADMIN_LINE = new_key("ops", ["admin", "metrics"])
TOKENS: dict[str, Any] = {"algorithms": ("HS256",), "issuer": "us", "audience": "server"}


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text(f"{PREDICT_LINE}\n{ADMIN_LINE}\n")
    return path


@pytest.fixture
def rules(tmp_path: Path) -> TokenRules:
    (tmp_path / "secret").write_text(SECRET)
    return TokenRules(**TOKENS, secret_file=tmp_path / "secret")


def token(**changed: Any) -> str:
    claims = {"iss": "us", "aud": "server", "sub": "ann", "exp": time.time() + 300, "scope": "predict", **changed}
    return jwt.encode(claims, SECRET, algorithm="HS256")


def asked(authorize: Authorize, scope: str = "predict", *, peer: str = "127.0.0.1", **headers: str) -> str:
    return authorize({name.replace("_", "-"): value for name, value in headers.items()}, scope=scope, peer=peer).name


def refusal(authorize: Authorize, scope: str = "predict", **more: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        asked(authorize, scope, **more)
    return caught.value


@pytest.mark.parametrize("scope", SCOPES)
def test_an_open_guard_lets_everybody_in(scope: str) -> None:
    assert asked(open_guard(), scope) == "anonymous"
    assert asked(open_guard(), scope, authorization="Bearer nonsense") == "anonymous"


def test_keys_in_either_header(keys_file: Path) -> None:
    authorize = guard(GuardOptions(keys_file=keys_file))
    assert asked(authorize, authorization=f"Bearer {PREDICT}") == "shop"
    assert asked(authorize, authorization=f"bearer   {PREDICT} ") == "shop"
    assert asked(authorize, x_api_key=PREDICT) == "shop"
    assert asked(authorize, x_api_key=PREDICT, authorization=f"Bearer {PREDICT}") == "shop"
    assert asked(authorize, "admin", x_api_key=ADMIN) == "ops"


def test_no_credentials(keys_file: Path) -> None:
    refused = refusal(guard(GuardOptions(keys_file=keys_file)))
    assert (refused.code, refused.http_status) == (Code.UNAUTHENTICATED, 401)
    assert refused.message == "Give an API key or a token in the header Authorization: Bearer or X-API-Key"


def test_every_wrong_credential_reads_the_same(keys_file: Path, rules: TokenRules) -> None:
    ended, line = new_key("old", ["predict"])
    keys_file.write_text(f"{PREDICT_LINE}\n{line} 2020-01-01T00:00:00Z\n")
    authorize = guard(GuardOptions(keys_file=keys_file, tokens=rules))
    wrong: list[dict[str, str]] = [
        {"authorization": "Bearer wrong"},
        {"authorization": f"Bearer {PREDICT}x"},
        {"authorization": f"Bearer {PREDICT[:-1]}"},
        {"authorization": f"Basic {PREDICT}"},
        {"authorization": PREDICT},
        {"authorization": "Bearer"},
        {"authorization": ""},
        {"x_api_key": ""},
        {"x_api_key": ended},
        {"x_api_key": PREDICT, "authorization": f"Bearer {ADMIN}"},
        {"x_api_key": PREDICT, "authorization": "Basic x"},
        {"x_api_key": "ключ\udc80"},
        {"authorization": f"Bearer {token(exp=1_000_000_000)}"},
        {"authorization": f"Bearer {token(aud='other')}"},
        {"authorization": "Bearer a.b.c"},
        {"authorization": f"Bearer {jwt.encode({'sub': 'ann'}, key='', algorithm='none')}"},
    ]
    refused = [refusal(authorize, **headers) for headers in wrong]
    assert {(each.code, each.message) for each in refused} == {
        (Code.UNAUTHENTICATED, "The API key or token is not valid")
    }


def test_only_headers_are_looked_at(keys_file: Path) -> None:
    authorize = guard(GuardOptions(keys_file=keys_file))
    for name in ("key", "api_key", "access_token", "token", "cookie", "proxy_authorization"):
        assert refusal(authorize, **{name: PREDICT}).code == Code.UNAUTHENTICATED


def test_scopes(keys_file: Path, rules: TokenRules) -> None:
    authorize = guard(GuardOptions(keys_file=keys_file, tokens=rules))
    for headers in ({"x_api_key": PREDICT}, {"authorization": f"Bearer {token()}"}):
        for scope in ("metadata", "metrics", "admin"):
            refused = refusal(authorize, scope, **headers)
            assert (refused.code, refused.http_status) == (Code.PERMISSION_DENIED, 403)
            assert refused.message == f"This needs the scope {scope}"
    assert refusal(authorize, "predict", x_api_key=ADMIN).code == Code.PERMISSION_DENIED


def test_tokens_beside_keys(keys_file: Path, rules: TokenRules) -> None:
    authorize = guard(GuardOptions(keys_file=keys_file, tokens=rules))
    assert asked(authorize, authorization=f"Bearer {token()}") == "token:ann"
    assert asked(authorize, x_api_key=token(sub="shop")) == "token:shop"
    assert asked(authorize, x_api_key=PREDICT) == "shop"


def test_what_is_open_to_everybody(keys_file: Path) -> None:
    authorize = guard(GuardOptions(keys_file=keys_file, anonymous_scopes=("metrics", "metadata")))
    assert asked(authorize, "metrics") == "anonymous"
    assert refusal(authorize, "predict").code == Code.UNAUTHENTICATED
    assert asked(authorize, "metrics", x_api_key=ADMIN) == "ops"
    assert refusal(authorize, "metrics", x_api_key="wrong").code == Code.UNAUTHENTICATED
    without = guard(GuardOptions(anonymous_scopes=("predict",)))
    assert asked(without) == "anonymous"
    assert refusal(without, "admin").code == Code.PERMISSION_DENIED


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_rates(keys_file: Path) -> None:
    clock = Clock()
    authorize = guard(GuardOptions(keys_file=keys_file, requests_per_second=0.1, burst=2), clock=clock)
    assert [asked(authorize, x_api_key=PREDICT) for _ in range(2)] == ["shop", "shop"]
    refused = refusal(authorize, x_api_key=PREDICT)
    assert (refused.code, refused.http_status, refused.retry_after_seconds) == (Code.RESOURCE_EXHAUSTED, 429, 10)
    assert refused.message == "Too many requests; try again later"
    assert asked(authorize, "metrics", x_api_key=ADMIN) == "ops"
    clock.now += 10
    assert asked(authorize, x_api_key=PREDICT) == "shop"


def test_who_tries_keys_is_limited(keys_file: Path) -> None:
    authorize = guard(GuardOptions(keys_file=keys_file, requests_per_second=1.0, burst=3), clock=Clock())
    codes = [refusal(authorize, x_api_key=f"wrong {number}", peer="192.0.2.1").code for number in range(5)]
    assert codes == [Code.UNAUTHENTICATED] * 3 + [Code.RESOURCE_EXHAUSTED] * 2
    # Nobody else pays for it, nor does a key that is right.
    assert refusal(authorize, x_api_key="wrong", peer="192.0.2.2").code == Code.UNAUTHENTICATED
    assert asked(authorize, x_api_key=PREDICT, peer="192.0.2.1") == "shop"


def test_peers_are_limited_where_there_are_no_keys() -> None:
    authorize = guard(GuardOptions(requests_per_second=1.0), clock=Clock())
    assert [asked(authorize, peer=f"192.0.2.1:{port}") for port in (1, 2)] == ["anonymous"] * 2
    assert refusal(authorize, peer="192.0.2.1:3").code == Code.RESOURCE_EXHAUSTED
    assert asked(authorize, peer="192.0.2.2:3") == "anonymous"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"burst": 3}, "a burst of 3 requests needs a rate; give requests_per_second too"),
        ({"requests_per_second": 0.0}, "requests_per_second=0.0; expected a number above 0"),
        ({"requests_per_second": float("nan")}, "requests_per_second=nan; expected a number above 0"),
        ({"requests_per_second": 1.0, "burst": 0}, "burst=0; expected at least 1 request"),
        (
            {"anonymous_scopes": ("metrix",)},
            "anonymous scopes: no scope 'metrix'; scopes: predict, metadata, metrics, admin; did you mean 'metrics'?",
        ),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        guard(GuardOptions(**options))
    assert str(caught.value) == said


def test_a_name_in_two_places(keys_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYS", PREDICT_LINE)
    with pytest.raises(UsageError, match=r"^there is a key 'shop' in the file and in the environment variable; give"):
        guard(GuardOptions(keys_file=keys_file, keys_variable="KEYS"))
    assert asked(guard(GuardOptions(keys_variable="KEYS")), x_api_key=PREDICT) == "shop"
