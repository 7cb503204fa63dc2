"""What every gRPC call goes through: who calls, how long it may take, its refusal as a status, its line in the log."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import grpc

from tfclassify.serving.models import Models
from tfclassify.serving.status import HTTP_STATUS, Code, Refusal

LONGEST_MESSAGE_BYTES = 1024
TRUNCATED = "...TRUNCATED"
CLOCKS_APART_SECONDS = 0.05
UNKNOWN_MODEL = "unknown"
# Why a call was turned away that the model might have answered.
REJECTIONS = {
    Code.UNAUTHENTICATED: "unauthenticated",
    Code.PERMISSION_DENIED: "forbidden",
    Code.RESOURCE_EXHAUSTED: "rate",
    Code.UNAVAILABLE: "unavailable",
    Code.DEADLINE_EXCEEDED: "deadline",
}
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
STATUS = {status.value[0]: status for status in grpc.StatusCode}

logger = logging.getLogger(__name__)


class Guard(Protocol):
    """Lets callers in, or refuses them."""

    def __call__(self, headers: Mapping[str, str], *, scope: str, peer: str) -> Any:
        """Returns who calls, given metadata by lower-case name; raises Refusal."""


class Telemetry(Protocol):
    """Is told of every call."""

    @property
    def request(self) -> Callable[..., None]:
        """Takes the facts of a call by name."""

    @property
    def rejected(self) -> Callable[[str], None]:
        """Takes the reason why a call was turned away."""


@dataclass(frozen=True)
class Call:
    """A call under way.

    Attributes:
        models: that may be asked.
        headers: metadata of the call, by lower-case name; binary ones are left out.
        peer: address of the client, as gRPC writes it.
        deadline: on ``time.monotonic()``; None if the client set none.
    """

    models: Models
    headers: Mapping[str, str]
    peer: str
    deadline: float | None


@dataclass(frozen=True)
class Answer:
    """What is answered, and of it what is told.

    Attributes:
        message: the response.
        version: of the model that answered.
        instances: rows in the request.
        queue_seconds: that it waited for its batch.
        batch_rows: of that batch.
    """

    message: Any
    version: int | None = None
    instances: int = 0
    queue_seconds: float = 0.0
    batch_rows: int = 0


@dataclass(frozen=True)
class Method:
    """One method of a service.

    Attributes:
        name: in the service.
        scope: that a caller needs.
        model: the name of the model that a request is about.
        answer: makes the response, or raises Refusal.
    """

    name: str
    scope: str
    model: Callable[[Any], str]
    answer: Callable[[Call, Any], Awaitable[Answer]]


def handler(method: Method, models: Models, *, guard: Guard, telemetry: Telemetry) -> Callable[..., Awaitable[Any]]:
    """Returns what gRPC calls for a method: ``(request, context) -> response``."""

    async def handle(request: Any, context: Any) -> Any:
        start = time.monotonic()
        call = _call(models, context, start)
        caller, answer, refusal = None, None, None
        try:
            caller = guard(call.headers, scope=method.scope, peer=call.peer)
            answer = await method.answer(call, request)
        except Refusal as error:
            refusal = error
        except Exception:
            # A fault of ours; what it was is for the log, not for the client.
            logger.exception("%s failed", method.name)
            refusal = Refusal(Code.INTERNAL, "Internal error")
        finally:
            # Where the client has gone, or its deadline has passed, nothing is answered, but it is told all the same.
            code = Code.OK if answer else refusal.code if refusal else _left(call)
            if code in REJECTIONS:
                telemetry.rejected(REJECTIONS[code])
            telemetry.request(**_facts(method, call, request, answer, code), caller=caller, seconds=_since(start))
        if refusal is not None:
            await _abort(context, refusal)
        return answer and answer.message

    return handle


def client_details(message: str) -> str:
    """Returns the text of an error, of at most 1024 bytes and a mark where it was longer."""
    encoded = message.encode("utf-8", errors="replace")
    if len(encoded) <= LONGEST_MESSAGE_BYTES:
        return encoded.decode()
    return encoded[:LONGEST_MESSAGE_BYTES].decode("utf-8", errors="ignore") + TRUNCATED


def _call(models: Models, context: Any, now: float) -> Call:
    pairs = context.invocation_metadata() or ()
    headers = {key.lower(): value for key, value in pairs if isinstance(value, str)}
    remaining = context.time_remaining()
    return Call(models, headers, context.peer(), None if remaining is None else now + remaining)


def _left(call: Call) -> Code:
    # gRPC ends a call by a clock of its own.
    late = call.deadline is not None and time.monotonic() >= call.deadline - CLOCKS_APART_SECONDS
    return Code.DEADLINE_EXCEEDED if late else Code.CANCELLED


def _since(start: float) -> float:
    return time.monotonic() - start


def _facts(method: Method, call: Call, request: Any, answer: Answer | None, code: Code) -> dict[str, Any]:
    name, request_id = method.model(request), call.headers.get("x-request-id", "")
    known = answer or Answer(None)
    return {
        # A name that clients made up must not become a label of metrics.
        "model": name if name in call.models.names() else UNKNOWN_MODEL,
        "version": known.version,
        "method": method.name,
        "entrypoint": "GRPC",
        "code": code,
        "http_status": HTTP_STATUS[code],
        "queue_seconds": known.queue_seconds,
        "batch_rows": known.batch_rows,
        "instances": known.instances,
        "bytes_in": request.ByteSize(),
        "request_id": request_id if REQUEST_ID.fullmatch(request_id) else uuid.uuid4().hex,
        "traceparent": call.headers.get("traceparent"),
    }


async def _abort(context: Any, refusal: Refusal) -> None:
    trailing: tuple[tuple[str, str], ...] = ()
    if refusal.retry_after_seconds is not None:
        # By this a client's own retries wait as long.
        trailing = (("grpc-retry-pushback-ms", str(round(refusal.retry_after_seconds * 1000))),)
    await context.abort(STATUS[int(refusal.code)], client_details(refusal.message), trailing)
