"""API keys: made, stored, read, found, and compared without telling by time."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfclassify.errors import UsageError
from tfclassify.serving.guard import keys as module
from tfclassify.serving.guard.keys import Key, key_of, keys_in_file, keys_in_variable, new_key

DIGESTS = "sha256:" + "0" * 32 + ":" + "a" * 64


def stored(tmp_path: Path, *lines: str) -> tuple[Key, ...]:
    path = tmp_path / "keys"
    path.write_text("\n".join(lines), encoding="utf-8")
    return keys_in_file(path)


def test_a_key_is_found_by_its_line(tmp_path: Path) -> None:
    made = [new_key(name, ["predict"]) for name in ("a", "b", "c")]
    keys = stored(tmp_path, "# ours", "", *(line for _, line in made), "  ")
    found = [key_of(keys, key, now=0.0) for key, _ in made]
    assert [key.name for key in found if key] == ["a", "b", "c"]
    assert key_of(keys, made[0][0] + "x", now=0.0) is None
    assert key_of(keys, "", now=0.0) is None
    assert key_of((), made[0][0], now=0.0) is None


def test_a_key_is_long_and_nowhere_in_its_line() -> None:
    key, line = new_key("shop", ["predict", "metadata"])
    assert len({new_key("shop", ["predict"])[0] for _ in range(100)}) == 100
    assert len(key) == len("tfc_") + 43
    assert key[4:] not in line
    name, hashed, scopes = line.split()
    salt, digest = hashed.split(":")[1:]
    assert (name, scopes) == ("shop", "metadata,predict")
    assert hashlib.sha256(bytes.fromhex(salt) + key.encode()).hexdigest() == digest


def test_a_key_ends(tmp_path: Path) -> None:
    until = datetime(2027, 1, 31, 12, tzinfo=timezone(timedelta(hours=2)))
    key, line = new_key("shop", ["predict"], until=until)
    assert line.endswith(" predict 2027-01-31T10:00:00Z")
    keys = stored(tmp_path, line)
    end = until.timestamp()
    assert keys[0].until == end == datetime(2027, 1, 31, 10, tzinfo=UTC).timestamp()
    assert key_of(keys, key, now=end - 1) == keys[0]
    assert key_of(keys, key, now=end) is None


def test_keys_change_without_a_gap(tmp_path: Path) -> None:
    old, old_line = new_key("shop-2026", ["predict"])
    new, new_line = new_key("shop-2027", ["predict"])
    assert key_of(stored(tmp_path, old_line), new, now=0.0) is None
    both = stored(tmp_path, old_line, new_line)
    assert [getattr(key_of(both, key, now=0.0), "name", None) for key in (old, new)] == ["shop-2026", "shop-2027"]
    assert key_of(stored(tmp_path, new_line), old, now=0.0) is None


def test_keys_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    (first, one), (second, other) = new_key("a", ["predict"]), new_key("b", ["admin"])
    monkeypatch.setenv("KEYS", f"{one}; {other}\n")
    keys = keys_in_variable("KEYS")
    assert [key_of(keys, key, now=0.0) for key in (first, second)] == list(keys)


@pytest.mark.parametrize("which", [0, 3, 7, None])
def test_every_key_is_compared_whichever_it_is(
    which: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [new_key(f"k{number}", ["predict"], until=datetime(2000 + number, 1, 1, tzinfo=UTC)) for number in range(8)]
    keys = stored(tmp_path, *(line for _, line in made))
    compared: list[tuple[bytes, bytes]] = []
    real = module.hmac.compare_digest

    def compare(one: Any, other: Any) -> bool:
        compared.append((one, other))
        return real(one, other)

    monkeypatch.setattr(module.hmac, "compare_digest", compare)
    key_of(keys, "nothing" if which is None else made[which][0], now=0.0)
    assert [other for _, other in compared] == [key.digest for key in keys]


@given(st.text())
def test_anything_may_be_given(text: str) -> None:
    assert key_of((Key("a", b"0" * 16, b"0" * 32, frozenset()),), text, now=0.0) is None


def refused(tmp_path: Path, *lines: str) -> str:
    with pytest.raises(UsageError) as caught:
        stored(tmp_path, *lines)
    return str(caught.value).replace(str(tmp_path), "FOLDER")


EXPECTED = "expected 'name sha256:SALT:DIGEST scope[,scope] [until]'"


@pytest.mark.parametrize(
    "line",
    [
        "shop",
        f"shop {DIGESTS}",
        f"shop {DIGESTS} predict 2027-01-31T00:00:00Z more",
        "shop tfc_secret predict",
        f"sh/op {DIGESTS} predict",
        f"shop {DIGESTS.upper()} predict",
        f"shop {DIGESTS}0 predict",
    ],
)
def test_what_is_no_line(line: str, tmp_path: Path) -> None:
    said = refused(tmp_path, "# one", line)
    assert said == f"the file of keys 'FOLDER/keys', line 2: this is no stored key; {EXPECTED}"
    assert "tfc_secret" not in said


def test_what_is_wrong_in_a_line(tmp_path: Path) -> None:
    assert refused(tmp_path, f"a {DIGESTS} predct") == (
        "the file of keys 'FOLDER/keys', line 1: no scope 'predct'; scopes: predict, metadata, metrics, admin; "
        "did you mean 'predict'?"
    )
    assert refused(tmp_path, f"a {DIGESTS} predict tomorrow") == (
        "the file of keys 'FOLDER/keys', line 1: 'tomorrow' is no time; expected one in UTC such as "
        "2027-01-31T00:00:00Z"
    )
    assert refused(tmp_path, f"a {DIGESTS} predict", f"a {DIGESTS} admin") == (
        "the file of keys 'FOLDER/keys', line 2: there is a key 'a' already; give every key its own name"
    )
    assert refused(tmp_path, "# none") == f"the file of keys 'FOLDER/keys' holds no key; {EXPECTED} on each line"


def test_keys_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^the file of keys '.*none' cannot be read: No such file or directory$"):
        keys_in_file(tmp_path / "none")
    (tmp_path / "keys").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"^the file of keys '.*keys' is not UTF-8; expected 'name "):
        keys_in_file(tmp_path / "keys")
    with pytest.raises(UsageError, match=r"^the environment variable NO_KEYS is not set; expected keys in it$"):
        keys_in_variable("NO_KEYS")


def test_keys_that_cannot_be_made() -> None:
    with pytest.raises(UsageError, match=r"^a key cannot be called 'a b'; expected 1 to 64 of A-Z, a-z, 0-9, "):
        new_key("a b", ["predict"])
    with pytest.raises(UsageError, match=r"^key 'a': no scope is given; expected some of: predict, metadata, "):
        new_key("a", [])
    with pytest.raises(UsageError, match=r"^key 'a' ends at 2027-01-01T00:00:00; expected a time with its zone"):
        new_key("a", ["predict"], until=datetime(2027, 1, 1))
