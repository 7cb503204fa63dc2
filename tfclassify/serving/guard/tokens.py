"""Signed tokens (JWT, RFC 7519) as RFC 8725 wants them read: nothing about how to check a token is taken from it.

Algorithms, issuer, audience and keys are the settings' own. A secret that was agreed on checks HMAC and nothing else;
public keys, from a PEM file or a JWKS file on this machine, check signatures and nothing else: so a public key can
never be taken for a secret. Addresses in a token's header (``jku``, ``x5u``) and keys in it (``jwk``) are not used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt

from tfclassify.errors import UsageError
from tfclassify.serving.guard.scopes import SCOPES, Caller

HMAC = ("HS256", "HS384", "HS512")
SIGNED = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
LEAST_SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
TYPES = (None, "JWT", "AT+JWT", "APPLICATION/AT+JWT")
REQUIRED = ("exp", "iss", "aud", "sub")
MOST_CHARACTERS = 8192
MOST_NAME = 128

# A token to who sent it; None of one that is not to be trusted.
ReadToken = Callable[[str], Caller | None]
KeyOf = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True)
class TokenRules:
    """Which tokens are taken.

    Attributes:
        algorithms: all of HMAC, or all with public keys.
        issuer: ``iss``.
        audience: ``aud``.
        secret_file: holds the secret of HMAC, of at least as many bytes as the hash has.
        public_key_file: a PEM file.
        jwks_file: a JSON Web Key Set; which of its keys is told by ``kid``.
        leeway_seconds: for clocks that differ, in ``exp``, ``nbf`` and ``iat``.
        scope_claim: holds scopes, as a list or with spaces between them.
    """

    algorithms: tuple[str, ...]
    issuer: str
    audience: str
    secret_file: Path | None = None
    public_key_file: Path | None = None
    jwks_file: Path | None = None
    leeway_seconds: float = 30.0
    scope_claim: str = "scope"


def token_reader(rules: TokenRules) -> ReadToken:
    """Makes the function that reads tokens.

    Raises:
        UsageError: the rules contradict each other, or a file does not hold what it should.
    """
    key_of = _key_source(rules)
    options: Any = {"require": list(REQUIRED)}

    def read(token: str) -> Caller | None:
        if len(token) > MOST_CHARACTERS:
            return None
        try:
            header = jwt.get_unverified_header(token)
            key = key_of(header)
            if key is None or _type(header) not in TYPES or "crit" in header:
                return None
            claims = jwt.decode(
                token,
                key,
                algorithms=list(rules.algorithms),
                issuer=rules.issuer,
                audience=rules.audience,
                leeway=rules.leeway_seconds,
                options=options,
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
            # Not every part of a hostile token meets a check of the library's own before it is used.
            return None
        return _caller(claims, rules.scope_claim)

    return read


def _key_source(rules: TokenRules) -> KeyOf:
    sources = (rules.secret_file, rules.public_key_file, rules.jwks_file)
    if sum(source is not None for source in sources) != 1:
        raise UsageError("tokens need one of a secret file, a public key file and a JWKS file; give exactly one")
    allowed = HMAC if rules.secret_file is not None else SIGNED
    wrong = [name for name in rules.algorithms if name not in allowed]
    if wrong or not rules.algorithms:
        given = ", ".join(wrong) or "no algorithm"
        with_what = "a secret" if rules.secret_file is not None else "public keys"
        raise UsageError(f"tokens checked with {with_what} cannot have {given}; expected some of: {', '.join(allowed)}")
    if rules.secret_file is not None:
        secret = _secret(rules.secret_file, rules.algorithms)
        return lambda header: secret
    if rules.public_key_file is not None:
        public = _public_key(rules.public_key_file, rules.algorithms)
        return lambda header: public.get(str(header.get("alg")))
    return _from_set(_key_set(rules.jwks_file))


def _secret(path: Path, algorithms: tuple[str, ...]) -> bytes:
    secret = _read(path).strip()
    least = max(LEAST_SECRET_BYTES[name] for name in algorithms)
    if len(secret) < least:
        raise UsageError(f"the secret in '{path}' has {len(secret)} bytes; expected at least {least}, at random")
    if secret.startswith(b"-----BEGIN"):
        raise UsageError(f"'{path}' holds a key in PEM and no secret; give it as the public key file")
    return secret


def _public_key(path: Path, algorithms: tuple[str, ...]) -> dict[str, Any]:
    content = _read(path)
    if b"PRIVATE KEY" in content:
        raise UsageError(f"'{path}' holds a private key; expected the public key alone")
    try:
        return {name: jwt.get_algorithm_by_name(name).prepare_key(content) for name in algorithms}
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise UsageError(f"'{path}' holds no public key for {', '.join(algorithms)}; expected one in PEM") from error


def _key_set(path: Path | None) -> dict[str | None, jwt.PyJWK]:
    try:
        keys = jwt.PyJWKSet.from_json(_read(Path(path or "")).decode()).keys
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError) as error:
        raise UsageError(f"'{path}' holds no JSON Web Key Set; expected {{\"keys\": [...]}}") from error
    wrong = sorted({str(key.key_type) for key in keys} - {"RSA", "EC", "OKP"})
    if wrong:
        raise UsageError(f"'{path}' holds keys of type {', '.join(wrong)}; expected public keys: RSA, EC or OKP")
    return {key.key_id: key for key in keys}


def _from_set(keys: Mapping[str | None, jwt.PyJWK]) -> KeyOf:
    only = next(iter(keys.values())) if len(keys) == 1 else None

    def key_of(header: Mapping[str, Any]) -> jwt.PyJWK | None:
        key = only if "kid" not in header else keys.get(header["kid"])
        return key if key is not None and key.algorithm_name == header.get("alg") else None

    return key_of


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"the file '{path}' for tokens cannot be read: {error.strerror}") from error


def _type(header: Mapping[str, Any]) -> Any:
    given = header.get("typ")
    return given.upper() if isinstance(given, str) else given


def _caller(claims: Mapping[str, Any], scope_claim: str) -> Caller | None:
    given = claims.get(scope_claim, ())
    names = given.split() if isinstance(given, str) else given
    subject = claims["sub"]
    if not isinstance(subject, str) or not isinstance(names, list | tuple):
        return None
    return Caller(subject[:MOST_NAME], frozenset(SCOPES) & {name for name in names if isinstance(name, str)})
