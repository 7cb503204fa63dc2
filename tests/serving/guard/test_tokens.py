"""Signed tokens: right ones are read, and every known way around the signature is closed."""

from __future__ import annotations

import base64
import hmac
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.errors import UsageError
from tfclassify.serving.guard import tokens as module
from tfclassify.serving.guard.scopes import Caller
from tfclassify.serving.guard.tokens import ReadToken, TokenRules, token_reader

SECRET = "0123456789abcdef" * 4
PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CURVE = ec.generate_private_key(ec.SECP256R1())
PEM = PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def claims(**changed: Any) -> dict[str, Any]:
    now = time.time()
    made = {"iss": "us", "aud": "server", "sub": "ann", "exp": now + 300, "nbf": now, "scope": "predict metadata"}
    return {key: value for key, value in {**made, **changed}.items() if value is not None}


def hmac_token(*, secret: Any = SECRET, algorithm: str = "HS256", headers: Any = None, **changed: Any) -> str:
    return jwt.encode(claims(**changed), secret, algorithm=algorithm, headers=headers)


def rsa_token(*, key: Any = PRIVATE, algorithm: str = "RS256", headers: Any = None, **changed: Any) -> str:
    return jwt.encode(claims(**changed), key, algorithm=algorithm, headers=headers)


def by_hand(header: dict[str, Any], payload: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(payload).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def jwk(key: Any, kid: str | None, **more: Any) -> dict[str, Any]:
    family = module.jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    made = json.loads(family.to_jwk(key.public_key()))
    return {**made, **({"kid": kid} if kid else {}), **more}


def rules(**changed: Any) -> TokenRules:
    return TokenRules(**{"algorithms": ("RS256",), "issuer": "us", "audience": "server", **changed})


@pytest.fixture
def with_secret(tmp_path: Path) -> ReadToken:
    (tmp_path / "secret").write_text(SECRET + "\n")
    return token_reader(rules(algorithms=("HS256",), secret_file=tmp_path / "secret"))


@pytest.fixture
def with_key(tmp_path: Path) -> ReadToken:
    (tmp_path / "key.pem").write_bytes(PEM)
    return token_reader(rules(public_key_file=tmp_path / "key.pem"))


def with_set(tmp_path: Path, *keys: dict[str, Any], algorithms: tuple[str, ...] = ("RS256", "ES256")) -> ReadToken:
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": keys}))
    return token_reader(rules(algorithms=algorithms, jwks_file=tmp_path / "jwks.json"))


ANN = Caller("ann", frozenset({"predict", "metadata"}))


def test_right_tokens(with_secret: ReadToken, with_key: ReadToken) -> None:
    assert with_secret(hmac_token()) == ANN
    assert with_key(rsa_token()) == ANN
    assert with_key(rsa_token(headers={"typ": "at+jwt"})) == ANN
    assert with_key(rsa_token(aud=["other", "server"])) == ANN


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": 1_000_000_000},
        {"exp": None},
        {"exp": "never"},
        {"exp": 1e400},
        {"nbf": time.time() + 3600},
        {"iat": time.time() + 3600},
        {"aud": "other"},
        {"aud": ["other"]},
        {"aud": None},
        {"iss": "them"},
        {"iss": None},
        {"sub": None},
        {"sub": 7},
        {"scope": {"predict": 1}},
        {"headers": {"typ": "id+jwt"}},
        {"headers": {"crit": ["x"], "x": 1}},
        {"key": OTHER},
        {"algorithm": "RS512"},
        {"algorithm": "PS256"},
    ],
)
def test_wrong_tokens(changed: dict[str, Any], with_key: ReadToken) -> None:
    assert with_key(rsa_token(**changed)) is None


def test_clocks_may_differ_a_little(with_key: ReadToken) -> None:
    now = time.time()
    assert with_key(rsa_token(exp=now - 20, nbf=now + 20)) == ANN
    assert with_key(rsa_token(exp=now - 40)) is None
    assert with_key(rsa_token(nbf=now + 40)) is None


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None, "HS256", 1, [], {}])
def test_the_algorithm_is_not_the_tokens_choice(algorithm: Any, with_key: ReadToken, with_secret: ReadToken) -> None:
    for read in (with_key, with_secret):
        assert read(by_hand({"alg": algorithm, "typ": "JWT"}, claims())) is None
        assert read(by_hand({"alg": algorithm, "typ": "JWT"}, claims(), b"x" * 32)) is None


def test_a_public_key_is_no_secret(with_key: ReadToken, tmp_path: Path) -> None:
    for secret in (PEM, PEM.strip(), PEM.decode().encode("utf-8")):
        signed = by_hand({"alg": "HS256", "typ": "JWT"}, claims()).rpartition(".")[0]
        mac = base64.urlsafe_b64encode(hmac.digest(secret, signed.encode(), "sha256")).rstrip(b"=")
        token = f"{signed}.{mac.decode()}"
        assert with_key(token) is None
        assert with_set(tmp_path, jwk(PRIVATE, "a"))(token) is None


def test_scopes_are_ours_alone(with_key: ReadToken) -> None:
    def scopes(given: Any) -> Any:
        caller = with_key(rsa_token(scope=given))
        return caller and sorted(caller.scopes)

    assert scopes("predict openid superuser") == ["predict"]
    assert scopes(["admin", "metrics", 7]) == ["admin", "metrics"]
    assert scopes(None) == []
    assert scopes("") == []
    assert scopes(7) is None


