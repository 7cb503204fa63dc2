"""What a REST server is given from outside, by shape: models, who may call, who is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Any, Protocol

from tfclassify.serving.loaded import Loaded, Tensors


class ServedModel(Protocol):
    """A version of a model that answers."""

    @property
    def loaded(self) -> Loaded:
        """The model."""

    @property
    def submit(self) -> Callable[[str, Tensors, float | None], Future[Any]]:
        """``(signature name, inputs, deadline) -> future of the outputs``, which fails with Refusal."""


class ServedModels(Protocol):
    """All models of a server."""

    def use(
        self, name: str, *, version: int | None = None, label: str | None = None
    ) -> AbstractContextManager[ServedModel]:
        """Holds a version for as long as it is needed."""

    def statuses(self, name: str, version: int | None = None) -> Sequence[Any]:
        """Says how versions stand."""

    def ready(self) -> bool:
        """Says whether every configured model has a version that answers."""


class Guard(Protocol):
    """Who may call."""

    def __call__(self, headers: Mapping[str, str], *, scope: str, peer: str) -> Any:
        """Returns the caller, or raises Refusal."""


class Page(Protocol):
    """A page to try the models."""

    @property
    def html(self) -> bytes:
        """The page itself."""

    @property
    def content_security_policy(self) -> str:
        """What it may load."""

    @property
    def models_json(self) -> Callable[[], bytes]:
        """Gives what it asks for at ``/page/models``."""


class Telemetry(Protocol):
    """Who is told."""

    @property
    def request(self) -> Callable[..., None]:
        """Is told of every request under ``/v1/`` that was answered."""

    @property
    def event(self) -> Callable[[str, Mapping[str, Any]], None]:
        """Is told of what happened to the server."""

    @property
    def rejected(self) -> Callable[[str], None]:
        """Is told why a request was turned away."""

    @property
    def exposition(self) -> Callable[[], bytes]:
        """Gives the metrics as text."""


# Why a request was turned away, where that is worth counting, by its HTTP status.
REJECTIONS: dict[int, str] = {
    401: "unauthenticated",
    403: "forbidden",
    408: "client_too_slow",
    413: "too_large",
    415: "encoding",
    429: "rate",
    431: "headers_too_large",
    503: "unavailable",
    504: "deadline",
}
