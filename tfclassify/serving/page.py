"""The page at ``/`` to try a model: one file that loads nothing else and asks nobody but this server."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

from tfclassify.serving.served import Served
from tfclassify.serving.signatures import Signature
from tfclassify.serving.status import Refusal

SIGNATURE = "serving_default"
MOST_EXAMPLES, LONGEST_EXAMPLE = 6, 1000
# ``DataType`` of a tensor, to the field that a person fills in.
FIELDS = {
    7: "text",
    10: "boolean",
    **dict.fromkeys((1, 2, 14, 19), "number"),
    **dict.fromkeys((3, 4, 5, 6, 9), "whole"),
}


class VersionState(Protocol):
    """A version of a model and how far it is."""

    @property
    def version(self) -> int:
        """Its number."""

    @property
    def state(self) -> str:
        """``AVAILABLE`` if it answers."""


class Models(Protocol):
    """What the page asks about the models."""

    def statuses(self, name: str) -> Sequence[VersionState]:
        """Returns the versions of a model; raises Refusal if there are none."""

    def use(self, name: str, *, version: int) -> AbstractContextManager[Served]:
        """Holds a version; raises Refusal if it is not there."""


@dataclass(frozen=True)
class Page:
    """The page, and what it asks for.

    Attributes:
        html: UTF-8, always the same.
        content_security_policy: the value of that header for ``html``.
        models_json: gives what the page fetches from ``page/models``: ``{"models": [{"name", "versions": [{"version",
            "state", "inputs": [{"name", "field", maybe "optional"}] or null, "examples": [{input name: value}]}]}]}``.
    """

    html: bytes
    content_security_policy: str
    models_json: Callable[[], bytes]


def page(models: Models, names: Callable[[], Iterable[str]]) -> Page:
    """Makes the page to try models.

    Args:
        models: that are served.
        names: gives the names of those that are to be shown.
    """
    html = resources.files("tfclassify.serving").joinpath("page/index.html").read_text(encoding="utf-8")
    return Page(html.encode(), _policy(html), partial(_models_json, models, names))


def _policy(html: str) -> str:
    """Allows the page its own style and script by their hashes, requests to where it came from, and nothing else."""
    sources = {tag: " ".join(_hash(text) for text in _contents(html, tag)) for tag in ("style", "script")}
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src {sources['style']}",
            f"script-src {sources['script']}",
            "connect-src 'self'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        )
    )


def _contents(html: str, tag: str) -> list[str]:
    return re.findall(rf"<{tag}>(.*?)</{tag}>", html, flags=re.DOTALL)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _models_json(models: Models, names: Callable[[], Iterable[str]]) -> bytes:
    listed = [{"name": name, "versions": _versions(models, name)} for name in names()]
    return json.dumps({"models": listed}, allow_nan=False).encode()


def _versions(models: Models, name: str) -> list[dict[str, Any]]:
    try:
        statuses = sorted(models.statuses(name), key=lambda status: status.version, reverse=True)
    except Refusal:
        return []
    # As text: JavaScript rounds such numbers.
    return [{"version": str(s.version), "state": s.state, **_described(models, name, s)} for s in statuses]


def _described(models: Models, name: str, status: VersionState) -> dict[str, Any]:
    unknown: dict[str, Any] = {"inputs": None, "examples": []}
    if status.state != "AVAILABLE":
        return unknown
    try:
        with models.use(name, version=status.version) as served:
            signature, folder = served.loaded.signatures.get(SIGNATURE), served.folder
    except Refusal:
        return unknown
    inputs = None if signature is None else _inputs(signature, _features(folder))
    if inputs is None:
        return unknown
    return {"inputs": inputs, "examples": _examples(folder, tuple(each["name"] for each in inputs))}


def _inputs(signature: Signature, features: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Returns a field for each input, the texts first; None if a person cannot fill them in.

    A number that is a feature may be missing, which NaN says; an empty text says so of itself.
    """
    infos = signature.inputs
    if any(info.dtype not in FIELDS or info.shape is None or len(info.shape) != 1 for info in infos.values()):
        return None
    order = sorted(infos, key=lambda name: (name not in ("text", "text_b"), name))
    made = [{"name": name, "field": FIELDS[infos[name].dtype]} for name in order]
    return [{**each, "optional": True} if features.get(each["name"]) == "number" else each for each in made]


@lru_cache(maxsize=64)
def _features(folder: Path) -> Mapping[str, Any]:
    """Returns the kinds of the features that a version of ours takes, by name."""
    try:
        return dict(json.loads((folder / "servable.json").read_text(encoding="utf-8"))["data"]["features"])
    except (OSError, ValueError, LookupError, TypeError):
        return {}


@lru_cache(maxsize=64)
def _examples(folder: Path, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Reads examples from the golden ones of a version, which has none where they cannot be read."""
    try:
        golden = json.loads((folder / "golden.json").read_text(encoding="utf-8"))
        columns = [golden["inputs"][name] for name in names]
        rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    except (OSError, ValueError, LookupError, TypeError):
        return []
    short = (row for row in rows if all(_is_short(value) for value in row.values()))
    return [row for row, _ in zip(short, range(MOST_EXAMPLES), strict=False)]


def _is_short(value: Any) -> bool:
    return isinstance(value, bool | int | float | str) and len(str(value)) <= LONGEST_EXAMPLE
