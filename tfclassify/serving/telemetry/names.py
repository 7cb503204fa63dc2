"""Names that label metrics: each from a set that clients cannot make grow."""

from __future__ import annotations

import re
from collections.abc import Iterable
from threading import Lock

UNKNOWN, OTHER = "unknown", "other"
# As both ways in call what they do.
METHODS = {
    "predict": "predict",
    "classify": "classify",
    "regress": "regress",
    "multi_inference": "multi_inference",
    "multiinference": "multi_inference",
    "metadata": "metadata",
    "getmodelmetadata": "metadata",
    "status": "status",
    "getmodelstatus": "status",
    "handlereloadconfigrequest": "reload",
    "infer": "infer",
    "generate": "generate",
}
REASONS = frozenset(
    {
        "client_too_slow",
        "deadline",
        "encoding",
        "forbidden",
        "headers_too_large",
        "queue_full",
        "rate",
        "too_large",
        "too_many_connections",
        "unauthenticated",
        "unavailable",
    }
)
ROUTES = frozenset({b"rule", b"baseline", b"exit", b"windows", b"full"})
# What stands behind the kind of a route: rule:R7, exit@3, windows 2/9.
BEHIND = re.compile(rb"[:@ ]")
MOST_VERSIONS = 1000


class Served:
    """The models of a server, by its configuration, and the versions of each that have answered."""

    def __init__(self, models: Iterable[str]) -> None:
        """Knows the models of these names."""
        self._versions: dict[str, set[str]] = {name: set() for name in models}
        self._lock = Lock()

    def configure(self, models: Iterable[str]) -> None:
        """Takes another set of models for the one there was."""
        with self._lock:
            self._versions = {name: self._versions.get(name, set()) for name in models}

    def model(self, name: object) -> str:
        """Returns the name of a model that is configured; of any other, ``unknown``."""
        return name if isinstance(name, str) and name in self._versions else UNKNOWN

    def version(self, name: object, version: object, *, exists: bool) -> str:
        """Returns a version that is known to exist; of any other, ``unknown``.

        Args:
            name: of the model.
            version: of it; None of a request that did not come so far.
            exists: whether this shows that there is such a version.
        """
        known = self._versions.get(self.model(name))
        if known is None or version is None:
            return UNKNOWN
        text = str(version)
        with self._lock:
            if exists and len(known) < MOST_VERSIONS:
                known.add(text)
            return text if text in known else UNKNOWN


def method_name(name: str) -> str:
    """Returns our name of a method."""
    return METHODS.get(name.lower(), OTHER)


def reason_name(name: str) -> str:
    """Returns a reason to turn a request away that is one of those that are counted."""
    return name if name in REASONS else OTHER


def route_name(route: bytes) -> str:
    """Returns the kind of a route, without what each rule, layer or number of windows adds to it."""
    kind = BEHIND.split(route, maxsplit=1)[0]
    return kind.decode() if kind in ROUTES else OTHER
