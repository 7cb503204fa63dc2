"""Who may ask: keys, signed tokens, scopes and rates, in one function that every request passes.

Credentials are read from the header ``Authorization: Bearer ...`` or ``X-API-Key`` (metadata of the same names under
gRPC) and from nowhere else: an address, and so its query, is written down by every proxy on the way.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tfclassify.errors import UsageError
from tfclassify.serving.guard.keys import key_of, keys_in_file, keys_in_variable, new_key
from tfclassify.serving.guard.rates import Take, limiter, peer_name
from tfclassify.serving.guard.scopes import SCOPES, Caller, scopes_of
from tfclassify.serving.guard.tokens import ReadToken, TokenRules, token_reader
from tfclassify.serving.status import Code, Refusal

__all__ = ["Authorize", "Caller", "GuardOptions", "TokenRules", "guard", "new_key", "open_guard"]

MOST_KEY_CHARACTERS = 512
TOKEN_DOTS = 2
ANYBODY = "anonymous"
# Every reason why credentials are not taken reads the same to who sent them.
NOT_VALID = "The API key or token is not valid"
MISSING = "Give an API key or a token in the header Authorization: Bearer or X-API-Key"

# A credential to whose it is; None of one that is not to be trusted.
Check = Callable[[str], Caller | None]


class Authorize(Protocol):
    """Lets a request pass or refuses it."""

    def __call__(self, headers: Mapping[str, str], *, scope: str, peer: str) -> Caller:
        """Returns who asks.

        Args:
            headers: names in lower case.
            scope: what is asked for: predict, metadata, metrics or admin.
            peer: the address of the other end.

        Raises:
            Refusal: UNAUTHENTICATED without valid credentials, to be answered with ``WWW-Authenticate: Bearer``;
                PERMISSION_DENIED without the scope; RESOURCE_EXHAUSTED, with when to ask again, past the rate.
        """
        ...


@dataclass(frozen=True)
class GuardOptions:
    """What is asked of callers.

    Attributes:
        keys_file: stored keys.
        keys_variable: name of an environment variable with stored keys.
        tokens: which tokens are taken.
        anonymous_scopes: what is there for everybody, such as metrics.
        requests_per_second: of one caller; None does not limit.
        burst: requests of one caller at once; by default twice those of a second.
    """

    keys_file: Path | None = None
    keys_variable: str | None = None
    tokens: TokenRules | None = None
    anonymous_scopes: tuple[str, ...] = ()
    requests_per_second: float | None = None
    burst: int | None = None


def guard(options: GuardOptions, *, clock: Callable[[], float] = time.monotonic) -> Authorize:
    """Makes the guard that the options describe.

    Raises:
        UsageError: the options contradict each other, or a file does not hold what it should.
    """
    take = _limit(options, clock)
    check = _check(options)
    anonymous = scopes_of(options.anonymous_scopes or SCOPES, where="anonymous scopes")
    for_all = anonymous if options.anonymous_scopes or check is None else frozenset[str]()

    def authorize(headers: Mapping[str, str], *, scope: str, peer: str) -> Caller:
        given = None if check is None else _given(headers)
        if check is None or (given is None and scope in for_all):
            return _in_time(Caller(ANYBODY, for_all), take, scope=scope, bucket=f"peer {peer_name(peer)}")
        caller = check(given) if given else None
        if caller is None:
            # Whoever tries keys is limited as well.
            _spend(take, f"peer {peer_name(peer)}")
            raise Refusal(Code.UNAUTHENTICATED, MISSING if given is None else NOT_VALID)
        return _in_time(caller, take, scope=scope, bucket=f"caller {caller.name}")

    return authorize


def open_guard() -> Authorize:
    """Makes a guard that lets everybody in."""
    return guard(GuardOptions())


def _check(options: GuardOptions) -> Check | None:
    stored = [
        *(keys_in_file(options.keys_file) if options.keys_file is not None else ()),
        *(keys_in_variable(options.keys_variable) if options.keys_variable is not None else ()),
    ]
    names = [key.name for key in stored]
    for name in sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"there is a key '{name}' in the file and in the environment variable; give each its own name")
    reader = None if options.tokens is None else token_reader(options.tokens)
    if not stored and reader is None:
        return None

    def with_key(given: str) -> Caller | None:
        key = key_of(stored, given[:MOST_KEY_CHARACTERS], now=time.time())
        return None if key is None else Caller(key.name, key.scopes)

    def check(given: str) -> Caller | None:
        return _read_token(reader, given) if reader is not None and given.count(".") == TOKEN_DOTS else with_key(given)

    return check


def _read_token(reader: ReadToken, given: str) -> Caller | None:
    caller = reader(given)
    # A subject that is called like a key shall not use up its rate.
    return None if caller is None else Caller(f"token:{caller.name}", caller.scopes)


def _given(headers: Mapping[str, str]) -> str | None:
    """Returns the credential; None if there is none, and an empty one, which nobody has, if there is more than one."""
    scheme, _, bearer = headers.get("authorization", "").strip().partition(" ")
    found = [headers["x-api-key"].strip()] if "x-api-key" in headers else []
    if "authorization" in headers:
        found.append(bearer.strip() if scheme.lower() == "bearer" else "")
    return None if not found else found[0] if len(set(found)) == 1 else ""


def _in_time(caller: Caller, take: Take | None, *, scope: str, bucket: str) -> Caller:
    _spend(take, bucket)
    if scope not in caller.scopes:
        raise Refusal(Code.PERMISSION_DENIED, f"This needs the scope {scope}")
    return caller


def _spend(take: Take | None, bucket: str) -> None:
    wait_seconds = 0.0 if take is None else take(bucket)
    if wait_seconds > 0:
        raise Refusal(
            Code.RESOURCE_EXHAUSTED, "Too many requests; try again later", retry_after_seconds=math.ceil(wait_seconds)
        )


def _limit(options: GuardOptions, clock: Callable[[], float]) -> Take | None:
    rate, burst = options.requests_per_second, options.burst
    if rate is None:
        if burst is not None:
            raise UsageError(f"a burst of {burst} requests needs a rate; give requests_per_second too")
        return None
    if not (math.isfinite(rate) and rate > 0):
        raise UsageError(f"requests_per_second={rate}; expected a number above 0")
    if burst is not None and burst < 1:
        raise UsageError(f"burst={burst}; expected at least 1 request")
    return limiter(rate, burst if burst is not None else max(1, math.ceil(2 * rate)), clock=clock)
