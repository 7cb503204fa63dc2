"""API keys: made here, kept as salted hashes, compared in a time that tells nothing.

Keys are read from a file or an environment variable, one a line (in a variable also with ``;`` between them)::

    # name      hash                      scopes            until (optional, UTC)
    shop        sha256:SALT:DIGEST        predict
    dashboards  sha256:SALT:DIGEST        metrics,metadata  2027-01-31T00:00:00Z

SALT are 16 random bytes and DIGEST is the SHA-256 of salt and key, both in hexadecimal. A quick hash is enough because
a key made by :func:`new_key` has 256 random bits: there is nothing to guess. To change a key without a gap, add a line
with a new name, give the new key to its user, and take the old line out when it is used no more.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tfclassify.errors import UsageError
from tfclassify.serving.guard.scopes import scopes_of

PREFIX = "tfc_"
KEY_BYTES, SALT_BYTES = 32, 16
EXPECTED = "expected 'name sha256:SALT:DIGEST scope[,scope] [until]'"
HASH = re.compile(rf"sha256:([0-9a-f]{{{2 * SALT_BYTES}}}):([0-9a-f]{{64}})")
NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True)
class Key:
    """A key as it is stored; ``until`` is in seconds since 1970, None of a key without an end."""

    name: str
    salt: bytes
    digest: bytes
    scopes: frozenset[str]
    until: float | None = None


def new_key(name: str, scopes: Iterable[str], *, until: datetime | None = None) -> tuple[str, str]:
    """Makes a key.

    Args:
        name: under which it is logged and limited: 1 to 64 of ``A-Z a-z 0-9 . _ -``.
        scopes: what it opens.
        until: when it ends, with its time zone; by default never.

    Returns:
        The key, which is for its user and is kept nowhere, and the line that is stored.

    Raises:
        UsageError: the name or a scope is none, or ``until`` has no time zone.
    """
    if not NAME.fullmatch(name):
        raise UsageError(f"a key cannot be called '{name}'; expected 1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-'")
    if until is not None and until.tzinfo is None:
        raise UsageError(f"key '{name}' ends at {until.isoformat()}; expected a time with its zone, such as +00:00")
    asked = ",".join(sorted(scopes_of(scopes, where=f"key '{name}'")))
    key, salt = PREFIX + secrets.token_urlsafe(KEY_BYTES), secrets.token_bytes(SALT_BYTES)
    ends = [] if until is None else [until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")]
    return key, " ".join([name, f"sha256:{salt.hex()}:{_digest(salt, key).hex()}", asked, *ends])


def keys_in_file(path: Path) -> tuple[Key, ...]:
    """Reads the keys of a file.

    Raises:
        UsageError: it cannot be read, a line is not as expected, a name is there twice, or there is no key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"the file of keys '{path}' cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"the file of keys '{path}' is not UTF-8; {EXPECTED} on each line") from error
    return _keys(text.splitlines(), where=f"the file of keys '{path}'")


def keys_in_variable(name: str) -> tuple[Key, ...]:
    """Reads the keys of an environment variable.

    Raises:
        UsageError: there is no such variable, or it does not hold keys.
    """
    if name not in os.environ:
        raise UsageError(f"the environment variable {name} is not set; expected keys in it")
    return _keys(re.split(r"[;\n]", os.environ[name]), where=f"the environment variable {name}")


def key_of(keys: Sequence[Key], given: str, *, now: float) -> Key | None:
    """Finds whose key is given.

    Every key is hashed and compared whatever was found before, each in constant time, so that how long it takes
    depends on how many keys there are and on nothing else.

    Args:
        keys: that there are.
        given: by the caller.
        now: in seconds since 1970.

    Returns:
        The key; None when it is none of them, or has ended.
    """
    found = None
    for key in keys:
        same = hmac.compare_digest(_digest(key.salt, given), key.digest)
        valid = key.until is None or now < key.until
        found = key if same & valid else found
    return found


def _digest(salt: bytes, key: str) -> bytes:
    return hashlib.sha256(salt + key.encode("utf-8", "surrogatepass")).digest()


def _keys(lines: Iterable[str], *, where: str) -> tuple[Key, ...]:
    found: dict[str, Key] = {}
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        key = _key(words, where=f"{where}, line {number}")
        if key.name in found:
            raise UsageError(
                f"{where}, line {number}: there is a key '{key.name}' already; give every key its own name"
            )
        found[key.name] = key
    if not found:
        raise UsageError(f"{where} holds no key; {EXPECTED} on each line")
    return tuple(found.values())


def _key(words: Sequence[str], *, where: str) -> Key:
    # What stands there is not repeated: it may be a key that somebody took for its hash.
    if len(words) not in (3, 4) or not NAME.fullmatch(words[0]) or not (hashed := HASH.fullmatch(words[1])):
        raise UsageError(f"{where}: this is no stored key; {EXPECTED}")
    salt, digest = (bytes.fromhex(part) for part in hashed.groups())
    until = _time(words[3], where=where) if len(words) == 4 else None
    return Key(words[0], salt, digest, scopes_of(words[2].split(","), where=where), until)


def _time(text: str, *, where: str) -> float:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError as error:
        raise UsageError(f"{where}: '{text}' is no time; expected one in UTC such as 2027-01-31T00:00:00Z") from error