def test_keys_of_a_set_are_told_by_their_id(tmp_path: Path) -> None:
    read = with_set(tmp_path, jwk(PRIVATE, "a"), jwk(OTHER, "b"), jwk(CURVE, "c"))
    assert read(rsa_token(headers={"kid": "a"})) == ANN
    assert read(rsa_token(key=OTHER, headers={"kid": "b"})) == ANN
    assert read(jwt.encode(claims(), CURVE, algorithm="ES256", headers={"kid": "c"})) == ANN
    assert read(rsa_token(headers={"kid": "b"})) is None
    assert read(rsa_token(headers={"kid": "z"})) is None
    assert read(rsa_token()) is None
    assert with_set(tmp_path, jwk(PRIVATE, "a"))(rsa_token()) == ANN
    assert (
        with_set(tmp_path, jwk(CURVE, "c"), algorithms=("RS256",))(
            jwt.encode(claims(), CURVE, algorithm="ES256", headers={"kid": "c"})
        )
        is None
    )


def test_keys_that_a_token_brings_along_are_not_used(with_key: ReadToken, tmp_path: Path) -> None:
    brought = {"jwk": jwk(OTHER, "x"), "jku": "http://127.0.0.1:9/", "x5u": "http://127.0.0.1:9/", "x5c": ["x"]}
    for read in (with_key, with_set(tmp_path, jwk(PRIVATE, "a"))):
        assert read(rsa_token(key=OTHER, headers=brought)) is None
        assert read(rsa_token(headers=brought)) == ANN


@given(st.one_of(st.text(), st.lists(st.text(), min_size=3, max_size=3).map(".".join)))
def test_anything_may_be_given(text: str) -> None:
    assert READ(text) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
    st.sampled_from(["alg", "typ", "kid", "b64", "crit"]),
)
def test_any_header(value: Any, name: str) -> None:
    assert READ(by_hand({"alg": "HS256", name: value}, {}, b"x")) is None


def test_a_long_token(with_key: ReadToken) -> None:
    assert with_key(rsa_token(more="x" * 10_000)) is None
    assert with_key("a.b." + "c" * 10_000_000) is None
    caller = with_key(rsa_token(sub="x" * 1000))
    assert caller is not None
    assert len(caller.name) == 128


def a_reader() -> ReadToken:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "secret").write_text(SECRET)
        return token_reader(rules(algorithms=("HS256",), secret_file=Path(folder) / "secret"))


READ = a_reader()


def refused(tmp_path: Path, **changed: Any) -> str:
    with pytest.raises(UsageError) as caught:
        token_reader(rules(**changed))
    return str(caught.value).replace(str(tmp_path), "FOLDER")


def test_rules_that_contradict_each_other(tmp_path: Path) -> None:
    secret, public = tmp_path / "secret", tmp_path / "key.pem"
    secret.write_text(SECRET)
    public.write_bytes(PEM)
    one = "tokens need one of a secret file, a public key file and a JWKS file; give exactly one"
    assert refused(tmp_path) == one
    assert refused(tmp_path, secret_file=secret, public_key_file=public) == one
    assert refused(tmp_path, secret_file=secret, algorithms=("HS256", "RS256")) == (
        "tokens checked with a secret cannot have RS256; expected some of: HS256, HS384, HS512"
    )
    assert refused(tmp_path, public_key_file=public, algorithms=("none", "HS256")) == (
        "tokens checked with public keys cannot have none, HS256; expected some of: RS256, RS384, RS512, PS256, "
        "PS384, PS512, ES256, ES384, ES512, EdDSA"
    )
    assert "cannot have no algorithm;" in refused(tmp_path, secret_file=secret, algorithms=())


def test_files_that_do_not_hold_what_they_should(tmp_path: Path) -> None:
    path = tmp_path / "file"
    hmac_rules = {"secret_file": path, "algorithms": ("HS512",)}
    assert refused(tmp_path, **hmac_rules) == (
        "the file 'FOLDER/file' for tokens cannot be read: No such file or directory"
    )
    path.write_text("x" * 63)
    assert refused(tmp_path, **hmac_rules) == (
        "the secret in 'FOLDER/file' has 63 bytes; expected at least 64, at random"
    )
    path.write_bytes(PEM)
    assert refused(tmp_path, **hmac_rules) == (
        "'FOLDER/file' holds a key in PEM and no secret; give it as the public key file"
    )
    assert refused(tmp_path, public_key_file=path, algorithms=("ES256",)) == (
        "'FOLDER/file' holds no public key for ES256; expected one in PEM"
    )
    path.write_bytes(PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert refused(tmp_path, public_key_file=path) == (
        "'FOLDER/file' holds a private key; expected the public key alone"
    )
    for content in ("", "[]", "{}", '{"keys": []}', '{"keys": [1]}'):
        path.write_text(content)
        assert refused(tmp_path, jwks_file=path) == (
            "'FOLDER/file' holds no JSON Web Key Set; expected {\"keys\": [...]}"
        )
    path.write_text(json.dumps({"keys": [{"kty": "oct", "k": "eHh4", "kid": "a", "alg": "HS256"}]}))
    assert refused(tmp_path, jwks_file=path) == (
        "'FOLDER/file' holds keys of type oct; expected public keys: RSA, EC or OKP"
    )
